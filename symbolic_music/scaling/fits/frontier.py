"""Compute-optimal training by a fitted law: how large a model and how many tokens a number of FLOPs wants.

With L = E + A / N^alpha + B / D^beta and C = 6 N D, the least loss at C is at
N = G (C / 6)^a, D = (C / 6)^b / G, a = beta / (alpha + beta), b = alpha / (alpha + beta),
G = (alpha A / (beta B))^(1 / (alpha + beta))   (Hoffmann et al. 2022, equation 4).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symbolic_music.scaling.fits.intervals import CONFIDENCE, FitResult
from symbolic_music.scaling.fits.laws import FitError, Law

FLOPS_PER_PARAMETER_AND_TOKEN = 6


@dataclass(frozen=True)
class Frontier:
    """The best size at several numbers of FLOPs.

    Attributes:
        flops: (n,).
        parameters: (3, n): the law's, and the ends of the interval.
        tokens: (3, n): likewise.
        losses: (3, n): likewise, nats per token.
        size_exponent: a, and the ends of its interval.
        within: (n,) whether both size and tokens lie within what was trained: elsewhere it is an extrapolation.
    """

    flops: np.ndarray
    parameters: np.ndarray
    tokens: np.ndarray
    losses: np.ndarray
    size_exponent: tuple[float, float, float]
    within: np.ndarray


def optimal_size(law: Law, flops: np.ndarray | float) -> np.ndarray:
    """N of least loss at so many FLOPs; in logarithms, since A and B may be huge."""
    c = law.coefficients
    total = c["alpha"] + c["beta"]
    log_g = (np.log(c["alpha"] * c["A"]) - np.log(c["beta"] * c["B"])) / total
    return np.exp(log_g + c["beta"] / total * np.log(np.asarray(flops) / FLOPS_PER_PARAMETER_AND_TOKEN))


def find_frontier(
    result: FitResult, flops: Sequence[float] | np.ndarray, sizes: tuple[float, float], tokens: tuple[float, float]
) -> Frontier:
    """The frontier of a law in N and D, with the interval of its bootstrap.

    Args:
        result: a fit of the form "size_tokens".
        flops: where.
        sizes: the smallest and the largest model that were trained.
        tokens: the fewest and the most tokens.

    Raises:
        FitError: for another form, or a law that gains nothing from size or tokens.
    """
    law, at = result.law, np.asarray(flops, dtype=float)
    if law.form != "size_tokens":
        raise FitError(f"a frontier needs a law in N and D, got {law.form}")
    if not law.coefficients["A"] * law.coefficients["B"] > 0:
        raise FitError("the law gains nothing from size or from tokens, so no size is the best")
    laws = [law, *(other for other in result.replicates if other.coefficients["A"] * other.coefficients["B"] > 0)]
    best = np.stack([optimal_size(other, at) for other in laws])
    data = at / FLOPS_PER_PARAMETER_AND_TOKEN / best
    losses = np.stack([other.predict(*row) for other, *row in zip(laws, best, data, strict=True)])
    exponents = np.array([_size_exponent(other) for other in laws])
    inside = [(low <= row) & (row <= high) for row, (low, high) in ((best[0], sizes), (data[0], tokens))]
    return Frontier(
        at,
        _with_interval(best),
        _with_interval(data),
        _with_interval(losses),
        tuple(_with_interval(exponents[:, None])[:, 0].tolist()),
        inside[0] & inside[1],
    )


def _size_exponent(law: Law) -> float:
    return law.coefficients["beta"] / (law.coefficients["alpha"] + law.coefficients["beta"])


def _with_interval(rows: np.ndarray) -> np.ndarray:
    """(3, n): the first row, and the interval of the others; the row itself where there are none."""
    others = rows[1:] if len(rows) > 1 else rows
    low, high = np.quantile(others, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return np.stack([rows[0], low, high])
