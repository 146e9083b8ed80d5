"""Whether a Score is usable, and if not, why.

Knows nothing of file formats (their readers raise `ScoreError`) and nothing of datasets (who skip, and count).
"""

from dataclasses import dataclass

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.score.bars import count_bars, last_note_end, meter_is_sound, note_ends
from symbolic_music.score.errors import Refusal, ScoreError

__all__ = ["Refusal", "ScoreError", "ScoreLimits", "check_score"]

# Every tempo in force counts, and 120 quarter notes per minute holds before the first (Standard MIDI Files 1.0).
DEFAULT_TEMPO = 120.0
# symusic holds ticks in 32 signed bits; a note end beyond wraps to a negative time.
MAX_TICK = 2**31 - 1


@dataclass(frozen=True)
class ScoreLimits:
    """What counts as a piece of usable size; every bound is inclusive.

    The defaults let through a four-bar tune and an hour of orchestral music, and stop fragments, sound-effect files
    and corrupt clocks.

    Args:
        min_notes: fewest notes.
        max_notes: most notes.
        min_bars: fewest bars, the last one counted as whole.
        max_bars: most bars.
        max_seconds: longest playing time, in seconds.
        min_tempo: slowest tempo anywhere, in quarter notes per minute.
        max_tempo: fastest tempo anywhere, in quarter notes per minute.

    Raises:
        ValueError: when a lower bound is not positive or lies above its upper bound.
    """

    min_notes: int = 8
    max_notes: int = 100_000
    min_bars: int = 2
    max_bars: int = 4_000
    max_seconds: float = 3_600.0
    min_tempo: float = 5.0
    max_tempo: float = 1_000.0

    def __post_init__(self) -> None:
        for low, high in (("min_notes", "max_notes"), ("min_bars", "max_bars"), ("min_tempo", "max_tempo")):
            lowest, highest = vars(self)[low], vars(self)[high]
            if not 0 < lowest <= highest:
                raise ValueError(f"expected 0 < {low} <= {high}, got {low}={lowest} and {high}={highest}")
        if not self.max_seconds > 0:
            raise ValueError(f"expected max_seconds > 0, got {self.max_seconds}")


def check_score(score: Score, limits: ScoreLimits) -> Refusal | None:
    """Say why a Score (in ticks) is not usable; None when it is.

    What would make the later checks meaningless (no notes, a corrupt clock) comes first.
    """
    notes = score.note_num()
    if notes == 0:
        return Refusal.NO_NOTES
    if not timing_is_sound(score, limits):
        return Refusal.CORRUPT_TIMING
    if not all(meter_is_sound(meter.numerator, meter.denominator, score.tpq) for meter in score.time_signatures):
        return Refusal.BAD_METER
    if notes < limits.min_notes:
        return Refusal.TOO_FEW_NOTES
    if notes > limits.max_notes:
        return Refusal.TOO_MANY_NOTES
    return _check_length(score, limits)


def _check_length(score: Score, limits: ScoreLimits) -> Refusal | None:
    bars = count_bars(score)
    if bars < limits.min_bars:
        return Refusal.TOO_SHORT
    if bars > limits.max_bars or play_seconds(score) > limits.max_seconds:
        return Refusal.TOO_LONG
    return None


def timing_is_sound(score: Score, limits: ScoreLimits) -> bool:
    """Whether the clock runs, no time or duration is negative or beyond 2^31 ticks, and every tempo is in range."""
    if score.ticks_per_quarter <= 0:
        return False
    for track in score.tracks:
        notes = track.notes.numpy()
        if len(track.notes) and (
            min(notes["time"].min(), notes["duration"].min()) < 0 or note_ends(track).max() > MAX_TICK
        ):
            return False
    return all(tempo.time >= 0 and limits.min_tempo <= tempo.qpm <= limits.max_tempo for tempo in score.tempos)


def sounding_quarters(score: Score) -> float:
    """The lengths of all notes together, in quarter notes."""
    return sum(int(track.notes.numpy()["duration"].sum()) for track in score.tracks) / score.ticks_per_quarter


def play_seconds(score: Score) -> float:
    """Playing time up to the end of the last note, in seconds, through every change of tempo."""
    return float(seconds_at(score, np.array([last_note_end(score)]))[0])


def seconds_at(score: Score, ticks: np.ndarray) -> np.ndarray:
    """When each tick, 0 or later, is played, in seconds through every change of tempo; (ticks,) float64."""
    tempos = {0: DEFAULT_TEMPO} | dict(sorted((tempo.time, tempo.qpm) for tempo in score.tempos))
    changes, in_force = np.array(list(tempos)), np.array(list(tempos.values()))
    began = np.append(0.0, np.cumsum(np.diff(changes) / score.ticks_per_quarter * 60.0 / in_force[:-1]))
    span = np.searchsorted(changes, ticks, side="right") - 1
    return began[span] + (ticks - changes[span]) / score.ticks_per_quarter * 60.0 / in_force[span]
