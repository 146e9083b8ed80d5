"""Which of many sampled pieces to look at: the most usual one, the one most like human music, and the least."""

from collections.abc import Mapping

import numpy as np


def distances_to_human(sampled: Mapping[str, np.ndarray], human: Mapping[str, np.ndarray]) -> np.ndarray:
    """How unlike human pieces each sampled piece is, (pieces,).

    The mean over statistics of how many human standard deviations a piece's value lies from the human mean; statistics
    in which human pieces do not vary are left out, and of a piece those that say nothing of it (nan).

    Args:
        sampled: by statistic, (pieces,).
        human: by statistic, (other pieces,).
    """
    count = len(next(iter(sampled.values())))
    totals, told = np.zeros(count), np.zeros(count)
    for name, values in sampled.items():
        reference = human[name][np.isfinite(human[name])]
        if len(reference) and reference.std() > 0:
            has = np.isfinite(values)
            totals[has] += np.abs(values[has] - reference.mean()) / reference.std()
            told += has
    return totals / np.maximum(told, 1)


def choose_pieces(distances: np.ndarray) -> dict[str, int]:
    """Numbers of the "typical" piece (the median distance), the "best" (the least) and the "worst" (the greatest)."""
    order = np.argsort(distances, kind="stable")
    return {"typical": int(order[len(order) // 2]), "best": int(order[0]), "worst": int(order[-1])}
