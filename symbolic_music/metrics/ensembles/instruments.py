"""Which instruments play in a piece, and the shares of pieces by it. Knows programs; hears no note."""

from collections.abc import Sequence
from typing import Any

from symusic.core import ScoreTick as Score

from symbolic_music.metrics.intervals import wilson_interval
from symbolic_music.score.programs import DRUMS

MANY = 3
"""How many different instruments are many."""
_KEYBOARDS = range(8)  # General MIDI's piano family
LINEUPS = (
    "drums alone",
    "keyboard alone",
    "one other instrument",
    "two instruments",
    "three or more instruments",
    "instruments and drums",
    "nothing",
)
SHARES = (f"{MANY} or more instruments", "with drums", *LINEUPS)
"""What `instrument_shares` tells, in order."""


def instruments_of(score: Score) -> set[int]:
    """The General MIDI programs of all tracks with notes; drums, however many tracks, are -1.

    Two tracks of one program are one instrument: two violins, or the staves of a piano.
    """
    return {DRUMS if track.is_drum else track.program for track in score.tracks if len(track.notes)}


def lineup_of(score: Score) -> str:
    """One of `LINEUPS`, by the instruments alone: the same rule for sampled and human pieces."""
    instruments = instruments_of(score)
    pitched = instruments - {DRUMS}
    if DRUMS in instruments:
        return "instruments and drums" if pitched else "drums alone"
    if len(pitched) == 1:
        return "keyboard alone" if pitched <= set(_KEYBOARDS) else "one other instrument"
    return {0: "nothing", 2: "two instruments"}.get(len(pitched), "three or more instruments")


def instrument_shares(scores: Sequence[Score]) -> dict[str, dict[str, Any]]:
    """The shares of the pieces for many instruments, with drums, and of each line-up.

    Args:
        scores: the pieces, at least one.

    Returns:
        For each of `SHARES` (of three instruments or more, drums may be one): `pieces` that are so, their `share`, and
        `low` and `high` of its 95% interval (Wilson).

    Raises:
        ValueError: without a piece.
    """
    played = [instruments_of(score) for score in scores]
    lineups = [lineup_of(score) for score in scores]
    counts = [
        sum(len(instruments) >= MANY for instruments in played),
        sum(DRUMS in instruments for instruments in played),
        *(lineups.count(name) for name in LINEUPS),
    ]
    return {name: {"pieces": count, **_share(count, len(scores))} for name, count in zip(SHARES, counts, strict=True)}


def _share(count: int, total: int) -> dict[str, float]:
    low, high = wilson_interval(count, total)
    return {"share": count / total, "low": low, "high": high}
