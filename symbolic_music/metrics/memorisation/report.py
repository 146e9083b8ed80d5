"""What a set of pieces copies, and the same of human pieces that were not trained on, side by side.

Copies by themselves accuse nobody: music shares its turns of phrase. What counts is how much more a model copies than
people do who have never heard the training set. Knows results and how to sum them up; nothing of models or files.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.metrics.intervals import bootstrap_intervals, in_brackets, wilson_interval
from symbolic_music.metrics.memorisation.copies import CopyLimits, Memorisation, find_copies
from symbolic_music.metrics.memorisation.training_index import MemorisationIndex

FIGURES: dict[str, Callable[[Memorisation], float]] = {
    "longest_run": lambda piece: piece.longest.notes if piece.longest else 0,
    "longest_run_fresh": lambda piece: piece.longest.fresh if piece.longest else 0,
    "covered": lambda piece: piece.covered,
    "nearest_share": lambda piece: piece.nearest_share,
}
"""Figures of one piece; see `Memorisation`."""
_TITLES = {
    "longest_run": ("longest copied run (notes)", "{:.1f}"),
    "longest_run_fresh": ("fresh notes in it", "{:.1f}"),
    "covered": ("covered by copies", "{:.1%}"),
    "nearest_share": ("held by the nearest piece", "{:.1%}"),
}


def summarise_copies(
    pieces: Sequence[Memorisation], groups: Sequence[int] | None = None, seed: int = 0
) -> dict[str, Any]:
    """What a set of pieces copies.

    Args:
        pieces: from `find_copies`.
        groups: near-duplicate group of each, which the bootstrap resamples whole.
        seed: of the bootstrap.

    Returns:
        "pieces", "notes"; for each of `FIGURES` the "mean" and "median" over pieces with "mean_interval" and
        "median_interval" (95%, bootstrap), and the "max", which a bootstrap cannot bound; "alarms", "alarm_share" and
        "alarm_interval" (95%, Wilson; takes pieces as independent).

    Raises:
        ValueError: when there is no piece.
    """
    if not pieces:
        raise ValueError("no pieces to sum up")
    alarms = sum(piece.alarm for piece in pieces)
    return {
        "pieces": len(pieces),
        "notes": sum(piece.notes for piece in pieces),
        **{name: _figure([take(piece) for piece in pieces], groups, seed) for name, take in FIGURES.items()},
        "alarms": alarms,
        "alarm_share": alarms / len(pieces),
        "alarm_interval": dict(zip(("low", "high"), wilson_interval(alarms, len(pieces)), strict=True)),
    }


def compare_copies(
    index: MemorisationIndex,
    samples: Sequence[Score],
    human: Sequence[Score],
    limits: CopyLimits | None = None,
    human_groups: Sequence[int] | None = None,
    ignore_before: float | Sequence[float] = 0.0,
    seed: int = 0,
    on_piece: Callable[[int], Any] | None = None,
) -> dict[str, Any]:
    """What samples copy from training, and what held-out human pieces share with it.

    Args:
        index: of the training pieces.
        samples: of a model; none for the baseline alone.
        human: pieces that were not trained on, on the same grid as the samples.
        limits: see `find_copies`.
        human_groups: near-duplicate group of each human piece.
        ignore_before: of the samples, see `find_copies`.
        seed: of the bootstrap.
        on_piece: called with the number of pieces done since the last call, of samples and then human pieces.

    Returns:
        "cover_notes", "alarm_notes", "training_pieces", "training_notes"; "samples" (None without any) and "human":
        see `summarise_copies`, each with "per_piece", the fields of `Memorisation` without `runs`.

    Raises:
        ValueError: when there is no human piece.
    """
    limits = limits or CopyLimits()
    copied = find_copies(index, samples, limits, ignore_before, on_piece)
    shared = find_copies(index, human, limits, on_piece=on_piece)
    return {
        "cover_notes": limits.cover_notes,
        "alarm_notes": limits.alarm_notes,
        "training_pieces": len(index.names),
        "training_notes": index.num_notes,
        "samples": summarise_copies(copied, seed=seed) | _per_piece(copied) if copied else None,
        "human": summarise_copies(shared, human_groups, seed) | _per_piece(shared),
    }


def without_pieces(comparison: dict[str, Any]) -> dict[str, Any]:
    """A comparison without its "per_piece"."""
    sums = dict(comparison)
    for side in ("samples", "human"):
        if comparison[side] is not None:
            sums[side] = {name: value for name, value in comparison[side].items() if name != "per_piece"}
    return sums


def copies_table(comparison: dict[str, Any]) -> str:
    """A comparison as a Markdown table: means with their intervals, medians and maxima."""
    sides = {name: comparison[name] for name in ("samples", "human") if comparison[name] is not None}
    rows = [["", *sides], ["---", *("---:" for _ in sides)]]
    rows.append(["pieces", *(f"{side['pieces']:,}" for side in sides.values())])
    for name, (title, pattern) in _TITLES.items():
        rows.append([title + ": mean", *(_with_interval(side[name], "mean", pattern) for side in sides.values())])
        rows.append([title + ": median", *(_with_interval(side[name], "median", pattern) for side in sides.values())])
        rows.append([title + ": most", *(_most(side[name]["max"], pattern) for side in sides.values())])
    alarm = f"pieces with {comparison['alarm_notes']} fresh notes copied in a row"
    rows.append([alarm, *(f"{side['alarms']}, {_with_interval(side, 'alarm', '{:.1%}')}" for side in sides.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figure(values: list[float], groups: Sequence[int] | None, seed: int) -> dict[str, Any]:
    intervals = bootstrap_intervals(values, groups, seed)
    return {
        "mean": float(np.mean(values)),
        "mean_interval": intervals["mean"],
        "median": float(np.median(values)),
        "median_interval": intervals["median"],
        "max": float(max(values)),
    }


def _per_piece(pieces: Sequence[Memorisation]) -> dict[str, Any]:
    rows = [asdict(piece) for piece in pieces]
    return {"per_piece": [{name: value for name, value in row.items() if name != "runs"} for row in rows]}


def _most(value: float, pattern: str) -> str:
    """A maximum, which for notes is a whole number."""
    return f"{value:.0f}" if pattern == "{:.1f}" else pattern.format(value)


def _with_interval(figures: dict[str, Any], name: str, pattern: str) -> str:
    value = figures["alarm_share"] if name == "alarm" else figures[name]
    return f"{pattern.format(value)} {in_brackets(figures[f'{name}_interval'], pattern)}"
