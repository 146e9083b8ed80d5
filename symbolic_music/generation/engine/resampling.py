"""Weights of particles: how uneven they are, and who is drawn by them. Knows nothing of music."""

import numpy as np


def log_mean(log_weights: np.ndarray) -> float:
    """The logarithm of the mean of weights, whose logarithms (N,) are given."""
    most = log_weights.max()
    return float(most + np.log(np.exp(log_weights - most).mean()))


def shares(log_weights: np.ndarray) -> np.ndarray:
    """Weights that add up to 1, (N,) float64."""
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def effective_sample_size(log_weights: np.ndarray) -> float:
    """How many equal weights would be as good: the square of their sum by the sum of their squares.

    Kong, Liu & Wong, "Sequential imputations and Bayesian missing data problems", 1994.
    """
    return float(1 / np.square(shares(log_weights)).sum())


def systematic(log_weights: np.ndarray, uniform: float) -> np.ndarray:
    """Who is taken how often: each as often as its share of N, rounded down or up. Systematic resampling.

    Carpenter, Clifford & Fearnhead, "Improved particle filter for nonlinear problems", 1999.

    Args:
        log_weights: (N,).
        uniform: a random number from 0 to 1, which all N draws share.

    Returns:
        (N,) int64, ascending numbers of those that are taken.
    """
    count = len(log_weights)
    marks = (np.arange(count) + uniform) / count
    return np.minimum(np.searchsorted(shares(log_weights).cumsum(), marks, side="right"), count - 1)
