"""The forms, and that their fit finds the coefficients that made noiseless losses."""

import itertools

import numpy as np
import pytest

from symbolic_music.scaling.fits.laws import (
    FORMS,
    HUBER_DELTA,
    FitError,
    Law,
    Points,
    check_points,
    effective_size_and_data,
    fit_from_starts,
    fit_law,
)

SIZES = np.array([3.4e6, 7.3e6, 22.7e6, 52.4e6, 100.8e6])
TOKENS = np.array([5e6, 1e7, 2e7, 4e7])
# Hoffmann et al. 2022, table A3 and section D.3; R_N and R_D of Muennighoff et al. 2023.
CHINCHILLA = {"E": 1.69, "A": 406.4, "alpha": 0.34, "B": 410.7, "beta": 0.28}
REPEATED = CHINCHILLA | {"R_N": 5.3, "R_D": 15.4}


def grid_points(law, sizes=SIZES, tokens=TOKENS, epochs=(1,)):
    rows = np.array(list(itertools.product(sizes, tokens, epochs)))
    size, unique, passes = rows.T
    return Points(size, unique * passes, law.predict(size, unique * passes, unique), unique)


def size_points(law, sizes=SIZES):
    return Points(sizes, np.full(len(sizes), 2e7), law.predict(sizes))


def test_the_forms_are_the_papers():
    assert Law("size", {"E": 1, "A": 8, "alpha": 1 / 3}).predict(1000) == pytest.approx(1 + 8 / 10)
    law = Law("size_tokens", {"E": 1, "A": 8, "alpha": 1 / 3, "B": 30, "beta": 0.5})
    assert law.predict(1000, 900) == pytest.approx(1 + 0.8 + 1)


@pytest.mark.parametrize("alpha", [0.1, 0.34, 0.8])
def test_noiseless_sizes_give_their_law(alpha):
    truth = Law("size", {"E": 1.2, "A": 0.8 * 1e7**alpha, "alpha": alpha})
    found = fit_law("size", size_points(truth))
    assert found.coefficients == pytest.approx(truth.coefficients, rel=1e-3)
    assert found.objective < (HUBER_DELTA * 1e-3) ** 2


def test_noiseless_sizes_and_tokens_give_their_law():
    truth = Law("size_tokens", CHINCHILLA)
    assert fit_law("size_tokens", grid_points(truth)).coefficients == pytest.approx(CHINCHILLA, rel=1e-3)


def test_noiseless_repeated_data_give_their_law():
    truth = Law("repeated", REPEATED)
    points = grid_points(truth, tokens=np.array([2e5, 1e6, 5e6]), epochs=(1, 4, 16, 64))
    # The first passes do not follow the five-coefficient law exactly: N' is below N where N is beyond U_N.
    assert (points.unique_tokens < points.tokens).any()
    found = fit_law("repeated", points)
    assert (
        np.abs(found.predict(points.parameters, points.tokens, points.unique_tokens) / points.losses - 1).max() < 0.1
    )


def test_repeats_are_worth_nothing_at_first_and_saturate():
    tokens = np.array([1e7, 2e7, 1e12])
    size, data = effective_size_and_data(REPEATED, np.full(3, 1e5), tokens, np.full(3, 1e7))
    assert size == pytest.approx(np.full(3, 1e5)), "smaller than the data call for: all of it counts"
    assert data[0] == pytest.approx(1e7)
    assert data[1] == pytest.approx(1e7 * (1 + 15.4 * (1 - np.exp(-1 / 15.4))))
    assert data[2] == pytest.approx(1e7 * 16.4)


def test_repetition_constants_are_found_when_the_first_passes_follow_their_law():
    """With models below the optimal size N' = N, and the base law is exact."""
    truth = Law("repeated", REPEATED | {"A": 4e3})
    points = grid_points(truth, sizes=SIZES / 1e3, tokens=np.array([1e8, 4e8, 2e9]), epochs=(1, 4, 16, 64))
    found = fit_law("repeated", points)
    assert found.coefficients["R_D"] == pytest.approx(15.4, rel=1e-2)
    assert found.coefficients["beta"] == pytest.approx(0.28, rel=1e-2)


def test_a_diverged_run_hardly_moves_the_law():
    truth = Law("size", {"E": 1.2, "A": 60.0, "alpha": 0.3})
    points = size_points(truth, np.repeat(SIZES, 3))
    losses = points.losses * np.exp(np.random.default_rng(1).normal(0, 3e-4, len(points)))
    losses[7] *= 1.5
    assert fit_law("size", points.with_losses(losses)).coefficients["alpha"] == pytest.approx(0.3, abs=0.03)


def test_no_start_of_hoffmanns_grid_ends_lower():
    """The starts of the exponents alone do not miss the minimum (a part of the grid of 4,500 points)."""
    from scipy.optimize import minimize
    from scipy.special import huber, logsumexp

    rng = np.random.default_rng(3)
    truth = Law("size_tokens", CHINCHILLA)
    points = grid_points(truth)
    points = points.with_losses(points.losses * np.exp(rng.normal(0, 0.01, len(points))))
    found = fit_law("size_tokens", points)

    def objective(theta):
        a, b, e, alpha, beta = theta
        parts = [a - alpha * np.log(points.parameters), b - beta * np.log(points.tokens), np.full(len(points), e)]
        return huber(HUBER_DELTA, logsumexp(parts, axis=0) - np.log(points.losses)).sum() / HUBER_DELTA**2

    ends = [
        minimize(objective, start, method="L-BFGS-B", options={"maxiter": 300}).fun
        for start in itertools.product([5, 10], [5, 10], [-0.5, 0.5], [0.5], [0.5])
    ]
    assert found.objective / HUBER_DELTA**2 <= min(ends) * (1 + 1e-6)


@pytest.mark.parametrize(
    ("form", "sizes", "tokens", "complaint"),
    [
        ("size", 2, 1, "2 sizes cannot determine"),
        ("size", 5, 2, "one number of training tokens, got 2"),
        ("size_tokens", 2, 4, "2 sizes"),
        ("size_tokens", 5, 2, "2 numbers of tokens"),
        ("repeated", 5, 4, "at least 2 settings in which tokens are seen more than once"),
        ("cubic", 5, 4, "unknown form 'cubic'"),
    ],
)
def test_too_few_points_are_refused_by_number(form, sizes, tokens, complaint):
    points = grid_points(Law("size_tokens", CHINCHILLA), SIZES[:sizes], TOKENS[:tokens])
    with pytest.raises(FitError, match=complaint):
        check_points(form, points)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_losses_that_are_no_losses_are_refused(bad):
    with pytest.raises(FitError, match="losses must be positive and finite"):
        Points(SIZES, np.full(5, 1e7), np.array([2.0, bad, 2.0, 2.0, 2.0]))


def test_more_distinct_tokens_than_tokens_are_refused():
    with pytest.raises(FitError, match="more distinct tokens"):
        Points(SIZES, np.full(5, 1e7), np.full(5, 2.0), np.full(5, 2e7))


def test_a_fit_near_a_law_stays_with_it():
    truth = Law("size", {"E": 1.2, "A": 60.0, "alpha": 0.3})
    near = fit_from_starts("size", size_points(truth), 0, near=truth)
    assert near.coefficients == pytest.approx(truth.coefficients, rel=1e-6)
    assert list(near.coefficients) == list(FORMS["size"])
