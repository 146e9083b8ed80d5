"""Dynamics of written scores -> velocities.

The table is the one that notation programs share (MuseScore's, `pp` 33 to `ff` 112, mf 80). MusicXML's
<sound dynamics="…"> counts before the sign: it is a percentage of the velocity 90 (MusicXML 4.0). Without any sign a
note has 80. A sign holds for its whole part, all staves, until the next. An accented sign (sfz) is for the notes at
its place only. A hairpin goes in a straight line to the sign at its end, or else by 16, and stays there. Accents of
single notes are left out. Knows nothing of files.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

DEFAULT_VELOCITY = 80
FORTE = 90
"""What MusicXML calls 100 percent."""
HAIRPIN_STEP = 16
VELOCITIES = {
    "pppppp": 1,
    "ppppp": 5,
    "pppp": 10,
    "ppp": 16,
    "pp": 33,
    "p": 49,
    "mp": 64,
    "mf": 80,
    "f": 96,
    "ff": 112,
    "fff": 120,
    "ffff": 124,
    "fffff": 126,
    "ffffff": 127,
    "n": 1,
}
ACCENTS = {"sf": 112, "sfz": 112, "fz": 112, "rf": 104, "rfz": 104, "sffz": 124, "sfzp": 112, "sfp": 112, "sfpp": 112}
"""Signs for the notes at one place."""
ACCENTS_THEN = {"fp": (96, 49), "pf": (49, 96), "sfzp": (112, 49), "sfp": (112, 49), "sfpp": (112, 33)}
"""Signs whose second half holds on."""
_NEAR = 1.0
"""A sign at most this many quarter notes behind a hairpin's end is its goal."""


def velocity_of_percent(percent: float) -> int:
    """The velocity of a percentage of `FORTE`, from 1 to 127."""
    return max(1, min(127, round(FORTE * percent / 100)))


@dataclass
class Dynamics:
    """The dynamics of one part; times in quarter notes from the first bar, repeats not played out."""

    levels: list[tuple[float, int]] = field(default_factory=list)
    accents: dict[float, int] = field(default_factory=dict)
    hairpins: list[tuple[float, float, int]] = field(default_factory=list)

    def add_sign(self, time: float, name: str) -> bool:
        """Take a sign such as "mf"; False where it is none of the tables."""
        if name in ACCENTS_THEN:
            self.accents[time], level = ACCENTS_THEN[name]
            self.levels.append((time, level))
        elif name in ACCENTS:
            self.accents[time] = ACCENTS[name]
        elif name in VELOCITIES:
            self.levels.append((time, VELOCITIES[name]))
        else:
            return False
        return True

    def velocities(self, times: np.ndarray) -> np.ndarray:
        """The velocity at each time, (notes,) int64."""
        if not self.levels and not self.hairpins and not self.accents:
            return np.full(len(times), DEFAULT_VELOCITY, np.int64)
        knots = self._knots()
        begins = np.array([knot[0] for knot in knots])
        ends = np.append(begins[1:], np.inf)
        first = np.array([knot[1] for knot in knots], float)
        last = np.array([knot[2] for knot in knots], float)
        span = np.maximum(np.searchsorted(begins, times, side="right") - 1, 0)
        with np.errstate(invalid="ignore"):
            share = np.where(np.isinf(ends[span]), 0.0, (times - begins[span]) / (ends[span] - begins[span]))
        found = np.rint(first[span] + (last[span] - first[span]) * share).astype(np.int64)
        if self.accents:
            accented, velocities = map(np.array, zip(*sorted(self.accents.items()), strict=True))
            place = np.minimum(np.searchsorted(accented, times), len(accented) - 1)
            found = np.where(accented[place] == times, velocities[place], found)
        return np.clip(found, 1, 127)

    def _knots(self) -> list[tuple[float, float, float]]:
        """Stretches as (begin, velocity there, velocity at the next one's begin), the first from minus infinity."""
        levels = sorted(dict(self.levels).items())
        changes: list[tuple[float, float, float]] = [(-1e9, DEFAULT_VELOCITY, DEFAULT_VELOCITY)]
        events = sorted(
            [(time, 1, level, 0.0) for time, level in levels] + [(b, 2, s, e) for b, e, s in self.hairpins]
        )
        times = [time for time, _ in levels]
        for time, kind, value, end in events:
            current = changes[-1][2]
            if kind == 1:
                changes.append((time, value, value))
            elif end > time and time >= changes[-1][0]:
                # A sign at the beginning of a hairpin was taken just before it.
                place = bisect_right(times, time)
                near = place < len(times) and times[place] <= end + _NEAR
                goal = levels[place][1] if near else current + value * HAIRPIN_STEP
                until = min(end, times[place]) if place < len(times) else end
                goal = min(127, max(1, goal))
                changes += [(time, current, goal), (until, goal, goal)]
        return changes
