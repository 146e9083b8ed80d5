import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_music import melody_score, random_melody

from symbolic_music.data.blocks.augment import (
    Augmentation,
    AugmentationError,
    augmented_copies,
    check_may_augment,
    fitting_transpositions,
)


def pitches(score):
    return score.tracks[0].notes.numpy()["pitch"].tolist()


def test_copies_come_in_the_order_asked_for():
    score = melody_score([60, 64, 67])
    copies = list(augmented_copies(score, Augmentation((-2, 0, 3), (1.0, 2.0))))
    assert [pitches(copy)[0] for copy in copies] == [58, 58, 60, 60, 63, 63]
    assert [round(copy.tempos[0].qpm) for copy in copies] == [120, 240] * 3
    assert pitches(score) == [60, 64, 67]


def test_a_copy_out_of_range_moves_by_an_octave_or_is_left_out():
    score = melody_score([60, 72])
    assert fitting_transpositions(score, (0, 5, -5), (55, 75)) == [0, -5]
    assert fitting_transpositions(score, (0, 5), (48, 75)) == [0, -7]
    assert fitting_transpositions(score, (0, 5), (60, 72)) == [0]
    assert fitting_transpositions(melody_score([10, 120]), (0, 12), (0, 100)) == [0]


@settings(max_examples=50, deadline=None)
@given(low=st.integers(0, 127), span=st.integers(0, 60), wanted=st.sets(st.integers(-24, 24), min_size=1, max_size=12))
def test_every_copy_stays_in_range_and_none_is_there_twice(low, span, wanted):
    score = melody_score([low, min(127, low + span)] * 4)
    copies = [tuple(pitches(copy)) for copy in augmented_copies(score, Augmentation(tuple(sorted(wanted))))]
    assert len(set(copies)) == len(copies)
    assert all(min(copy) >= 0 and max(copy) <= 127 for copy in copies)


def test_drums_are_not_copied():
    drums = melody_score([36, 38] * 8, is_drum=True)
    assert [pitches(copy) for copy in augmented_copies(drums, Augmentation((-1, 0, 1)))] == [[36, 38] * 8]


@pytest.mark.parametrize("split", ["validation", "test", "test[:10%]"])
def test_only_the_training_split_may_be_augmented(split):
    with pytest.raises(AugmentationError, match="only the split 'train' may be augmented"):
        check_may_augment(split, Augmentation((0, 1)))
    check_may_augment(split, Augmentation())


def test_training_pieces_may_and_nameless_ones_warn(caplog):
    check_may_augment("train", Augmentation((0, 1)))
    check_may_augment("train[:100]", Augmentation((0, 1)))
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        check_may_augment(None, Augmentation((0, 1)))
    assert "make sure that they are for training" in caplog.text


@pytest.mark.parametrize(
    "values", [{"transpositions": ()}, {"transpositions": (1, 1)}, {"tempo_factors": (0.0,)}, {"pitch_range": (9, 3)}]
)
def test_senseless_values_are_refused(values):
    with pytest.raises(AugmentationError, match="expected"):
        Augmentation(**values)


def test_a_few_copies_are_drawn_by_what_the_piece_is():
    wanted = Augmentation(tuple(range(-5, 7)), most_copies=2)
    pieces = [melody_score(random_melody(seed)) for seed in range(40)]
    drawn = [[pitches(copy)[0] - pitches(piece)[0] for copy in augmented_copies(piece, wanted)] for piece in pieces]
    again = [[pitches(copy)[0] - pitches(piece)[0] for copy in augmented_copies(piece, wanted)] for piece in pieces]
    assert drawn == again
    assert all(len(shifts) == 2 and shifts[0] < shifts[1] for shifts in drawn)
    assert {shift for shifts in drawn for shift in shifts} == set(range(-5, 7))
    with pytest.raises(AugmentationError, match="at least one copy of each piece, got 0"):
        Augmentation(most_copies=0)
