"""Tempos close enough together, and chosen so that a piece keeps its time."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score.scores import scale
from symusic.core import ScoreTick, TempoTick

from symbolic_music.events.tempos import Clock, fine_tempos, keep_time, microseconds
from symbolic_music.score.checks import seconds_at

TEMPOS = fine_tempos(16, 600)
SPEEDS = np.sort(microseconds(TEMPOS))


def test_tempos_are_at_most_one_and_a_half_percent_apart():
    assert (TEMPOS[0], TEMPOS[-1]) == (16, 600)
    assert (TEMPOS[1:] / TEMPOS[:-1]).max() <= 1.015
    assert len(set(SPEEDS.tolist())) == len(TEMPOS) < 400


def test_tempos_that_scores_write_are_exact():
    assert set(range(67, 201)) <= set(TEMPOS.tolist())
    assert {63, 66, 58.5, 210, 220, 240, 300} <= set(TEMPOS.tolist())


def test_a_range_is_a_part_of_them_and_lies_within():
    assert fine_tempos(100, 103).tolist() == [100, 101, 102, 103]
    with pytest.raises(ValueError, match="within 16 to 600, got 10 to 300"):
        fine_tempos(10, 300)


@settings(deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 20_000), st.floats(5, 900)), max_size=8),
    places=st.lists(st.integers(0, 40_000), min_size=2, max_size=5, unique=True),
)
def test_the_clock_is_the_one_that_plays(changes, places):
    score = scale()
    score.tempos = [TempoTick(tick, tempo) for tick, tempo in sorted(changes)]
    clock = Clock(score, 7)
    seconds = np.array([clock.time(place * 7) for place in places]) / 7 / score.ticks_per_quarter / 1e6
    assert np.allclose(seconds, seconds_at(score, np.array(places)), rtol=1e-5)  # qpm rounds, microseconds do not


def test_microseconds_of_a_tempo_are_symusics():
    assert microseconds(np.array([120.0, 67.5])).tolist() == [500_000, TempoTick(0, 67.5).mspq]


@settings(deadline=None)
@given(
    tempos=st.lists(st.floats(17, 590), min_size=1, max_size=30),
    beats=st.lists(st.integers(1, 40), min_size=30, max_size=30),
)
def test_no_stretch_is_off_by_more_than_a_step_and_errors_do_not_add_up(tempos, beats):
    score, places = ScoreTick(1), np.cumsum([0, *beats[: len(tempos)]]).tolist()
    for place, tempo in zip(places, tempos, strict=False):
        score.tempos.append(TempoTick(place, tempo))
    clock = Clock(score, 1)
    chosen = np.array(keep_time(clock, places, SPEEDS))
    lasts = np.array([clock.time(end) - clock.time(begin) for begin, end in pairwise(places)])
    lengths = np.diff(places)
    late = np.cumsum(chosen * lengths - lasts)
    assert (np.abs(chosen * lengths / lasts - 1) <= 0.0151).all()
    # Twice half a step of the longest stretch: what one leaves, the next mends.
    assert np.abs(late).max() <= 0.0151 * lasts.max()


@settings(deadline=None)
@given(st.lists(st.sampled_from(SPEEDS.tolist()), min_size=1, max_size=20))
def test_a_piece_in_these_tempos_comes_back(speeds):
    score = ScoreTick(480)
    for place, speed in enumerate(speeds):
        score.tempos.append(TempoTick(960 * place, mspq=speed))
    places = [960 * place for place in range(len(speeds) + 1)]
    assert keep_time(Clock(score, 1), places, SPEEDS) == speeds


def test_a_tempo_beyond_the_range_is_not_made_up_for():
    score = ScoreTick(1)
    score.tempos = [TempoTick(0, 5), TempoTick(100, 120)]
    assert keep_time(Clock(score, 1), [0, 100, 200], SPEEDS) == [SPEEDS[-1], 500_000]
