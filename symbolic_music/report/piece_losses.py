"""What held-out pieces cost a model, piece by piece, kept as a table, and models set beside each other on the pieces
that all of them were asked for."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from symbolic_music.metrics.intervals import group_draws
from symbolic_music.report.errors import ReportError
from symbolic_music.training.evaluation.bits_per_note import interval_of, resampled_bits, sums_of_groups

_SUMMED = ("nats", "tokens", "notes", "bars")


@dataclass(frozen=True)
class PieceLoss:
    """What one piece cost, all of its windows together.

    Attributes:
        source: of the piece, as the dataset names it; with `name` the piece's key.
        name: of the piece.
        kind: of music, where the kinds of sources are known; else empty.
        group: near-duplicate group.
        nats: -log probability of the piece.
        tokens: that were predicted.
        notes: that begin in them.
        bars: that begin in them.
    """

    source: str
    name: str
    kind: str
    group: int
    nats: float
    tokens: int
    notes: int
    bars: int


def gather_pieces(rows: Iterable[Mapping[str, Any]]) -> list[PieceLoss]:
    """The losses of pieces from rows of `evaluate_split`'s "per_piece": a piece written in windows has several."""
    sums: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        about = {"source": row["source"], "name": row["name"], "kind": row.get("kind", ""), "group": row["group"]}
        piece = sums.setdefault((row["source"], row["name"]), about | dict.fromkeys(_SUMMED, 0))
        for name in _SUMMED:
            piece[name] += row[name]
    return [PieceLoss(**sums[key]) for key in sorted(sums)]


def write_piece_losses(losses: Sequence[PieceLoss], path: Path) -> None:
    """Write a table: a line for each piece."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(field.name for field in fields(PieceLoss))
        writer.writerows(
            [f"{value:.3f}" if isinstance(value, float) else value for value in astuple(loss)] for loss in losses
        )


def read_piece_losses(path: Path) -> list[PieceLoss]:
    """The table of `write_piece_losses`.

    Raises:
        ReportError: when it is none.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [
                PieceLoss(**{name: kind(row[name]) for name, kind in get_type_hints(PieceLoss).items()})
                for row in csv.DictReader(file)
            ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(
            f"{path}: expected what pieces cost, as `symbolic-music evaluate` writes it ({error})"
        ) from error


def compare_on_same_pieces(losses: Mapping[str, Sequence[PieceLoss]], seed: int = 0) -> dict[str, Any] | None:
    """Bits per note of several models on the pieces that all of them were scored on.

    Each model pays for the notes that its own notation writes down: a notation that rounds has a few fewer. The
    difference from the cheapest model is that of the ratios, on resamples of near-duplicate groups that hold the same
    pieces for both.

    Args:
        losses: of each model's pieces.
        seed: of the bootstrap over groups.

    Returns:
        "pieces" and "groups" in common; "models", cheapest first, each with "model", "bits_per_note", "low", "high"
        (95%), "dearer_by" (None for the cheapest; "bits_per_note", "low", "high"), "tokens_per_note", "notes" and
        "by_kind": bits per note by kind. None with fewer than two models, groups in common, or notes.
    """
    tables = {model: {(loss.source, loss.name): loss for loss in rows} for model, rows in losses.items()}
    common = sorted(set.intersection(*(set(table) for table in tables.values()))) if tables else []
    chosen = {model: [table[key] for key in common] for model, table in tables.items()}
    groups = {loss.group for loss in next(iter(chosen.values()), [])}
    if len(tables) < 2 or len(groups) < 2 or not all(_notes(rows) for rows in chosen.values()):
        return None
    draws = group_draws(len(groups), seed)
    resampled = {model: _resampled(rows, draws) for model, rows in chosen.items()}
    order = sorted(chosen, key=lambda model: _bits(chosen[model]))
    best = order[0]
    return {
        "pieces": len(common),
        "groups": len(groups),
        "models": [
            {
                "model": model,
                "bits_per_note": _bits(chosen[model]),
                **interval_of(resampled[model]),
                "dearer_by": None
                if model == best
                else {
                    "bits_per_note": _bits(chosen[model]) - _bits(chosen[best]),
                    **interval_of(resampled[model] - resampled[best]),
                },
                "tokens_per_note": sum(loss.tokens for loss in chosen[model]) / _notes(chosen[model]),
                "notes": _notes(chosen[model]),
                "by_kind": _by_kind(chosen[model]),
            }
            for model in order
        ],
    }


def _notes(rows: Sequence[PieceLoss]) -> int:
    return sum(loss.notes for loss in rows)


def _bits(rows: Sequence[PieceLoss]) -> float:
    return sum(loss.nats for loss in rows) / math.log(2) / _notes(rows)


def _resampled(rows: Sequence[PieceLoss], draws: np.ndarray) -> np.ndarray:
    """Bits per note of each resample of the groups, (resamples,); nan where one holds no notes."""
    return resampled_bits(
        sums_of_groups([loss.group for loss in rows], ((loss.nats, loss.notes) for loss in rows)), draws
    )


def _by_kind(rows: Sequence[PieceLoss]) -> dict[str, float]:
    kinds = sorted({loss.kind for loss in rows} - {""})
    parts = {kind: [loss for loss in rows if loss.kind == kind] for kind in kinds}
    return {kind: _bits(part) for kind, part in parts.items() if _notes(part)}
