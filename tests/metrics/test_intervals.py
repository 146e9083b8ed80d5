"""Intervals against known values."""

import numpy as np
import pytest

from symbolic_music.metrics.intervals import bootstrap_intervals, wilson_interval


def test_wilson_interval_of_all_and_none():
    assert wilson_interval(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson_interval(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_standard_error():
    values = np.random.default_rng(0).normal(3.0, 2.0, 400).tolist()
    ends = bootstrap_intervals(values)
    low, high = ends["mean"]
    assert high - low == pytest.approx(2 * 1.96 * 2.0 / 20, rel=0.15)
    assert low < np.mean(values) < high
    assert ends["median"][0] < np.median(values) < ends["median"][1]


def test_groups_are_resampled_whole():
    values = [0.0, 1.0] * 50
    assert np.diff(bootstrap_intervals(values, [number // 2 for number in range(100)])["mean"]) == 0
    low, high = bootstrap_intervals(values, [number % 2 for number in range(100)])["mean"]
    assert (low, high) == (0, 1)


def test_equal_values_have_no_spread():
    assert bootstrap_intervals([2.0] * 5) == {"mean": (2.0, 2.0), "median": (2.0, 2.0)}
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_intervals([])
