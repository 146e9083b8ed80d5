import pickle

import numpy as np
import pytest
from score.scores import make_score, scale

from symbolic_music.score.checks import Refusal, ScoreError, ScoreLimits, check_score, play_seconds, seconds_at


def test_a_tune_of_four_bars_is_usable():
    assert check_score(scale(bars=4), ScoreLimits()) is None


@pytest.mark.parametrize(
    ("score", "refusal"),
    [
        (make_score([]), Refusal.NO_NOTES),
        (scale(bars=1), Refusal.TOO_FEW_NOTES),
        (make_score([(60 * n, 60, 60) for n in range(16)]), Refusal.TOO_SHORT),
        (scale(bars=5_000), Refusal.TOO_LONG),
        (make_score([(1920 * n, 1920, 60) for n in range(2_000)], tempos=[(0, 60)]), Refusal.TOO_LONG),
        (scale(tempos=[(0, 4.0)]), Refusal.CORRUPT_TIMING),
        (scale(tempos=[(0, 120.0), (480, 2_000.0)]), Refusal.CORRUPT_TIMING),
        (scale(tpq=0), Refusal.CORRUPT_TIMING),
        (make_score([(-480, 480, 60)] * 20), Refusal.CORRUPT_TIMING),
        (make_score([(0, -480, 60)] * 20), Refusal.CORRUPT_TIMING),
        (make_score([(2**31 - 1, 480, 60)] * 20), Refusal.CORRUPT_TIMING),
        (scale(meters=[(0, 0, 4)]), Refusal.BAD_METER),
        (scale(meters=[(0, 4, 3)]), Refusal.BAD_METER),
        (scale(meters=[(0, 99, 4)]), Refusal.BAD_METER),
        (scale(meters=[(0, 1, 8)], tpq=1), Refusal.BAD_METER),
    ],
)
def test_each_fault_has_its_name(score, refusal):
    assert check_score(score, ScoreLimits()) is refusal


def test_too_many_notes():
    assert check_score(scale(bars=4), ScoreLimits(max_notes=15)) is Refusal.TOO_MANY_NOTES
    assert check_score(scale(bars=4), ScoreLimits(max_notes=16)) is None


def test_a_note_two_billion_ticks_late_is_refused_without_making_its_bars():
    assert check_score(make_score([(2**31 - 10, 1, 60)] * 20, tpq=1), ScoreLimits()) is Refusal.TOO_LONG


def test_seconds_follow_every_tempo():
    score = make_score([(0, 1920, 60)], tempos=[(480, 60.0), (960, 240.0)])
    assert play_seconds(score) == pytest.approx(0.5 + 1.0 + 2 * 0.25)
    assert seconds_at(score, np.array([0, 240, 480, 720, 2400])) == pytest.approx([0, 0.25, 0.5, 1.0, 1.5 + 3 * 0.25])
    assert play_seconds(make_score([])) == 0


@pytest.mark.parametrize("fields", [{"min_notes": 0}, {"min_bars": 9, "max_bars": 8}, {"max_seconds": 0.0}])
def test_limits_that_nothing_can_meet_are_refused(fields):
    with pytest.raises(ValueError, match="expected"):
        ScoreLimits(**fields)


def test_an_error_is_one_line_and_survives_pickling():
    error = ScoreError(Refusal.UNREADABLE, "a.mid", "expected music,\nfound noise")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "a.mid: unreadable: expected music, found noise"
    assert again.refusal is Refusal.UNREADABLE
