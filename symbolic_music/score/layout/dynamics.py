"""Dynamics to be shown: a few signs for a part, from the velocities of its notes. Knows nothing of files.

A sign stands where a part has become clearly louder or softer for good; parts that are all of one loudness, as
sequencers make them, have none.
"""

from bisect import bisect_right

import numpy as np

from symbolic_music.score.layout.parts import Part, WrittenBar
from symbolic_music.score.notation.dynamics import VELOCITIES

SIGNS = ("ppp", "pp", "p", "mp", "mf", "f", "ff", "fff")
_LEAST_SPREAD = 6.0
"""Standard deviation of a part's velocities below which they say nothing."""
_FOR_GOOD = 4
"""Bars over which loudness is taken together: less is an accent or a phrase."""
_CLEARLY = 12.0
"""Velocities by which a part must change for another sign."""


def find_dynamics(part: Part, bars: list[WrittenBar]) -> list[tuple[int, str]]:
    """The signs of a part, each with the bar at whose start it stands.

    Args:
        part: as laid out.
        bars: of the piece.
    """
    starts = [bar.start for bar in bars]
    velocities: list[list[int]] = [[] for _ in bars]
    for staff in part.staves:
        for voice in staff.voices:
            for segment in voice:
                for note in segment.notes:
                    if note.onset == segment.start:
                        velocities[bisect_right(starts, note.onset) - 1].append(note.velocity)
    everything = [velocity for bar in velocities for velocity in bar]
    if np.std(everything) < _LEAST_SPREAD:
        return []
    signs: list[tuple[int, str]] = []
    shown = 0.0
    for number, bar in enumerate(velocities):
        if not bar or (signs and number < signs[-1][0] + _FOR_GOOD):
            continue
        loudness = float(
            np.mean([velocity for later in velocities[number : number + _FOR_GOOD] for velocity in later])
        )
        sign = min(SIGNS, key=lambda sign: abs(VELOCITIES[sign] - loudness))
        changed = min(abs(loudness - shown), abs(float(np.mean(bar)) - shown)) >= _CLEARLY
        if not signs or (changed and sign != signs[-1][1]):
            signs.append((number, sign))
            shown = loudness
    return signs
