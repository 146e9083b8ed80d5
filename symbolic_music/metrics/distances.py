"""How far apart two sets of pieces lie in one feature: overlapping area and Kullback-Leibler divergence.

Yang & Lerch, "On the evaluation of generative models in music", Neural Computing and Applications 32, 2020 (MGEval).
Distances within the human set (each piece to all others, leave-one-out) and between the sets (each piece of one to all
of the other) are taken as two distributions, smoothed by a Gaussian kernel; where the sets are alike, so are the two.

Two departures from the published code, both towards the paper's formulas. It integrates the overlap between the
smallest and the largest distance only, so that a set overlaps with itself by less than 1; here the whole line counts.
It compares the two densities on grids of their own, place by place; here on the same grid.

Two cautions. Resampling makes the sets less alike than they are, so intervals lean towards less overlap. And where
nearly all human pieces have the same value, kernels become so narrow that the area says little; read the means then.

Knows nothing of music: a feature is a number or a vector for each piece.
"""

from dataclasses import dataclass

import numpy as np

from symbolic_music.metrics.intervals import bootstrap_draws, percentile_interval

GRID = 2048
"""Places on which densities are evaluated."""
RESAMPLES = 200
"""Of the interval; each smooths two densities of all pairs anew."""
FEWEST_HUMAN = 3
"""Human pieces without which there are no distances among them to speak of."""
# Standard deviations of the kernel by which the grid exceeds the distances: 6e-5 of a kernel lies beyond.
_MARGIN = 4.0
# A density below this share of its mass is taken for it: bounds the divergence, at 28 nats.
_LEAST = 1e-12


def set_distances(these: np.ndarray, those: np.ndarray) -> np.ndarray:
    """Euclidean distances of the pieces of two sets, (these, those).

    Args:
        these: (pieces,), or (pieces, dimensions).
        those: likewise.
    """
    left, right = these.reshape(len(these), 1, -1), those.reshape(1, len(those), -1)
    return np.sqrt(sum(np.square(left[..., axis] - right[..., axis]) for axis in range(left.shape[-1])))


@dataclass(frozen=True)
class Grid:
    """Evenly spaced places that cover two sets of distances and their kernels."""

    start: float
    step: float

    def smooth(self, mass: np.ndarray, width: float) -> np.ndarray:
        """The shares of a mass (GRID,) under a Gaussian kernel of a width in steps, (GRID,), which sum to 1."""
        frequencies = np.fft.rfftfreq(2 * GRID)
        kernel = np.exp(-2 * np.square(np.pi * width * frequencies))
        density = np.fft.irfft(np.fft.rfft(mass, 2 * GRID) * kernel)[:GRID].clip(min=mass.sum() * _LEAST)
        return density / density.sum()


class Pairs:
    """Pairs of pieces of two sets, whose distances are smoothed again and again with other weights of the pieces.

    A pair weighs the product of its pieces' weights, so that sums over pairs are products of a matrix and two vectors.

    Args:
        distances: (pieces, others).
        grid: covers them.
        are_one_set: both sets are one; pairs of a piece with itself are left out.
    """

    def __init__(self, distances: np.ndarray, grid: Grid, are_one_set: bool = False):
        self._grid, self._are_one_set = grid, are_one_set
        self._distances, self._squares = distances, np.square(distances)
        self._places = np.rint((distances - grid.start) / grid.step).astype(np.int64)
        if are_one_set:
            np.fill_diagonal(self._places, 0)  # the grid need not reach a distance of 0

    def density(self, weights: np.ndarray, others: np.ndarray) -> np.ndarray:
        """The shares of the smoothed mass at each place of the grid, (GRID,), which sum to 1.

        The kernel has Scott's width, as scipy's `gaussian_kde`, but is no narrower than a step. Distances are first
        moved to the nearest place, which is why this takes no time.

        Args:
            weights: (pieces,).
            others: (others,).
        """
        itself = weights * others if self._are_one_set else np.zeros(1)
        total = weights.sum() * others.sum() - itself.sum()
        mean = weights @ self._distances @ others / total
        effective = total**2 / (np.square(weights).sum() * np.square(others).sum() - np.square(itself).sum())
        spread = max(weights @ self._squares @ others / total - mean**2, 0.0)
        variance = spread * effective / max(effective - 1, 1)
        width = max(float(np.sqrt(variance)) * effective**-0.2 / self._grid.step, 1.0)
        return self._grid.smooth(self._mass(weights, others, itself), width)

    def _mass(self, weights: np.ndarray, others: np.ndarray, itself: np.ndarray) -> np.ndarray:
        """What all pairs at each place weigh, (GRID,). A resample holds two thirds of the pieces of each set."""
        rows, columns = np.flatnonzero(weights), np.flatnonzero(others)
        products = np.outer(weights[rows], others[columns]).ravel()
        mass = np.bincount(self._places[np.ix_(rows, columns)].ravel(), products, minlength=GRID)
        if self._are_one_set:
            mass[0] -= itself.sum()
        return mass


def common_grid(*sets: np.ndarray) -> Grid | None:
    """The grid for sets of distances; None where all distances are equal."""
    low, high = min(each.min() for each in sets), max(each.max() for each in sets)
    if not high > low:
        return None
    margin = _MARGIN * max(float(each.std(ddof=1)) * len(each) ** -0.2 for each in sets)
    return Grid(low - margin, (high - low + 2 * margin) / (GRID - 1))


def overlap(sampled: np.ndarray, human: np.ndarray, seed: int = 0, resamples: int = RESAMPLES) -> dict[str, dict]:
    """How alike the distances from sampled to human pieces are to those among human pieces.

    Args:
        sampled: the feature of each piece, (pieces,) or (pieces, dimensions).
        human: likewise; the reference set.
        seed: of the bootstrap over the pieces of both sets.
        resamples: of the bootstrap.

    Returns:
        "overlapping_area", from 0 to 1, of the two densities, and "kl_divergence" of the human set's own from that
        between the sets, in nats: `value`, `low`, `high` (95%). Pairs of a piece with itself, which resampling brings
        about, are left out.

    Raises:
        ValueError: with fewer than three human pieces or no sampled one.
    """
    if len(human) < FEWEST_HUMAN or not len(sampled):
        raise ValueError(
            f"expected {FEWEST_HUMAN} human pieces and 1 sampled one, got {len(human)} and {len(sampled)}"
        )
    inter, intra = set_distances(sampled, human), set_distances(human, human)
    grid = common_grid(intra[~np.eye(len(human), dtype=bool)], inter.ravel())
    if grid is None:  # nothing varies
        same = {"value": 1.0, "low": 1.0, "high": 1.0}
        return {"overlapping_area": same, "kl_divergence": dict.fromkeys(same, 0.0)}

    among, across = Pairs(intra, grid, are_one_set=True), Pairs(inter, grid)

    def compare(sampled_counts: np.ndarray, human_counts: np.ndarray) -> tuple[float, float]:
        own = among.density(human_counts, human_counts)
        between = across.density(sampled_counts, human_counts)
        return float(np.minimum(own, between).sum()), float((own * np.log(own / between)).sum())

    values = compare(np.ones(len(sampled)), np.ones(len(human)))
    draws = zip(_counts(len(sampled), resamples, seed), _counts(len(human), resamples, seed + 1), strict=True)
    # A resample of one human piece alone, again and again, has no distances.
    resampled = np.array([compare(ours, theirs) for ours, theirs in draws if np.count_nonzero(theirs) > 1])
    return {
        name: {"value": value, **percentile_interval(resampled[:, column])}
        for column, (name, value) in enumerate(zip(("overlapping_area", "kl_divergence"), values, strict=True))
    }


def _counts(pieces: int, resamples: int, seed: int) -> np.ndarray:
    """How often each resample holds each piece, (resamples, pieces) float64."""
    draws = bootstrap_draws(pieces, resamples, seed)
    return np.array([np.bincount(draw, minlength=pieces) for draw in draws], dtype=float)
