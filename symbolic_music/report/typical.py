"""Which of many sampled pieces to look at: the most usual one, the one most like human music, and the least."""

from collections.abc import Mapping

import numpy as np


def distances_to_human(sampled: Mapping[str, np.ndarray], human: Mapping[str, np.ndarray]) -> np.ndarray:
    """How unlike human pieces each sampled piece is, (pieces,).

    The mean over statistics of how many human standard deviations a piece's value lies from the human mean; statistics
    in which human pieces do not vary are left out.

    Args:
        sampled: by statistic, (pieces,).
        human: by statistic, (other pieces,).
    """
    deviations = [
        np.abs(values - human[name].mean()) / human[name].std()
        for name, values in sampled.items()
        if human[name].std() > 0
    ]
    count = len(next(iter(sampled.values())))
    return np.mean(deviations, axis=0) if deviations else np.zeros(count)


def choose_pieces(distances: np.ndarray) -> dict[str, int]:
    """Numbers of the "typical" piece (the median distance), the "best" (the least) and the "worst" (the greatest)."""
    order = np.argsort(distances, kind="stable")
    return {"typical": int(order[len(order) // 2]), "best": int(order[0]), "worst": int(order[-1])}
