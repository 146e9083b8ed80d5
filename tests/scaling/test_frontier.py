"""The frontier of a law: no size near it does better with the same FLOPs, and it knows what was trained."""

import numpy as np
import pytest

from symbolic_music.scaling.fits.frontier import find_frontier, optimal_size
from symbolic_music.scaling.fits.intervals import fit_with_intervals
from symbolic_music.scaling.fits.laws import FitError, Law, Points

TRUTH = Law("size_tokens", {"E": 1.1, "A": 90.0, "alpha": 0.35, "B": 500.0, "beta": 0.4})
SIZES, TOKENS = np.array([3e5, 1e6, 3e6, 7e6]), np.array([1e6, 2e6, 4e6, 8e6, 16e6])


@pytest.mark.parametrize("flops", [1e12, 1e14, 1e16])
def test_no_other_size_does_better_with_the_same_flops(flops):
    best = float(optimal_size(TRUTH, flops))
    losses = [float(TRUTH.predict(size, flops / 6 / size)) for size in best * np.geomspace(0.5, 2, 101)]
    assert int(np.argmin(losses)) == 50


def fitted(seed=0, noise=0.003):
    rng = np.random.default_rng(seed)
    grid = [array.repeat(3) for array in map(np.ravel, np.meshgrid(SIZES, TOKENS))]
    losses = TRUTH.predict(*grid) * np.exp(rng.normal(0, noise, len(grid[0])))
    return fit_with_intervals("size_tokens", Points(*grid, losses), samples=60)


def test_the_true_frontier_lies_within_the_interval_and_extrapolation_is_told():
    flops = np.array([6 * 1e6 * 4e6, 1e18])
    found = find_frontier(fitted(), flops, (SIZES.min(), SIZES.max()), (TOKENS.min(), TOKENS.max()))
    value, low, high = found.size_exponent
    assert low < 0.4 / 0.75 < high
    assert low < value < high
    truth = optimal_size(TRUTH, flops)
    assert (found.parameters[1] < truth).all()
    assert (truth < found.parameters[2]).all()
    np.testing.assert_allclose(6 * found.parameters[0] * found.tokens[0], flops)
    assert found.losses[0] == pytest.approx(TRUTH.predict(truth, flops / 6 / truth), rel=0.02)
    assert found.within.tolist() == [True, False]


def test_what_has_no_frontier_is_said():
    points = Points(SIZES.repeat(2), np.full(8, 1e6), TRUTH.predict(SIZES.repeat(2), 1e6) * np.array([1, 1.001] * 4))
    with pytest.raises(FitError, match="needs a law in N and D, got size"):
        find_frontier(fit_with_intervals("size", points, samples=5), [1e12], (1, 2), (1, 2))
