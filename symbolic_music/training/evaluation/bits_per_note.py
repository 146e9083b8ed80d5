"""What a model paid for pieces, summed up: totals, intervals over near-duplicate groups, and by place in the piece.

Knows no model: scores are numbers for each token.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbolic_music.metrics.intervals import RESAMPLES, group_draws, percentile_interval

# Music repeats within itself, so a model with context pays less the further a piece has come.
BAR_RANGES = ((1, 4), (5, 8), (9, 16), (17, None))
CONFIDENCE = 0.95


@dataclass
class PieceScores:
    """One piece's tokens after BOS, with what the model paid for each.

    Attributes:
        name: of the piece.
        group: near-duplicate group.
        nats: (T,) -log probability of each token.
        allowed_mass: (T,) probability on the tokens the grammar allows at its place.
        notes: (T,) notes begun in each token.
        bars: (T,) bars begun in each token.
        source: of the piece, as the dataset names it.
    """

    name: str
    group: int
    nats: np.ndarray
    allowed_mass: np.ndarray
    notes: np.ndarray
    bars: np.ndarray
    source: str = ""


def summarise_scores(scores: Sequence[PieceScores], seed: int = 0) -> dict[str, Any]:
    """Figures of a split from its pieces' scores.

    Returns:
        "pieces", "groups", "tokens", "notes", "bars", "nats": totals; "nats_per_token", "perplexity_per_token",
        "bits_per_note", "bits_per_bar": ratios of totals; "allowed_mass": mean probability on allowed tokens;
        "bits_per_note_interval": bootstrap over near-duplicate groups; "bits_per_note_by_bar": by position in the
        piece; "per_piece": one row for each piece.
    """
    nats, tokens, notes, bars = sum_scores(scores)
    return {
        "pieces": len(scores),
        "groups": len({piece.group for piece in scores}),
        "tokens": tokens,
        "notes": notes,
        "bars": bars,
        "nats": nats,
        "nats_per_token": nats / tokens,
        "perplexity_per_token": math.exp(nats / tokens),
        "bits_per_note": bits_per(nats, notes),
        "bits_per_bar": bits_per(nats, bars),
        "allowed_mass": sum(float(piece.allowed_mass.sum()) for piece in scores) / tokens,
        "bits_per_note_interval": bootstrap_interval(scores, seed),
        "bits_per_note_by_bar": bits_per_note_by_bar(scores),
        "per_piece": [_piece_row(piece) for piece in scores],
    }


def bootstrap_interval(scores: Sequence[PieceScores], seed: int) -> dict[str, float] | None:
    """Percentile bootstrap interval of bits per note, resampling near-duplicate groups.

    Groups and not pieces, since renderings of one tune are no independent evidence (Efron & Tibshirani 1993, chapter
    8, on resampling the independent units). None with fewer than two groups or no notes.
    """
    return _interval_per_note(scores, [float(piece.nats.sum()) for piece in scores], seed)


def bootstrap_difference(
    scores: Sequence[PieceScores], others: Sequence[PieceScores], seed: int = 0
) -> dict[str, float] | None:
    """By how many bits per note the first of two models is cheaper, with the interval of `bootstrap_interval`.

    Both pay for the same pieces, so each resample holds the same for both: what makes a piece hard for both does not
    widen the interval.

    Args:
        scores: of one model.
        others: of the other, on the same pieces in the same order.
        seed: of the resamples.

    Raises:
        ValueError: when the pieces are not the same.
    """
    if [(piece.name, piece.notes.sum()) for piece in scores] != [(piece.name, piece.notes.sum()) for piece in others]:
        raise ValueError("two models were scored on different pieces")
    less = [float(other.nats.sum() - piece.nats.sum()) for piece, other in zip(scores, others, strict=True)]
    interval = _interval_per_note(scores, less, seed)
    notes = sum(int(piece.notes.sum()) for piece in scores)
    return None if interval is None else {"bits_per_note": sum(less) / math.log(2) / notes, **interval}


def scores_of_rows(rows: Sequence[Mapping[str, Any]]) -> list[PieceScores]:
    """Pieces from rows of "per_piece", each as if it were one token: enough for totals and their intervals."""
    return [
        PieceScores(
            name=row["name"],
            group=row["group"],
            nats=np.array([row["nats"]]),
            allowed_mass=np.array([np.nan]),
            notes=np.array([row["notes"]]),
            bars=np.array([row["bars"]]),
            source=row["source"],
        )
        for row in rows
    ]


def _interval_per_note(scores: Sequence[PieceScores], nats: Sequence[float], seed: int) -> dict[str, float] | None:
    """The interval of a sum of nats, one for each piece, as bits per note of the pieces."""
    sums = sums_of_groups(
        [piece.group for piece in scores], zip(nats, (piece.notes.sum() for piece in scores), strict=True)
    )
    if len(sums) < 2 or not sums[:, 1].any():
        return None
    interval = interval_of(resampled_bits(sums, group_draws(len(sums), seed)))
    return interval | {"confidence": CONFIDENCE, "samples": RESAMPLES}


def sums_of_groups(groups: Sequence[int], rows: Iterable[Sequence[float]]) -> np.ndarray:
    """Sums over the pieces of each group, in the groups' order.

    Args:
        groups: of each piece.
        rows: nats and notes of each piece.

    Returns:
        (groups, 2) float64.
    """
    index = {group: row for row, group in enumerate(sorted(set(groups)))}
    sums = np.zeros((len(index), 2))
    for group, row in zip(groups, rows, strict=True):
        sums[index[group]] += row
    return sums


def resampled_bits(sums: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Bits per note of resamples of groups.

    Args:
        sums: nats and notes of each group, (groups, ..., 2).
        draws: of `metrics.intervals.group_draws`.

    Returns:
        (resamples, ...); nan where a resample has no notes.
    """
    nats, notes = np.moveaxis(np.tensordot(draws, sums, axes=1), -1, 0)
    return np.divide(nats / math.log(2), notes, out=np.full_like(nats, np.nan), where=notes > 0)


def interval_of(resampled: np.ndarray) -> dict[str, float]:
    """`low` and `high` of the middle 95% of the resamples (resamples,) that have notes."""
    return percentile_interval(resampled[np.isfinite(resampled)])


def bits_per_note_by_bar(scores: Sequence[PieceScores]) -> dict[str, dict[str, float | int | None]]:
    """Bits per note and notes, by the bar of the piece a token stands in.

    A token that holds a bar line belongs to the bar it opens (the last one, where a merged token opens several); what
    comes before the first bar line belongs to bar 1.
    """
    sums = np.zeros((len(BAR_RANGES), 2))
    for piece in scores:
        bar = np.maximum(np.cumsum(piece.bars), 1)
        for row, (first, last) in enumerate(BAR_RANGES):
            inside = (bar >= first) & (bar <= last) if last else bar >= first
            sums[row] += [piece.nats[inside].sum(), piece.notes[inside].sum()]
    return {
        f"{first}-{last}" if last else f"{first}+": {"bits_per_note": bits_per(nats, notes), "notes": int(notes)}
        for (first, last), (nats, notes) in zip(BAR_RANGES, sums.tolist(), strict=True)
    }


def sum_scores(scores: Sequence[PieceScores]) -> tuple[float, int, int, int]:
    """Nats, tokens, notes and bars of all pieces together."""
    nats, tokens, notes, bars = zip(*(_totals(piece) for piece in scores), strict=True)
    return sum(nats), sum(tokens), sum(notes), sum(bars)


def _totals(piece: PieceScores) -> tuple[float, int, int, int]:
    return float(piece.nats.sum()), len(piece.nats), int(piece.notes.sum()), int(piece.bars.sum())


def _piece_row(piece: PieceScores) -> dict[str, Any]:
    nats, tokens, notes, bars = _totals(piece)
    about = {"name": piece.name, "group": piece.group, "source": piece.source}
    return about | {"nats": nats, "tokens": tokens, "notes": notes, "bars": bars}


def bits_per(nats: float, count: float) -> float | None:
    """Bits for each of so many notes or bars; None without any."""
    return nats / math.log(2) / count if count else None
