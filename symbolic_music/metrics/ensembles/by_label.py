"""How far sampled pieces lie from human ones of the same kind, over all statistics: one figure for each kind.

Takes values by statistic, as `metrics.statistics.measure_pieces` gives them, and labels; knows no music.
"""

from collections.abc import Mapping, Sequence

import numpy as np

FEWEST = 3
"""Pieces of either side without which a kind has no figure."""
_RESAMPLES = 200
# A statistic whose standard deviation is below this does not vary: what is left is rounding.
_LEAST_SCALE = 1e-9


def distance_by_label(
    sampled: Mapping[str, np.ndarray],
    sampled_labels: Sequence[str],
    human: Mapping[str, np.ndarray],
    human_labels: Sequence[str],
    seed: int = 0,
) -> dict[str, dict[str, float | int | None]]:
    """The distance of the means in human standard deviations, absolute, averaged over the statistics, for each label.

    Small sets lie apart by chance. `floor` says how far: it is the same distance between two sets drawn from the human
    pieces of that label, as large as the two that are compared; a distance near its floor says no more than that.

    Args:
        sampled: by statistic, (pieces,); nan where it says nothing of a piece.
        sampled_labels: one for each sampled piece.
        human: likewise.
        human_labels: likewise.
        seed: of the draws for the floor.

    Returns:
        By label, in order: the number of `sampled` and `human` pieces, `distance` and `floor`; both None with fewer
        than three pieces on either side, or where no statistic varies among the human ones.
    """
    ours, theirs = np.asarray(sampled_labels), np.asarray(human_labels)
    table: dict[str, dict[str, float | int | None]] = {}
    for label in sorted({*sampled_labels, *human_labels}):
        left = np.array([values[ours == label] for values in sampled.values()])
        right = np.array([human[name][theirs == label] for name in sampled])
        counts = (left.shape[1], right.shape[1])
        enough = min(counts) >= FEWEST
        table[label] = {
            "sampled": counts[0],
            "human": counts[1],
            "distance": mean_distance(left, right) if enough else None,
            "floor": _floor(right, counts, seed) if enough else None,
        }
    return table


def mean_distance(sampled: np.ndarray, human: np.ndarray, scales: np.ndarray | None = None) -> float | None:
    """Mean over statistics of |difference of means| / human standard deviation.

    A statistic that fewer than three human pieces or no sampled one has is left out, and so is one in which human
    pieces do not vary: there is no scale to measure it by. None when none is left.

    Args:
        sampled: (statistics, pieces), nan where a piece has none.
        human: (statistics, other pieces), likewise.
        scales: (statistics,) standard deviations to use; those of the human pieces when left out.
    """
    scales = standard_deviations(human) if scales is None else scales
    told = np.isfinite(sampled).any(axis=1) & np.isfinite(human).any(axis=1) & (scales > _LEAST_SCALE)
    if not told.any():
        return None
    apart = np.nanmean(sampled[told], axis=1) - np.nanmean(human[told], axis=1)
    return float((np.abs(apart) / scales[told]).mean())


def standard_deviations(human: np.ndarray) -> np.ndarray:
    """Of each statistic of (statistics, pieces), among the pieces that have it; 0.0 where fewer than three do."""
    deviations = np.zeros(len(human))
    told = np.isfinite(human).sum(axis=1) >= FEWEST
    deviations[told] = np.nanstd(human[told], axis=1, ddof=1)
    return deviations


def piece_distances(these: np.ndarray, those: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """How unlike the pieces of two sets are, one by one, (pieces,): mean |difference| / scale over the statistics.

    A statistic without a scale is left out, and of a pair what says nothing of one of the two; nan when all is.

    Args:
        these: (statistics, pieces).
        those: (statistics, pieces), the piece to set beside each.
        scales: (statistics,).
    """
    varied = scales > _LEAST_SCALE
    apart = np.abs(these[varied] - those[varied]) / scales[varied, None]
    told = np.isfinite(apart)
    totals = np.where(told, apart, 0).sum(axis=0)
    return np.divide(totals, told.sum(axis=0), out=np.full(these.shape[1], np.nan), where=told.any(axis=0))


def _floor(human: np.ndarray, counts: tuple[int, int], seed: int) -> float | None:
    """How far apart two sets drawn from the human pieces lie on average, in the human pieces' standard deviations."""
    pieces, scales = human.shape[1], standard_deviations(human)
    draws = np.random.default_rng(seed).integers(pieces, size=(_RESAMPLES, sum(counts)))
    halves = ((human[:, draw[: counts[0]]], human[:, draw[counts[0] :]]) for draw in draws)
    found = [distance for left, right in halves if (distance := mean_distance(left, right, scales)) is not None]
    return float(np.mean(found)) if found else None
