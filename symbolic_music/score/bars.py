"""Where the bars of a Score begin and end, through every change of meter. Knows nothing of pitches or files."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from symusic.core import ScoreTick as Score
from symusic.core import TrackTick

from symbolic_music.score.errors import Refusal, ScoreError

METER_DENOMINATORS = (1, 2, 4, 8, 16, 32, 64)
MAX_METER_NUMERATOR = 64


@dataclass(frozen=True)
class Bars:
    """The bars of a Score, one entry each, in order and without gaps.

    Attributes:
        starts: first tick of each bar, shape (bars,), int64.
        lengths: ticks in each bar, shape (bars,), int64; a bar cut by a change of meter is shorter than its meter.
        numerators: beats of the meter in force, shape (bars,), int64.
        denominators: note value of a beat, 4 for quarters, shape (bars,), int64.
    """

    starts: np.ndarray
    lengths: np.ndarray
    numerators: np.ndarray
    denominators: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True)
class MeterSpan:
    """A stretch of ticks under one meter."""

    start: int
    end: int
    numerator: int
    denominator: int

    def count(self, ticks_per_quarter: int) -> int:
        """Bars begun within the span; the last may be cut short by the next meter."""
        return -(-(self.end - self.start) * self.denominator // (4 * ticks_per_quarter * self.numerator))

    def edges(self, ticks_per_quarter: int) -> np.ndarray:
        """First tick of each bar and the end of the last one as if whole, shape (count + 1,).

        Exact fractions rounded down, so that no error accumulates.
        """
        numbers = np.arange(self.count(ticks_per_quarter) + 1, dtype=np.int64)
        return self.start + numbers * (4 * ticks_per_quarter * self.numerator) // self.denominator


def meter_is_sound(numerator: int, denominator: int, ticks_per_quarter: int) -> bool:
    """Whether notation can write the meter (1 to 64 over a power of two up to 64) and its bar lasts a tick or more."""
    written = 1 <= numerator <= MAX_METER_NUMERATOR and denominator in METER_DENOMINATORS
    return written and 4 * ticks_per_quarter * numerator >= denominator


def note_ends(track: TrackTick) -> np.ndarray:
    """The tick at which each note of a track ends, shape (notes,), int64; a note without length takes one tick."""
    notes = track.notes.numpy()
    return notes["time"].astype(np.int64) + np.maximum(notes["duration"], 1)


def last_note_end(score: Score) -> int:
    """The tick at which the last note ends; 0 without notes."""
    return max((int(note_ends(track).max()) for track in score.tracks if len(track.notes)), default=0)


def meters_in_force(score: Score) -> list[tuple[int, int, int]]:
    """Each change of meter as (tick, numerator, denominator), from tick 0 on.

    4/4 holds before the first (Standard MIDI Files 1.0); of several at one tick the last counts; one that repeats the
    meter in force changes nothing, so it does not restart the bar; meters that are not sound are ignored.
    """
    written = {0: (4, 4)}
    for meter in sorted(score.time_signatures, key=lambda meter: meter.time):
        if meter_is_sound(meter.numerator, meter.denominator, score.ticks_per_quarter):
            written[max(meter.time, 0)] = (meter.numerator, meter.denominator)
    changes: list[tuple[int, int, int]] = []
    for tick, fraction in written.items():
        if not changes or changes[-1][1:] != fraction:
            changes.append((tick, *fraction))
    return changes


def _meter_spans(score: Score) -> list[MeterSpan]:
    if score.ticks_per_quarter <= 0:
        detail = f"expected ticks per quarter note above 0, found {score.ticks_per_quarter}"
        raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
    end = last_note_end(score)
    if end <= 0:
        return []
    changes = [change for change in meters_in_force(score) if change[0] < end]
    ends = [change[0] for change in changes[1:]] + [end]
    return [MeterSpan(tick, until, *meter) for (tick, *meter), until in zip(changes, ends, strict=True)]


def count_bars(score: Score) -> int:
    """Bars up to the end of the last note, the last counted as whole; 0 without notes. Costs no memory per bar.

    Raises:
        ScoreError: corrupt_timing, when the ticks per quarter note are not positive.
    """
    return sum(span.count(score.ticks_per_quarter) for span in _meter_spans(score))


def bar_table(score: Score) -> Bars:
    """The bars of a Score in ticks, up to the end of the last note; the last bar is whole.

    A change of meter starts a bar: the bar it interrupts is cut short there, and keeps its own meter.

    Raises:
        ScoreError: corrupt_timing, when the ticks per quarter note are not positive.
    """
    spans = _meter_spans(score)
    counts = [span.count(score.ticks_per_quarter) for span in spans]
    edges = [span.edges(score.ticks_per_quarter) for span in spans]
    starts = np.concatenate([*(edge[:-1] for edge in edges), np.empty(0, np.int64)])
    numerators = np.repeat(np.array([span.numerator for span in spans], np.int64), counts)
    denominators = np.repeat(np.array([span.denominator for span in spans], np.int64), counts)
    ends = np.concatenate([starts[1:], edges[-1][-1:] if edges else starts])
    return Bars(starts, ends - starts, numerators, denominators)


def bar_start(score: Score, number: int) -> int:
    """The first tick of a bar, counted from 0; it may lie behind the last note, where the last meter goes on."""
    changes = meters_in_force(score)
    for (tick, *meter), (end, *_) in pairwise(changes):
        span = MeterSpan(tick, end, *meter)
        if number < span.count(score.ticks_per_quarter):
            return int(span.edges(score.ticks_per_quarter)[number])
        number -= span.count(score.ticks_per_quarter)
    tick, numerator, denominator = changes[-1]
    return tick + number * (4 * score.ticks_per_quarter * numerator) // denominator


def bar_quarters(score: Score) -> list[float]:
    """The length of each bar in quarter notes."""
    return (bar_table(score).lengths / score.ticks_per_quarter).tolist()


def equal_parts(first: int, end: int, most: int) -> list[int]:
    """Where to cut the bars from `first` to `end` so that parts have at most `most` bars: first, …, end.

    Parts of equal length, give or take a bar: a short rest would say little.
    """
    return np.linspace(first, end, -(-(end - first) // most) + 1).round().astype(int).tolist()
