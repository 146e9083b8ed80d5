"""Intervals hold what they promise, and too little data is never dressed up."""

import numpy as np
import pytest

from symbolic_music.scaling.fits.intervals import Interval, fit_with_intervals, predict_largest
from symbolic_music.scaling.fits.laws import FitError, Law, Points

SIZES = np.array([3.4e6, 7.3e6, 22.7e6, 52.4e6, 100.8e6])
TRUTH = Law("size", {"E": 1.2, "A": 60.0, "alpha": 0.3})
NOISE = 0.003


def noisy(rng, sizes=SIZES, seeds=3, noise=NOISE, law=TRUTH):
    parameters = np.repeat(sizes, seeds)
    losses = law.predict(parameters) * np.exp(rng.normal(0, noise, len(parameters)))
    return Points(parameters, np.full(len(parameters), 2e7), losses)


def test_what_a_fit_says_of_its_points():
    result = fit_with_intervals("size", noisy(np.random.default_rng(0)), samples=50)
    assert (result.num_points, result.num_cells, result.num_sizes, result.seeds) == (15, 5, 5, (3, 3))
    assert not result.exact
    assert result.r2 > 0.99
    assert result.seed_spread == pytest.approx(NOISE, rel=0.7)
    alpha = result.intervals["alpha"]
    assert alpha.low < result.law.coefficients["alpha"] < alpha.high
    assert result.leave_one_size_out[0] <= result.leave_one_size_out[1]
    low, high = result.band(SIZES)
    assert (low < result.law.predict(SIZES)).all()
    assert (result.law.predict(SIZES) < high).all()


def test_the_same_seed_gives_the_same_interval():
    points = noisy(np.random.default_rng(0))
    first, second = (fit_with_intervals("size", points, samples=20, seed=4).intervals for _ in range(2))
    assert first == second
    assert first != fit_with_intervals("size", points, samples=20, seed=5).intervals


def test_three_sizes_make_an_exact_fit_that_says_so():
    result = fit_with_intervals("size", noisy(np.random.default_rng(0), SIZES[:3]), samples=50)
    assert result.exact
    assert result.r2 is None
    assert result.misfit is None
    assert result.extrapolation is None
    assert result.leave_one_size_out is None
    text = " ".join(result.notes)
    assert "passes through the points whatever the truth" in text
    assert "too few to hold the largest one out" in text


def test_three_sizes_once_each_have_no_interval():
    result = fit_with_intervals("size", noisy(np.random.default_rng(0), SIZES[:3], seeds=1), samples=50)
    assert result.intervals == {}
    assert result.band(SIZES) is None
    assert "every value is possible" in " ".join(result.notes)


@pytest.mark.slow
def test_noise_as_large_as_the_effect_leaves_alpha_open():
    flat = Law("size", {"E": 2.0, "A": 1e-3, "alpha": 0.3})
    result = fit_with_intervals("size", noisy(np.random.default_rng(0), noise=0.02, law=flat), samples=30)
    alpha = result.intervals["alpha"]
    assert alpha.high - alpha.low > 2
    assert alpha.low_is_open or alpha.high_is_open
    assert "alpha is not bounded by these runs" in " ".join(result.notes)


def test_settings_off_the_law_widen_the_interval():
    """Sizes that do not lie on a power law at all, measured with next to no spread between seeds."""
    points = noisy(np.random.default_rng(0), noise=1e-4)
    straight = fit_with_intervals("size", points, samples=50)
    off = 1 + 0.01 * np.array([1, -1, 1, -1, 1])[points.cells]
    crooked = fit_with_intervals("size", points.with_losses(points.losses * off), samples=50)
    assert crooked.misfit > 10
    assert "times further from the law" in " ".join(crooked.notes)
    widths = [result.intervals["alpha"].high - result.intervals["alpha"].low for result in (straight, crooked)]
    assert widths[1] > 5 * widths[0]


def test_one_run_per_size_takes_the_spread_around_the_law():
    result = fit_with_intervals("size", noisy(np.random.default_rng(0), seeds=1), samples=50)
    assert result.seed_spread is None
    assert isinstance(result.intervals["alpha"], Interval)
    assert "One run per setting" in " ".join(result.notes)


def test_the_largest_size_is_predicted_by_the_others():
    points = noisy(np.random.default_rng(0))
    found = predict_largest("size", points)
    assert found.parameters == SIZES[-1]
    assert found.num_sizes == 4
    assert found.measured == pytest.approx(points.losses[-3:].mean())
    assert abs(found.relative_error) < 0.02
    assert found.r2 > 0.9
    changed = np.where(points.parameters == SIZES[-1], points.losses * 1.2, points.losses)
    worse = predict_largest("size", points.with_losses(changed))
    assert worse.predicted == found.predicted, "the held-out runs have no part in the fit"
    assert worse.relative_error == pytest.approx(found.predicted / found.measured / 1.2 - 1)
    assert worse.r2 < found.r2


def test_r2_and_skill_follow_their_definitions():
    points = noisy(np.random.default_rng(1))
    found = predict_largest("size", points)
    held, second, fitted = points.losses[12:], points.losses[9:12], points.losses[:12]
    errors = ((held - found.predicted) ** 2).sum()
    assert found.r2 == pytest.approx(1 - errors / ((held - fitted.mean()) ** 2).sum())
    assert found.skill == pytest.approx(1 - errors / ((held - second.mean()) ** 2).sum())


def test_two_sizes_besides_the_largest_predict_nothing():
    with pytest.raises(FitError, match="2 sizes cannot determine"):
        predict_largest("size", noisy(np.random.default_rng(0), SIZES[:3]))


@pytest.mark.slow
def test_intervals_hold_the_known_exponent_as_often_as_they_say():
    """Coverage over noisy draws; of 60 draws a 95% interval misses more than eight with probability 0.002."""
    held, draws = 0, 60
    for number in range(draws):
        points = noisy(np.random.default_rng(100 + number))
        alpha = fit_with_intervals("size", points, samples=100, seed=number).intervals["alpha"]
        held += alpha.low <= TRUTH.coefficients["alpha"] <= alpha.high
    print(f"{held} of {draws} intervals hold alpha")
    assert held >= draws - 8


@pytest.mark.slow
def test_both_exponents_of_the_chinchilla_law_are_held():
    truth = Law("size_tokens", {"E": 1.2, "A": 60.0, "alpha": 0.3, "B": 400.0, "beta": 0.35})
    parameters, tokens = (axis.ravel() for axis in np.meshgrid(np.repeat(SIZES[:4], 2), [5e6, 1e7, 2e7]))
    held, draws = np.zeros(2, int), 12
    for number in range(draws):
        noise = np.random.default_rng(500 + number).normal(0, NOISE, len(parameters))
        points = Points(parameters, tokens, truth.predict(parameters, tokens) * np.exp(noise))
        intervals = fit_with_intervals("size_tokens", points, samples=60, seed=number).intervals
        for place, name in enumerate(("alpha", "beta")):
            held[place] += intervals[name].low <= truth.coefficients[name] <= intervals[name].high
    print(f"of {draws} intervals hold alpha and beta: {held}")
    assert (held >= draws - 3).all()


def test_repeated_data_have_intervals_too():
    law = Law("repeated", {"E": 1.2, "A": 200.0, "alpha": 0.3, "B": 400.0, "beta": 0.35, "R_N": 5.0, "R_D": 15.0})
    grid = np.meshgrid(np.repeat(SIZES[:3] / 100, 2), [1e7, 4e7, 1.6e8], [1, 4, 16])
    parameters, unique, passes = (axis.ravel() for axis in grid)
    noise = np.random.default_rng(2).normal(0, 1e-3, len(parameters))
    losses = law.predict(parameters, unique * passes, unique) * np.exp(noise)
    result = fit_with_intervals("repeated", Points(parameters, unique * passes, losses, unique), samples=20)
    assert result.num_cells == 27
    assert not result.exact
    assert result.law.coefficients["R_D"] == pytest.approx(15, rel=0.5)
    assert result.intervals["R_D"].low < 15 < result.intervals["R_D"].high
    assert set(result.intervals) == set(law.coefficients)
