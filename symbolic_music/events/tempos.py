"""Which tempos a vocabulary has, and which of them keep a piece on the clock. Knows nothing of event names.

A tempo that is rounded by itself leaves an error that grows with the piece. So each is chosen to mend what those
before it left: at every change the written piece is as near to the clock as its tempos allow.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from symusic.core import ScoreTick, TempoTick

DEFAULT_MICROSECONDS = 500_000
"""A quarter note at 120 in a minute, which holds before the first tempo (Standard MIDI Files 1.0)."""

_STEPS = ((16.0, 0.2), (17.0, 0.25), (34.0, 0.5), (67.0, 1.0), (200.0, 2.0), (300.0, 4.0), (400.0, 5.0), (600.0, 0.0))
"""From which tempo on they are how far apart: as far as 1.5% allows, in numbers that scores write.

Of 1,116 tempos in real files 99% are whole numbers; evenly spaced on a logarithm hardly any of them would be exact.
"""


def fine_tempos(slowest: float, fastest: float) -> np.ndarray:
    """Quarter notes per minute within a range, at most 1.5% apart, ascending; every whole number from 67 to 200.

    Args:
        slowest: at least 16.
        fastest: at most 600.

    Raises:
        ValueError: when the range reaches beyond these.
    """
    if not _STEPS[0][0] <= slowest <= fastest <= _STEPS[-1][0]:
        raise ValueError(f"expected a range of tempos within 16 to 600, got {slowest:g} to {fastest:g}")
    stretches = [np.arange(start, end, step) for (start, step), (end, _) in pairwise(_STEPS)]
    tempos = np.concatenate([*stretches, [_STEPS[-1][0]]]).round(2)
    return tempos[(tempos >= slowest) & (tempos <= fastest)]


def microseconds(tempos: np.ndarray) -> np.ndarray:
    """Whole microseconds of a quarter note, as symusic keeps them, for quarter notes per minute; int64."""
    return np.array([TempoTick(0, float(tempo)).mspq for tempo in tempos], dtype=np.int64)


@dataclass
class Clock:
    """When everything of a Score is played, exactly.

    Places are counted in parts of a tick, so that another grid's places are whole numbers too; times in microseconds
    for each `ticks_per_quarter * parts`.

    Args:
        score: in ticks.
        parts: of a tick.
    """

    score: ScoreTick
    parts: int
    places: list[int] = field(init=False)
    speeds: list[int] = field(init=False)
    times: list[int] = field(init=False)

    def __post_init__(self) -> None:
        written = {0: DEFAULT_MICROSECONDS}
        for tempo in sorted(self.score.tempos, key=lambda tempo: tempo.time):
            written[max(tempo.time, 0)] = tempo.mspq  # of several at one tick the last counts
        self.places, self.speeds = [], []
        for tick, speed in written.items():
            if not self.speeds or self.speeds[-1] != speed:
                self.places.append(tick * self.parts)
                self.speeds.append(speed)
        self.times = [0]
        for (before, after), speed in zip(pairwise(self.places), self.speeds, strict=False):
            self.times.append(self.times[-1] + (after - before) * speed)

    def time(self, place: int) -> int:
        """When a place is played."""
        section = bisect_right(self.places, place) - 1
        return self.times[section] + (place - self.places[section]) * self.speeds[section]


def keep_time(clock: Clock, places: Sequence[int], tempos: np.ndarray) -> list[int]:
    """A tempo for each stretch of a piece, so that each begins as near to the clock as can be.

    Of the two tempos around a stretch's mean the one is taken after which the written piece is nearer to the clock. A
    mean that is itself a tempo is taken as it is, so a piece in the vocabulary's own tempos comes back.

    Args:
        clock: of the Score.
        places: where the stretches begin, ascending, and the end of the last.
        tempos: in microseconds of a quarter note, ascending.

    Returns:
        Microseconds for each stretch. Neighbours may have the same.
    """
    chosen: list[int] = []
    late = 0
    for begin, end in pairwise(places):
        length, lasts = end - begin, clock.time(end) - clock.time(begin)
        above = min(int(np.searchsorted(tempos, lasts / length)), len(tempos) - 1)
        near = [int(tempos[index]) for index in range(max(above - 1, 0), min(above + 2, len(tempos)))]
        exact = [tempo for tempo in near if tempo * length == lasts]
        around = exact or [
            *[tempo for tempo in near if tempo * length < lasts][-1:],
            *[tempo for tempo in near if tempo * length > lasts][:1],
        ]
        tempo = min(around, key=lambda tempo: (abs(late + tempo * length - lasts), abs(tempo * length - lasts)))
        if len(around) > 1:  # what lies beyond the fastest or slowest tempo is not to be made up for by the rest
            late += tempo * length - lasts
        chosen.append(tempo)
    return chosen
