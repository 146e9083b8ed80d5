"""Whether a piece is what was asked for: instruments, tempo, meter, bars. Knows nothing of how it was asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.metrics.intervals import wilson_interval
from symbolic_music.score.bars import bar_table, count_bars
from symbolic_music.score.checks import DEFAULT_TEMPO
from symbolic_music.score.programs import DRUMS

TEMPO_TOLERANCE = 0.5
"""Quarter notes per minute by which a tempo may miss: a MIDI file cannot hold every tempo exactly."""


@dataclass(frozen=True)
class Controls:
    """What a piece is asked to be; what is None is left open.

    Attributes:
        instruments: the General MIDI programs that play, each as often as there are tracks of it, in any order; drums
            are -1.
        tempo: in quarter notes per minute, throughout.
        meter: such as "3/4", in every bar.
        bars: how many; the last note begins in the last of them or before, and sounds up to it or beyond.
    """

    instruments: tuple[int, ...] | None = None
    tempo: float | None = None
    meter: str | None = None
    bars: int | None = None


FIELDS = tuple(field.name for field in fields(Controls))


def found_instruments(score: Score) -> list[int]:
    """The program of every track that has notes, in order; drums are -1."""
    return sorted(DRUMS if track.is_drum else track.program for track in score.tracks if len(track.notes))


def found_tempos(score: Score) -> set[float]:
    """Every tempo in quarter notes per minute; 120 where none is written (Standard MIDI Files 1.0)."""
    return {tempo.qpm for tempo in score.tempos} or {DEFAULT_TEMPO}


def found_meters(score: Score) -> set[str]:
    """The meter of every bar, as "3/4"; empty without notes."""
    bars = bar_table(score)
    return {f"{upper}/{lower}" for upper, lower in zip(bars.numerators, bars.denominators, strict=True)}


def _last_onset_bar(score: Score) -> int:
    """The bar in which the last note begins, the first is 1; 0 without notes."""
    onsets = [int(track.notes.numpy()["time"].max()) for track in score.tracks if len(track.notes)]
    return int(np.searchsorted(bar_table(score).starts, max(onsets), side="right")) if onsets else 0


_KEPT: dict[str, Callable[[Score, Any], bool]] = {
    "instruments": lambda score, asked: found_instruments(score) == sorted(asked),
    "tempo": lambda score, asked: all(abs(tempo - asked) <= TEMPO_TOLERANCE for tempo in found_tempos(score)),
    "meter": lambda score, asked: found_meters(score) == {asked},
    "bars": lambda score, asked: _last_onset_bar(score) <= asked <= count_bars(score),
}


def kept_controls(score: Score | None, asked: Controls) -> dict[str, bool]:
    """For each thing that was asked for, whether the piece is so; what does not decode to a Score (None) is not."""
    wanted = {name: getattr(asked, name) for name in FIELDS if getattr(asked, name) is not None}
    return {name: score is not None and _KEPT[name](score, value) for name, value in wanted.items()}


def control_accuracy(scores: Sequence[Score | None], asked: Sequence[Controls]) -> dict[str, dict[str, float]]:
    """How many pieces are what was asked for. Higher is better.

    Args:
        scores: the pieces; None for one that did not decode.
        asked: of each piece.

    Returns:
        For each of "instruments", "tempo", "meter", "bars" that was asked for, and for "all" that was asked of a piece
        together: `asked`, `kept`, `share`, and `low` and `high` of its 95% interval (Wilson).

    Raises:
        ValueError: when nothing was asked for, or not of every piece.
    """
    outcomes = [kept_controls(score, controls) for score, controls in zip(scores, asked, strict=True)]
    judged = {name: [outcome[name] for outcome in outcomes if name in outcome] for name in FIELDS}
    judged["all"] = [all(outcome.values()) for outcome in outcomes if outcome]
    if not judged["all"]:
        raise ValueError(f"nothing was asked for of {len(scores)} pieces")
    return {name: _share(kept) for name, kept in judged.items() if kept}


def _share(kept: list[bool]) -> dict[str, float]:
    low, high = wilson_interval(sum(kept), len(kept))
    return {"asked": len(kept), "kept": sum(kept), "share": sum(kept) / len(kept), "low": low, "high": high}
