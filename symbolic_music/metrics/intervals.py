"""How sure a share or a mean is: 95% intervals. Knows numbers only."""

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 1000
_TAILS = (0.025, 0.975)


def wilson_interval(successes: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """95% interval of a share (Wilson 1927), which stays honest at 0 of n and n of n.

    Raises:
        ValueError: without a trial.
    """
    if trials < 1:
        raise ValueError("a share needs at least one trial")
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap_intervals(
    values: Sequence[float], groups: Sequence[int] | None = None, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """95% percentile intervals of the mean and the median of values.

    Whole groups are resampled, for their members are no independent evidence (Efron & Tibshirani 1993, chapter 8).

    Args:
        values: one for each piece.
        groups: of each piece; each is its own when left out.
        seed: of the resampling.

    Returns:
        "mean" and "median": the low and the high end.

    Raises:
        ValueError: without a value.
    """
    if not len(values):
        raise ValueError("a mean needs at least one value")
    numbers = np.asarray(values, dtype=np.float64)
    labels = np.arange(len(numbers)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    count = int(labels.max()) + 1
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    by_value = np.argsort(numbers, kind="stable")
    weights = draws[:, labels[by_value]]
    totals = weights.sum(axis=1)
    middles = (2 * np.cumsum(weights, axis=1) >= totals[:, None]).argmax(axis=1)
    drawn = {"mean": weights @ numbers[by_value] / totals, "median": numbers[by_value][middles]}
    ends = {name: np.quantile(found, _TAILS) for name, found in drawn.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}
