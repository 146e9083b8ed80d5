"""Meters that a vocabulary lacks are cut into bars that it has, whole and in order."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score.scores import make_score

from symbolic_music.events.meters import cut_bar, parse_meter, text_of, written_meters

METERS = frozenset((beats, unit) for unit in (2, 4, 8, 16) for beats in range(1, 13))
FEW = frozenset(map(parse_meter, ("4/4", "3/4", "2/4", "3/8", "1/16")))


@pytest.mark.parametrize(
    ("meter", "bars"),
    [
        ("5/4", "5/4"),
        ("13/8", "7/8 6/8"),
        ("25/8", "9/8 8/8 8/8"),
        ("18/16", "9/8"),
        ("2/1", "4/2"),
        ("24/8", "12/4"),
        ("64/4", "11/4 11/4 11/4 11/4 10/4 10/4"),
        ("65/4", ""),
        ("3/32", ""),
        ("0/4", ""),
        ("5/3", ""),
    ],
)
def test_bars_are_few_and_even(meter, bars):
    assert " ".join(map(text_of, cut_bar(parse_meter(meter), METERS))) == bars


@pytest.mark.parametrize(("meter", "bars"), [("7/8", "4/4 3/8"), ("5/8", "2/4 1/16 1/16"), ("1/8", "1/16 1/16")])
def test_beats_change_only_where_they_must(meter, bars):
    cut = cut_bar(parse_meter(meter), FEW)
    assert sum((Fraction(*bar) for bar in cut), Fraction(0)) == Fraction(*parse_meter(meter))
    assert len(cut) <= len(bars.split())


@settings(deadline=None)
@given(beats=st.integers(1, 64), unit=st.sampled_from([1, 2, 4, 8, 16, 32, 64]), meters=st.sampled_from([METERS, FEW]))
def test_the_bars_are_as_long_as_the_one(beats, unit, meters):
    bars = cut_bar((beats, unit), meters)
    assert set(bars) <= meters
    assert not bars or sum(Fraction(*bar) for bar in bars) == Fraction(beats, unit)
    assert bars or Fraction(beats, unit) * 16 % 1


def test_every_bar_of_a_meter_is_cut_and_the_next_change_ends_it():
    score = make_score([(0, 480, 60)], meters=[(0, 13, 8), (480 * 13, 4, 4), (480 * 20, 3, 64)])
    changes = list(written_meters(score, METERS, 480 * 30))
    assert changes == [
        (0, (7, 8)),
        (1680, (6, 8)),
        (3120, (7, 8)),
        (4800, (6, 8)),
        (6240, (4, 4)),
    ]


def test_a_bar_that_is_no_whole_number_of_ticks_does_not_drift():
    score = make_score([(0, 1, 60)], meters=[(0, 13, 8)], tpq=1)
    assert [tick for tick, _ in written_meters(score, METERS, 26)] == [0, 3, 6, 10, 13, 16, 19, 23]
