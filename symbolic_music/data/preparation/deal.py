"""Which rows are new, which are near duplicates, and to which split each is dealt. Knows nothing of files."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from symbolic_music.data.preparation.duplicates import NUM_PERMUTATIONS, Groups, find_groups
from symbolic_music.data.preparation.shards import shards
from symbolic_music.data.preparation.splits import (
    SplitBy,
    SplitError,
    SplitFractions,
    assign_splits,
    check_groups_whole,
    group_keys,
    group_number,
    split_hash,
)


@dataclass(frozen=True)
class Gathered:
    """What the deal looks at, of all n rows of the shards and of the k of them that are usable and new.

    Args:
        kept: (n,) bool, which rows are usable and new.
        same_as: n, for an exact duplicate the name of the piece that is kept; "" otherwise.
        digests: k, of the kept rows' content, by which they are dealt.
        stored_digests: k, of what is read from their MIDI files.
        signatures: (k, NUM_PERMUTATIONS) uint32.
        is_empty: (k,) bool, those without any shingle.
    """

    kept: np.ndarray
    same_as: list[str]
    digests: list[str]
    stored_digests: list[str]
    signatures: np.ndarray
    is_empty: np.ndarray


@dataclass(frozen=True)
class Deal:
    """What becomes of each row of the shards, in their order.

    Args:
        splits: the split of each row; "" for one that is left out.
        numbers: its near-duplicate group's number, int64.
        split_hash: SHA-256 over the contents of the splits, as whoever reads the dataset finds them.
        groups: the groups of the kept rows.
    """

    splits: np.ndarray
    numbers: np.ndarray
    split_hash: str
    groups: Groups


def gather_rows(work: Path) -> Gathered:
    """Read what the deal needs from the shards in a folder."""
    kept: list[bool] = []
    same_as: list[str] = []
    first_name: dict[str, str] = {}
    stored_digests: list[str] = []
    signatures: list[np.ndarray] = []
    has_shingles: list[bool] = []
    for table in shards(work, ["source", "name", "digest", "stored_digest", "signature", "has_shingles"]):
        fresh = []
        for source, name, digest in zip(*(table[c].to_pylist() for c in ("source", "name", "digest")), strict=True):
            label = f"{source}/{name}"
            fresh.append(digest is not None and digest not in first_name)
            same_as.append("" if digest is None or fresh[-1] else first_name[digest])
            if fresh[-1]:
                first_name[digest] = label
        chosen = table.filter(pa.array(fresh, pa.bool_()))
        flat = chosen["signature"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        signatures.append(flat.reshape(-1, NUM_PERMUTATIONS).astype(np.uint32))
        has_shingles += chosen["has_shingles"].to_pylist()
        stored_digests += chosen["stored_digest"].to_pylist()
        kept += fresh
    is_empty = ~np.array(has_shingles, dtype=bool)
    digests = list(first_name)
    return Gathered(np.array(kept, dtype=bool), same_as, digests, stored_digests, np.concatenate(signatures), is_empty)


def deal_rows(
    rows: Gathered,
    split_by: SplitBy,
    fractions: SplitFractions,
    seed: int,
    threshold: float,
    pairs: np.ndarray | None = None,
) -> Deal:
    """Find the near-duplicate groups of the kept rows and deal them to the splits.

    Args:
        rows: what is known of them.
        split_by: whether groups or single pieces are dealt.
        fractions: of the splits.
        seed: of the deal.
        threshold: lowest similarity of near duplicates.
        pairs: see `find_groups`.

    Raises:
        SplitError: no row to deal, or too few groups for the splits.
    """
    if not rows.digests:
        raise SplitError("not one usable piece")
    groups = find_groups(rows.signatures, rows.is_empty, threshold, pairs=pairs)
    keys = group_keys(groups.labels, rows.digests)
    by_group = split_by is SplitBy.GROUP
    dealt = assign_splits(keys if by_group else rows.digests, fractions, seed)
    if by_group:
        check_groups_whole(dealt, groups.labels)
    splits = np.full(len(rows.kept), "", dtype=object)
    splits[rows.kept] = dealt
    numbers = np.zeros(len(rows.kept), np.int64)
    numbers[rows.kept] = [group_number(key) for key in keys]
    return Deal(splits, numbers, split_hash(dealt, rows.stored_digests), groups)
