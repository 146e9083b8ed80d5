"""Note values: beats are shown, tuplets are whole, and every stretch is written to its end."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolic_music.score.layout.note_values import (
    CLOCK,
    SHORTEST,
    TYPE_NAMES,
    Meter,
    find_tuplets,
    write_in_tuplet,
    write_stretch,
)

METERS = [Meter(*meter) for meter in ((4, 4), (3, 4), (2, 2), (6, 8), (9, 8), (12, 8), (5, 8), (7, 8), (3, 8), (5, 4))]


def written(start, end, meter, is_rest=False):
    values = write_stretch(int(start * CLOCK), int(end * CLOCK), Meter(*meter), is_rest)
    return " ".join(TYPE_NAMES[value.type] + "." * value.dots for value in values)


@pytest.mark.parametrize(
    ("start", "end", "meter", "values"),
    [
        (0, 4, (4, 4), "whole"),
        (1, 3, (4, 4), "half"),
        (0.5, 1.5, (4, 4), "quarter"),
        (1.5, 2.5, (4, 4), "eighth eighth"),
        (0, 3.5, (4, 4), "half.."),
        (1.5, 3, (4, 4), "eighth quarter"),
        (0, 3, (3, 4), "half."),
        (0, 2, (6, 8), "quarter. eighth"),
        (0.5, 1.5, (6, 8), "quarter"),
        (0, 4.5, (9, 8), "half. quarter."),
        (0, 6, (3, 2), "whole."),
    ],
)
def test_notes_show_the_beats(start, end, meter, values):
    assert written(start, end, meter) == values


def test_rests_are_not_syncopated():
    assert written(1, 3, (4, 4), is_rest=True) == "quarter quarter"
    assert written(0.5, 1.5, (4, 4), is_rest=True) == "eighth eighth"


@given(st.sampled_from(METERS), st.data())
def test_values_fill_their_stretch(meter, data):
    units = meter.length // SHORTEST
    start = data.draw(st.integers(0, units - 1))
    end = data.draw(st.integers(start + 1, units))
    values = write_stretch(start * SHORTEST, end * SHORTEST, meter, data.draw(st.booleans()))
    assert values[0].start == start * SHORTEST
    assert values[-1].end == end * SHORTEST
    assert all(one.end == two.start for one, two in pairwise(values))
    for value in values:
        assert value.length == SHORTEST * 2**value.type * (2 - Fraction(1, 2**value.dots))


def test_three_in_the_time_of_a_quarter_are_a_triplet():
    (tuplet,) = find_tuplets((0, CLOCK // 3, 2 * CLOCK // 3, CLOCK), 4 * CLOCK)
    assert (tuplet.start, tuplet.length, tuplet.actual, tuplet.normal) == (0, CLOCK, 3, 2)
    (value,) = write_in_tuplet(CLOCK // 3, CLOCK, tuplet)
    assert TYPE_NAMES[value.type] == "quarter"


def test_crotchet_triplets_fill_a_half_note():
    (tuplet,) = find_tuplets((0, 2 * CLOCK // 3, 4 * CLOCK // 3, 2 * CLOCK), 4 * CLOCK)
    assert tuplet.length == 2 * CLOCK


@given(st.sampled_from(METERS), st.sets(st.integers(1, 4 * 480), max_size=6))
def test_tuplets_do_not_overlap_and_hold_whatever_needs_them(meter, ticks):
    boundaries = tuple(sorted({tick * CLOCK // 480 for tick in ticks if tick * CLOCK // 480 < meter.length}))
    tuplets = find_tuplets(boundaries, meter.length)
    assert all(one.end <= two.start for one, two in pairwise(tuplets))
    for boundary in boundaries:
        inside = [tuplet for tuplet in tuplets if tuplet.start < boundary < tuplet.end]
        assert (boundary % SHORTEST == 0) or inside
        for tuplet in inside:
            assert (boundary - tuplet.start) * tuplet.actual * 64 % tuplet.length == 0
