import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_music import melody_score, random_melody

from symbolic_music.data.preparation.duplicates import NUM_PERMUTATIONS, find_groups, shingles, signature
from symbolic_music.score.transforms.edit import scale_tempo, transpose


def groups_of(scores, **options):
    hashes = [shingles(score) for score in scores]
    signatures = np.stack([signature(found) for found in hashes])
    return find_groups(signatures, np.array([not len(found) for found in hashes]), **options)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000), semitones=st.integers(-24, 24), factor=st.floats(0.25, 4), quarters=st.floats(0.1, 2)
)
def test_key_and_tempo_leave_the_shingles_alone(seed, semitones, factor, quarters):
    original = melody_score(random_melody(seed))
    moved = scale_tempo(transpose(original, semitones), factor)
    stretched = melody_score(random_melody(seed), quarters=quarters)
    np.testing.assert_array_equal(shingles(original), shingles(moved))
    np.testing.assert_array_equal(shingles(original), shingles(stretched))


def test_transposed_repeated_and_ornamented_copies_share_a_group_and_others_do_not():
    melody = random_melody(1, 64)
    ornamented = np.insert(melody, [10, 30, 50], melody[[10, 30, 50]] + 2)
    scores = [
        melody_score(melody),
        melody_score(random_melody(2, 64)),
        melody_score(melody + 5),
        melody_score(np.tile(melody, 2)),
        melody_score(ornamented),
        melody_score(random_melody(3, 64)),
    ]
    assert groups_of(scores).labels.tolist() == [0, 1, 0, 0, 0, 5]


def test_a_melody_is_found_under_an_accompaniment():
    melody = random_melody(4, 64)
    with_bass = melody_score(melody)
    with_bass.tracks.append(melody_score(random_melody(5, 32) - 12, program=32, quarters=1.0).tracks[0])
    assert groups_of([melody_score(melody), with_bass]).labels.tolist() == [0, 0]


def test_groups_do_not_depend_on_the_order_of_the_pieces():
    scores = [melody_score(random_melody(seed) + shift) for seed in range(10) for shift in (0, 3)]
    order = np.random.default_rng(0).permutation(len(scores))
    straight, shuffled = groups_of(scores).labels, groups_of([scores[i] for i in order]).labels
    same = straight[:, None] == straight
    np.testing.assert_array_equal(same[np.ix_(order, order)], shuffled[:, None] == shuffled)


def test_pieces_without_shingles_are_groups_of_their_own():
    scores = [melody_score([60]), melody_score([62]), melody_score([60] * 20)]
    assert [len(shingles(score)) for score in scores] == [0, 0, 0]
    assert groups_of(scores).labels.tolist() == [0, 1, 2]


def test_drums_count_only_without_pitched_tracks():
    beat = melody_score([36, 38, 42] * 16, is_drum=True)
    other = melody_score([36, 36, 46, 38] * 12, is_drum=True)
    song = melody_score(random_melody(6))
    with_beat = song.copy()
    with_beat.tracks.append(beat.tracks[0])
    assert groups_of([beat, other, beat.copy()]).labels.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(shingles(song), shingles(with_beat))


def test_a_chain_of_weak_links_is_cut_where_it_is_weakest():
    # Each signature shares 40% with the next and nothing with the one after; the middle link is the weakest.
    rng = np.random.default_rng(0)
    signatures = rng.integers(0, 2**32, (6, NUM_PERMUTATIONS), dtype=np.uint32)
    for piece in range(5):
        start, share = (piece % 2) * NUM_PERMUTATIONS // 2, 70 if piece == 2 else 110
        signatures[piece + 1, start : start + share] = signatures[piece, start : start + share]
    is_empty = np.zeros(6, dtype=bool)
    assert find_groups(signatures, is_empty, 0.2).labels.tolist() == [0] * 6
    capped = find_groups(signatures, is_empty, 0.2, max_group=3)
    assert capped.labels.tolist() == [0, 0, 0, 3, 3, 3]
    assert capped.refused_links == 1


def test_many_copies_of_one_piece_are_one_group():
    scores = [melody_score(random_melody(0))] * 200 + [melody_score(random_melody(1))]
    assert groups_of(scores, max_group=500).labels.tolist() == [0] * 200 + [200]


def test_signatures_are_the_same_in_every_process_and_version():
    found = signature(shingles(melody_score(range(40, 70))))
    assert found.dtype == np.uint32
    assert found.shape == (NUM_PERMUTATIONS,)
    np.testing.assert_array_equal(found, signature(shingles(melody_score(range(50, 80)))))


def test_threshold_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"threshold in \(0, 1\], got 0"):
        find_groups(np.zeros((1, NUM_PERMUTATIONS), np.uint32), np.zeros(1, bool), 0)
