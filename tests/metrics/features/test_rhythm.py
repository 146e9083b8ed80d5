"""Metrics of density and groove against values worked out by hand."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from metrics.pieces import EMPTY, NOTES, SINGLE_NOTE, in_quarters, melody, piece

from symbolic_music.metrics.features.rhythm import (
    groove_consistency,
    grooving_similarity,
    notes_per_bar,
    notes_per_second,
)

STEADY = piece([(bar * 4 + beat, 1, 60) for bar in range(3) for beat in range(4)])


def test_density_counts_drums_and_the_whole_last_bar():
    score = piece(melody(60, 62, 64, 65, 67), drums=[(0, 1, 36)])
    assert notes_per_bar(score) == 6 / 2
    assert notes_per_second(score) == pytest.approx(6 / 2.5)  # five quarters at 120 per minute
    assert notes_per_bar(EMPTY) == notes_per_second(EMPTY) == 0


def test_identical_bars_have_a_groove_of_one():
    assert groove_consistency(STEADY) == grooving_similarity(STEADY) == 1


def test_muspy_adds_an_empty_bar():
    # Three bars of four onsets, one of none: of 3 x 1920 places 4 differ.
    assert groove_consistency(STEADY, as_muspy=True) == pytest.approx(1 - 4 / (3 * 1920), abs=1e-15)


def test_groove_counts_the_sixteenths_that_differ():
    # Bar 1 begins notes on beats 1 and 2, bar 2 on beats 1 and 3: two of sixteen places differ.
    score = piece([(0, 1, 60), (1, 1, 60), (4, 1, 60), (6, 1, 60)])
    assert groove_consistency(score) == 1 - 2 / 16
    assert grooving_similarity(score) == 1 - 2 / 64


def test_drums_groove():
    assert groove_consistency(piece(melody(60, 60, 60, 60, 60), drums=[(5, 1, 36), (6, 1, 36), (7, 1, 36)])) == 1


def test_groove_compares_neighbours_and_similarity_all_pairs():
    # Bars of one, one, two and one onsets: neighbours differ in 0, 1, 1 places, pairs in 0, 1, 0, 1, 0, 1.
    score = piece([(0, 1, 60), (4, 1, 60), (8, 1, 60), (9, 1, 60), (12, 1, 60)])
    assert groove_consistency(score) == pytest.approx(1 - (0 + 1 + 1) / 3 / 16)
    assert grooving_similarity(score) == pytest.approx(1 - 3 / 6 / 64)


def test_groove_compares_bars_of_one_length_only():
    notes = [(0, 1, 60), (4, 1, 60), (5, 1, 60), (7, 1, 60)]
    score = piece(notes, meters=[(0, 4, 4), (4, 3, 4)])
    assert groove_consistency(score) == pytest.approx(1 - 1 / 12)
    assert grooving_similarity(score) == pytest.approx(1 - 1 / 48)


@pytest.mark.parametrize("score", [EMPTY, SINGLE_NOTE])
def test_a_single_bar_agrees_with_itself(score):
    assert groove_consistency(score) == grooving_similarity(score) == groove_consistency(score, as_muspy=True) == 1


@settings(max_examples=30, deadline=None)
@given(notes=NOTES)
def test_similarity_is_the_mean_over_all_pairs_one_by_one(notes):
    score = piece(in_quarters(notes))
    vectors = np.zeros((max(onset + duration for onset, duration, _ in notes) // 16 + 2, 64))
    for onset, _, _ in notes:
        vectors[onset // 16, onset % 16 * 4] = 1
    bars = -(-max(onset + duration for onset, duration, _ in notes) // 16)
    pairs = [1 - np.abs(a - b).sum() / 64 for a, b in combinations(vectors[:bars], 2)]
    assert grooving_similarity(score) == pytest.approx(np.mean(pairs) if pairs else 1)
