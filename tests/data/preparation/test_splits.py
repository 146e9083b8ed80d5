from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symbolic_music.data.preparation.splits import (
    SplitError,
    SplitFractions,
    assign_splits,
    check_groups_whole,
    group_keys,
    group_number,
    split_hash,
)


def digests(count, prefix=""):
    return [sha256(f"{prefix}{number}".encode()).hexdigest() for number in range(count)]


@settings(max_examples=50, deadline=None)
@given(labels=st.lists(st.integers(0, 30), min_size=10, max_size=200), seed=st.integers(0, 100))
def test_no_group_is_ever_cut(labels, seed):
    labels = np.array([*labels, 31, 32])
    keys = group_keys(labels, digests(len(labels)))
    splits = assign_splits(keys, SplitFractions(0.2, 0.2), seed)
    check_groups_whole(splits, labels)
    assert set(splits) == {"train", "validation", "test"}


def test_cut_groups_are_found():
    with pytest.raises(SplitError, match="group 7 is cut"):
        check_groups_whole(["train", "test"], np.array([7, 7]))


def test_fractions_are_kept_on_average():
    splits = assign_splits(digests(20_000), SplitFractions(0.05, 0.10), seed=0)
    assert abs(splits.count("validation") / 20_000 - 0.05) < 0.005
    assert abs(splits.count("test") / 20_000 - 0.10) < 0.007


def test_adding_files_moves_no_piece_that_they_do_not_join():
    old, new = digests(500), digests(100, "new")
    before = assign_splits(old, SplitFractions(), seed=0)
    after = assign_splits([*new, *old], SplitFractions(), seed=0)
    assert after[100:] == before


def test_group_keys_do_not_depend_on_order():
    found = digests(4)
    keys = group_keys(np.array([0, 0, 2, 0]), found)
    assert group_keys(np.array([0, 1, 0, 0]), [found[3], found[2], found[1], found[0]]) == keys[::-1]
    assert keys[0] == min(found[0], found[1], found[3])
    assert 0 <= group_number(keys[0]) < 2**63


def test_another_seed_deals_otherwise():
    keys = digests(200)
    assert assign_splits(keys, SplitFractions(), 0) != assign_splits(keys, SplitFractions(), 1)


def test_small_corpora_still_fill_every_wanted_split():
    for count in range(3, 12):
        assert set(assign_splits(digests(count), SplitFractions(), 0)) == {"train", "validation", "test"}
    assert set(assign_splits(digests(5), SplitFractions(0, 0), 0)) == {"train"}
    assert set(assign_splits(digests(3), SplitFractions(0.5, 0.49), 0)) == {"train", "validation", "test"}
    with pytest.raises(SplitError, match="2 near-duplicate groups cannot fill 3 splits"):
        assign_splits(digests(2), SplitFractions(), 0)


@pytest.mark.parametrize("shares", [(-0.1, 0.1), (0.5, 0.5)])
def test_impossible_fractions_print_both_values(shares):
    with pytest.raises(SplitError, match=f"validation={shares[0]} and test={shares[1]}"):
        SplitFractions(*shares)


def test_split_hash_knows_contents_and_not_order():
    found = digests(3)
    assert split_hash(["train", "test", "train"], found) == split_hash(
        ["train", "train", "test"], [found[2], found[0], found[1]]
    )
    assert split_hash(["train", "test", "train"], found) != split_hash(["train", "train", "train"], found)
