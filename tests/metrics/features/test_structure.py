"""Structure indicators: the fitness of segments against values worked out by hand."""

import numpy as np
import pytest
from metrics.pieces import EMPTY, ONLY_DRUMS, SINGLE_NOTE, melody, piece

from symbolic_music.metrics.features.notes import NoteTable
from symbolic_music.metrics.features.structure import PENALTY, bar_similarities, fitness, structure_indicator

A, B, C = (60, 62, 64, 65), (67, 67, 69, 67), (61, 66, 63, 68)


def form(*bars, **options):
    """A bar of four quarter notes for each of the tuples; None is an empty one."""
    return piece(
        [note for bar, pitches in enumerate(bars) if pitches for note in melody(*pitches, start=4 * bar)], **options
    )


def test_bars_are_alike_by_what_they_share():
    similarities = bar_similarities(NoteTable(form(A, (60, 62, 64, 60), B, None, None, A)))
    assert similarities[0] == pytest.approx([1, 3 / 4, PENALTY, PENALTY, PENALTY, 1])
    assert similarities[3] == pytest.approx([PENALTY, PENALTY, PENALTY, 1, 0, PENALTY])
    assert (similarities == similarities.T).all()


def test_octaves_are_alike_and_other_rhythms_are_not():
    octave = bar_similarities(NoteTable(piece([*melody(*A), *melody(72, 74, 76, 77, start=4)])))
    late = bar_similarities(NoteTable(piece([*melody(*A), *melody(*A, start=4.5)[:3]])))
    assert (octave[0, 1], late[0, 1]) == (1, PENALTY)


def test_fitness_by_hand():
    # A B A B: the segment A B covers all; score (4 - 2) / 4, coverage (4 - 2) / 4, fitness 1/2.
    matrix = bar_similarities(NoteTable(form(A, B, A, B)))
    assert fitness(matrix, 2) == pytest.approx([1 / 2, 0, 1 / 2])  # B A is there once
    # The segment A is there twice: score (2 - 1) / 2, coverage (2 - 1) / 4, harmonic mean 1/3.
    assert fitness(matrix, 1) == pytest.approx([1 / 3] * 4)


def test_fitness_of_a_segment_that_is_not_quite_repeated():
    similarities = np.array([[1, 0.8, -2], [0.8, 1, -2], [-2, -2, 1]])
    # score (1.8 - 1) / 2 = 0.4, coverage (2 - 1) / 3.
    expected = 2 * 0.4 / 3 / (0.4 + 1 / 3)
    assert fitness(similarities, 1) == pytest.approx([expected, expected, 0])


def test_stretches_do_not_overlap():
    # Four equal bars: of segments of three bars only one stretch fits beside nothing.
    assert fitness(np.ones((4, 4)), 3) == pytest.approx([0, 0])
    assert fitness(np.ones((4, 4)), 2) == pytest.approx([1 / 2] * 3)
    assert fitness(np.ones((4, 4)), 1) == pytest.approx([3 / 4] * 4)


def test_indicators_look_at_segments_of_their_length():
    # Two seconds for a bar: the segment of two bars lasts four.
    score = form(A, B, A, B)
    assert structure_indicator(score, shortest=3.0, longest=8.0) == pytest.approx(1 / 2)
    assert structure_indicator(score, shortest=1.0, longest=3.0) == pytest.approx(1 / 3)
    assert structure_indicator(score, shortest=8.0, longest=15.0) == 0  # would be half of the piece or more
    slow = form(A, B, A, B, tempo=30.0)
    assert structure_indicator(slow, shortest=15.0) == pytest.approx(1 / 2)
    assert structure_indicator(slow, shortest=3.0, longest=8.0) == pytest.approx(1 / 3)


def test_an_order_without_repetition_has_none():
    assert structure_indicator(form(A, B, C), shortest=1.0) == 0


@pytest.mark.parametrize("score", [EMPTY, ONLY_DRUMS, SINGLE_NOTE, form(A)])
def test_nothing_to_repeat(score):
    assert structure_indicator(score, shortest=0.1) == 0


def test_a_long_piece_is_judged_by_its_beginning():
    repeated = form(*[A, B] * 300)
    assert 0 < structure_indicator(repeated, shortest=15.0, longest=17.0) < 1
