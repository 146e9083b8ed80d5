"""How many ticks a quarter note has in the Score of a written one, so that every note begins and ends on a tick.

Knows nothing of what the notes are.
"""

import math

import numpy as np

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.notation.written import NoteTable, WrittenBar

MAX_TICKS_PER_QUARTER = 32_767
"""Standard MIDI Files 1.0 writes the division in 15 bits."""
USUAL_TICKS_PER_QUARTER = 480
FINE_TICKS_PER_QUARTER = 20_160
"""2^6 x 3^2 x 5 x 7: where no division is exact, only 11-tuplets and the like move, by 1/40320 quarter at most."""
MAX_UNIT = 10**8
MAX_QUARTERS = 10**6
"""Bounds within which onset times ticks stays below 2^63; the longest piece lasts some 20,000 quarters."""


def ticks_per_quarter(notes: NoteTable, bars: list[WrittenBar]) -> int:
    """480 where that is exact, else the least multiple of what is exact from 480 on, else `FINE_TICKS_PER_QUARTER`.

    Exact is the least common multiple of the denominators of all onsets, ends and bar lengths in quarter notes.

    Raises:
        ScoreError: corrupt_timing, for units or lengths beyond all music.
    """
    _check(notes)
    exact = 1
    for denominator in (*_denominators(notes), *{bar.length.denominator for bar in bars}):
        exact = math.lcm(exact, denominator)
        if exact > MAX_TICKS_PER_QUARTER:
            return FINE_TICKS_PER_QUARTER
    ticks = exact * -(-USUAL_TICKS_PER_QUARTER // exact)
    if USUAL_TICKS_PER_QUARTER % exact == 0:
        return USUAL_TICKS_PER_QUARTER
    return ticks if ticks <= MAX_TICKS_PER_QUARTER else exact


def _check(notes: NoteTable) -> None:
    if not len(notes):
        return
    if notes.unit.min() < 1 or notes.unit.max() > MAX_UNIT:
        detail = f"expected 1 to {MAX_UNIT:,} divisions of a quarter note, found {_outermost(notes.unit, MAX_UNIT)}"
        raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
    if min(notes.onset.min(), notes.duration.min()) < 0:
        raise ScoreError(Refusal.CORRUPT_TIMING, None, "expected onsets and durations of 0 or more, found less")
    longest = np.max((notes.onset.astype(float) + notes.duration) / notes.unit)
    if longest > MAX_QUARTERS:
        detail = f"expected bars of at most {MAX_QUARTERS:,} quarter notes, found a note that ends at {longest:.3g}"
        raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)


def _outermost(values: np.ndarray, most: int) -> str:
    return f"{values.max():,}" if values.max() > most else f"{values.min():,}"


def _denominators(notes: NoteTable) -> list[int]:
    """Numbers whose least common multiple is that of the denominators of all onsets and ends in quarter notes."""
    unit = int(notes.unit[0]) if len(notes) else 1
    if (notes.unit == unit).all():
        # What all of them have in common is enough, where they are counted in one unit.
        common = math.gcd(unit, int(np.gcd.reduce(notes.onset)), int(np.gcd.reduce(notes.duration)))
        return [unit // common]
    found: set[int] = set()
    for times in (notes.onset, notes.onset + notes.duration):
        found.update(np.unique(notes.unit // np.gcd(times, notes.unit)).tolist())
    return sorted(found)
