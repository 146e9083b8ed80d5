"""What a model pays by the bar of a piece and by the source of a piece: bits per note with intervals over groups.

Knows no model: scores are numbers for each token. A curve over bars is no proof that a model uses its context, since
pieces may grow simpler as they go on; score them again with a shorter context to see what the context gives.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from symbolic_music.metrics.intervals import group_draws
from symbolic_music.training.evaluation.bits_per_note import (
    CONFIDENCE,
    PieceScores,
    bits_per,
    bootstrap_interval,
    resampled_bits,
    sum_scores,
)

LAST_BAR = 64
LONG_BARS = 32
EARLIER, LATER = (9, 16), (17, LONG_BARS)


def bits_per_note_by_single_bar(scores: Sequence[PieceScores], seed: int = 0) -> dict[str, Any]:
    """Bits per note in bar 1, in bar 2 and so on, and whether they still fall after bar 16.

    Which pieces reach a bar differs from bar to bar, so the curve of all pieces mixes two things. That of the long
    ones (32 bars or more), up to bar 32, has the same pieces in every bar; so has the comparison of bars 9 to 16 with
    bars 17 to 32.

    Args:
        scores: of whole pieces; a token's bar is as in `scores.bits_per_note_by_bar`.
        seed: of the bootstrap over near-duplicate groups.

    Returns:
        "all" and "long": `pieces`, and `rows` of the bars in which notes begin, each with `bar`, `pieces`, `notes`,
        `bits_per_note`, `low` and `high` (95%; None with fewer than two groups). "later_is_cheaper_by": by how many
        bits per note bars 17 to 32 of long pieces are cheaper than their bars 9 to 16, with `low` and `high`; None
        with fewer than two groups of them.
    """
    long = [piece for piece in scores if int(piece.bars.sum()) >= LONG_BARS]
    return {
        "all": _curve(scores, LAST_BAR, seed),
        "long": _curve(long, LONG_BARS, seed) | {"at_least_bars": LONG_BARS},
        "later_is_cheaper_by": _later_is_cheaper_by(long, seed),
    }


def bits_per_note_by_label(
    scores: Sequence[PieceScores], labels: Sequence[str], seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Figures of the pieces of each label, such as their source, in the labels' order.

    Args:
        scores: of pieces.
        labels: one for each piece.
        seed: of the bootstrap over near-duplicate groups.

    Returns:
        By label: `pieces`, `groups`, `tokens`, `notes`, `bars`; `bits_per_note` with its `interval`, `bits_per_bar`,
        `nats_per_token`. What has no notes, bars or second group is None.
    """
    table = {}
    for label in sorted(set(labels)):
        chosen = [piece for piece, own in zip(scores, labels, strict=True) if own == label]
        nats, tokens, notes, bars = sum_scores(chosen)
        table[label] = {
            "pieces": len(chosen),
            "groups": len({piece.group for piece in chosen}),
            "tokens": tokens,
            "notes": notes,
            "bars": bars,
            "bits_per_note": bits_per(nats, notes),
            "interval": bootstrap_interval(chosen, seed),
            "bits_per_bar": bits_per(nats, bars),
            "nats_per_token": nats / tokens,
        }
    return table


def _curve(scores: Sequence[PieceScores], last_bar: int, seed: int) -> dict[str, Any]:
    sums, pieces = _sums_by_bar(scores, last_bar)
    nats, notes = sums.sum(axis=0).T
    resampled = _resampled(sums, seed)
    low, high = (None, None) if resampled is None else _interval(resampled)
    return {
        "pieces": len(scores),
        "rows": [
            {
                "bar": bar + 1,
                "pieces": int(pieces[bar]),
                "notes": int(notes[bar]),
                "bits_per_note": float(nats[bar] / math.log(2) / notes[bar]),
                "low": None if low is None else float(low[bar]),
                "high": None if high is None else float(high[bar]),
            }
            for bar in range(last_bar)
            if notes[bar]
        ],
    }


def _sums_by_bar(scores: Sequence[PieceScores], last_bar: int) -> tuple[np.ndarray, np.ndarray]:
    """Nats and notes of every group in every bar, (groups, bars, 2), and how many pieces reach each bar, (bars,)."""
    index = {group: row for row, group in enumerate(sorted({piece.group for piece in scores}))}
    sums, pieces = np.zeros((len(index), last_bar, 2)), np.zeros(last_bar, dtype=np.int64)
    for piece in scores:
        bar = np.maximum(np.cumsum(piece.bars), 1) - 1
        inside = bar < last_bar
        for column, values in enumerate((piece.nats, piece.notes)):
            sums[index[piece.group], :, column] += np.bincount(bar[inside], values[inside], minlength=last_bar)
        pieces[np.unique(bar[inside])] += 1
    return sums, pieces


def _resampled(sums: np.ndarray, seed: int) -> np.ndarray | None:
    """Bits per note of resamples of the groups, (resamples, bars); None with fewer than two groups."""
    return None if len(sums) < 2 else resampled_bits(sums, group_draws(len(sums), seed))


def _interval(resampled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The middle of what resamples gave in each column; resamples without a value are no part."""
    tail = (1 - CONFIDENCE) / 2
    told = np.isfinite(resampled).any(axis=0)
    low, high = np.full((2, resampled.shape[1]), np.nan)
    low[told], high[told] = np.nanquantile(resampled[:, told], [tail, 1 - tail], axis=0)
    return low, high


def _later_is_cheaper_by(long: Sequence[PieceScores], seed: int) -> dict[str, Any] | None:
    sums, _ = _sums_by_bar(long, LONG_BARS)
    parts = np.stack([sums[:, first - 1 : last].sum(axis=1) for first, last in (EARLIER, LATER)], axis=1)
    totals = parts.sum(axis=0)
    resampled = _resampled(parts, seed)
    if resampled is None or not totals[:, 1].all():
        return None
    bits = totals[:, 0] / math.log(2) / totals[:, 1]
    low, high = _interval(resampled[:, :1] - resampled[:, 1:])
    return {
        "earlier": f"{EARLIER[0]}-{EARLIER[1]}",
        "later": f"{LATER[0]}-{LATER[1]}",
        "pieces": len(long),
        "bits_per_note": float(bits[0] - bits[1]),
        "low": float(low[0]),
        "high": float(high[0]),
    }
