"""How sure a mean or a share is: 95% intervals. Knows nothing of music."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

RESAMPLES = 1000


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


def in_brackets(interval: Mapping[str, float], pattern: str = "{:.3f}") -> str:
    """`low` and `high` in words: `[1.200, 1.300]`."""
    return f"[{pattern.format(interval['low'])}, {pattern.format(interval['high'])}]"


def from_to(interval: Mapping[str, float], pattern: str = "{:.1%}") -> str:
    """`low` and `high` in words: `92.1% to 99.0%`."""
    return f"{pattern.format(interval['low'])} to {pattern.format(interval['high'])}"


def bootstrap_draws(count: int, resamples: int, seed: int) -> np.ndarray:
    """Which of `count` pieces each resample holds, drawn with replacement: (resamples, count) int."""
    return np.random.default_rng(seed).integers(count, size=(resamples, count))


def group_draws(count: int, seed: int) -> np.ndarray:
    """How often each resample holds each of `count` groups, drawn whole with replacement: (resamples, count) int.

    Members of a group are no independent evidence (Efron & Tibshirani 1993, chapter 8).
    """
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES)


def percentile_interval(values: np.ndarray) -> dict[str, float]:
    """The middle 95% of what the resamples gave (Efron's percentile interval), as `low` and `high`."""
    low, high = np.quantile(values, [0.025, 0.975])
    return {"low": float(low), "high": float(high)}


def mean_with_interval(values: np.ndarray, draws: np.ndarray) -> dict[str, float]:
    """`mean`, `low` and `high` of values (pieces,), by resamples of the pieces, and how many `pieces` there are."""
    return {
        "mean": float(values.mean()),
        **percentile_interval(values[draws].mean(axis=1)),
        "pieces": len(values),
    }


def ratio_with_interval(parts: np.ndarray, wholes: np.ndarray, draws: np.ndarray) -> dict[str, float]:
    """`share`, `low` and `high` of parts over wholes, each summed over the pieces, by resamples of the pieces.

    Resamples whose wholes sum to 0 are left out.
    """
    resampled_parts, resampled_wholes = parts[draws].sum(axis=1), wholes[draws].sum(axis=1)
    counted = resampled_wholes > 0
    shares = resampled_parts[counted] / resampled_wholes[counted]
    return {"share": float(parts.sum() / wholes.sum()), **percentile_interval(shares)}


def bootstrap_intervals(
    values: Sequence[float], groups: Sequence[int] | None = None, seed: int = 0
) -> dict[str, dict[str, float]]:
    """95% percentile intervals of the mean and the median of values.

    Whole groups are resampled, for their members are no independent evidence (Efron & Tibshirani 1993, chapter 8).

    Args:
        values: one for each piece.
        groups: of each piece; each is its own when left out.
        seed: of the resampling.

    Returns:
        "mean" and "median": `low` and `high`.

    Raises:
        ValueError: without a value.
    """
    if not len(values):
        raise ValueError("a mean needs at least one value")
    numbers = np.asarray(values, dtype=np.float64)
    labels = np.arange(len(numbers)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    draws = group_draws(int(labels.max()) + 1, seed)
    by_value = np.argsort(numbers, kind="stable")
    weights = draws[:, labels[by_value]]
    totals = weights.sum(axis=1)
    middles = (2 * np.cumsum(weights, axis=1) >= totals[:, None]).argmax(axis=1)
    drawn = {"mean": weights @ numbers[by_value] / totals, "median": numbers[by_value][middles]}
    return {name: percentile_interval(found) for name, found in drawn.items()}
