"""Intervals of shares and means."""

import numpy as np
import pytest

from symbolic_music.metrics.intervals import (
    bootstrap_draws,
    bootstrap_intervals,
    mean_with_interval,
    ratio_with_interval,
    wilson_interval,
)


def test_wilson_interval_of_known_shares():
    # Brown, Cai & DasGupta (2001) and hand calculation: 0 of 10 and 10 of 10 give one-sided intervals.
    low, high = wilson_interval(0, 10)
    assert low == 0
    assert high == pytest.approx(0.2775, abs=1e-4)
    low, high = wilson_interval(10, 10)
    assert low == pytest.approx(0.7225, abs=1e-4)
    assert high == pytest.approx(1)
    assert wilson_interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    with pytest.raises(ValueError, match="at least one trial"):
        wilson_interval(0, 0)


def test_the_bootstrap_interval_of_a_mean_is_about_two_standard_errors():
    values = np.random.default_rng(0).normal(size=400)
    row = mean_with_interval(values, bootstrap_draws(400, 2000, seed=1))
    assert row["mean"] == values.mean()
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.1)


def test_shares_are_of_sums_and_resamples_of_nothing_are_left_out():
    row = ratio_with_interval(np.array([1, 0]), np.array([2, 0]), bootstrap_draws(2, 100, seed=0))
    assert row == {"share": 0.5, "low": 0.5, "high": 0.5}


def test_groups_are_resampled_whole():
    values = [0.0, 1.0] * 50
    pairs = bootstrap_intervals(values, [number // 2 for number in range(100)])["mean"]
    assert pairs["low"] == pairs["high"] == 0.5
    halves = bootstrap_intervals(values, [number % 2 for number in range(100)])["mean"]
    assert halves == {"low": 0, "high": 1}


def test_equal_values_have_no_spread():
    assert bootstrap_intervals([2.0] * 5) == {key: {"low": 2.0, "high": 2.0} for key in ("mean", "median")}
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_intervals([])
