"""Bars of more than 64 beats become bars that notation has."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from score.scores import make_score

from symbolic_music.score.bars import METER_DENOMINATORS, bar_table, meter_is_sound
from symbolic_music.score.checks import Refusal, ScoreLimits, check_score
from symbolic_music.score.files import read_pieces
from symbolic_music.score.transforms.meters import bar_parts, cut_long_meters

CADENZAS = {
    "65/4": ([(0, 65, 4)], 65, [(0, 4, 4), (60, 5, 4)]),
    "two bars": ([(0, 66, 4)], 132, [(0, 4, 4), (60, 6, 4), (66, 4, 4), (126, 6, 4)]),
    "within a piece": ([(0, 3, 4), (6, 67, 4), (73, 3, 4)], 79, [(0, 3, 4), (6, 4, 4), (66, 7, 4), (73, 3, 4)]),
    "cut off by the next meter": ([(0, 100, 4), (10, 3, 4)], 13, [(0, 4, 4), (10, 3, 4)]),
    "triplets of eighths": ([(0, 66, 8)], 33, [(0, 6, 8)]),
    "halves": ([(0, 65, 2)], 130, [(0, 2, 2), (124, 3, 2)]),
    "sixteenths": ([(0, 66, 16)], 17, [(0, 4, 4), (16, 1, 8), (16.5, 4, 4)]),
    "whole notes": ([(0, 65, 1)], 260, [(0, 2, 2)]),
    "after the last note": ([(0, 4, 4), (40, 65, 4)], 10, [(0, 4, 4), (40, 4, 4)]),
}


@pytest.mark.parametrize(("meters", "quarters", "expected"), CADENZAS.values(), ids=CADENZAS)
def test_long_bars_are_cut(meters, quarters, expected):
    score = make_score([(0, 480, 60), (480 * quarters - 480, 480, 60)], [(480 * m[0], *m[1:]) for m in meters])
    cut, count = cut_long_meters(score)
    assert [(m.time / 480, m.numerator, m.denominator) for m in cut.time_signatures] == expected
    assert count == 1
    assert cut.tracks == score.tracks
    assert cut_long_meters(cut) == (cut, 0)


@pytest.mark.parametrize("meter", [(64, 4), (15, 8), (21, 16), (0, 4), (1, 64)])
def test_other_meters_stay(meter):
    score = make_score([(0, 480, 60)], [(0, *meter)])
    assert cut_long_meters(score) == (score, 0)


@given(st.integers(65, 255), st.sampled_from(METER_DENOMINATORS))
def test_the_parts_of_a_bar_last_as_long_as_the_bar(numerator, denominator):
    parts = bar_parts(numerator, denominator)
    assert sum((Fraction(*part) for part in parts), Fraction()) == Fraction(numerator, denominator)
    assert all(meter_is_sound(*part, 480) and part[0] <= 9 for part in parts[:-1])
    assert meter_is_sound(*parts[-1], 480)


@given(st.integers(65, 255), st.sampled_from(METER_DENOMINATORS), st.integers(16, 480), st.integers(1, 5))
def test_the_bar_lines_of_long_bars_stay_bar_lines(numerator, denominator, ticks_per_quarter, bars):
    bar = 4 * ticks_per_quarter * numerator // denominator
    score = make_score([(0, bars * bar, 60)], [(0, numerator, denominator)], tpq=ticks_per_quarter)
    before = {number * 4 * ticks_per_quarter * numerator // denominator for number in range(bars)}
    cut, count = cut_long_meters(score)
    assert count == 1
    assert before <= set(bar_table(cut).starts.tolist())


def test_a_broken_clock_is_refused_as_before():
    score = make_score([(0, 1, 60), (2**30, 1, 60)] * 8, [(0, 65, 4)], tpq=1)
    cut, count = cut_long_meters(score)
    assert count == 0
    assert check_score(cut, ScoreLimits()) is Refusal.BAD_METER


def test_a_bar_of_65_4_does_not_refuse_a_piece(shared_data):
    """The fault p01."""
    (piece,) = read_pieces(shared_data("faults") / "p01_meter_65_4.mid").pieces
    assert dict(piece.left_out) == {"meters cut": 1}
    assert check_score(piece.score, ScoreLimits()) is None
