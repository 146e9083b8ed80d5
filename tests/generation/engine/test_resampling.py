"""Who is drawn by weight, and how uneven weights are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolic_music.generation.engine.resampling import effective_sample_size, log_mean, shares, systematic

LOG_WEIGHTS = st.lists(st.floats(-300, 50), min_size=1, max_size=12).map(np.array)


@given(LOG_WEIGHTS, st.floats(0, 1, exclude_max=True))
def test_each_is_taken_as_often_as_its_share_rounded_down_or_up(log_weights, uniform):
    taken = systematic(log_weights, uniform)
    assert len(taken) == len(log_weights)
    counts = np.bincount(taken, minlength=len(log_weights))
    assert (np.abs(counts - len(log_weights) * shares(log_weights)) < 1 + 1e-6).all()


def test_each_is_taken_as_often_as_its_share_on_average():
    log_weights = np.log([0.1, 0.25, 0.05, 0.6])
    counts = np.zeros(4)
    for uniform in (np.arange(1000) + 0.5) / 1000:
        counts += np.bincount(systematic(log_weights, uniform), minlength=4)
    assert counts / 1000 == pytest.approx([0.4, 1.0, 0.2, 2.4], abs=0.01)


@given(LOG_WEIGHTS, st.floats(-20, 20))
def test_a_factor_changes_the_mean_alone(log_weights, factor):
    assert log_mean(log_weights + factor) == pytest.approx(log_mean(log_weights) + factor, abs=1e-6)
    assert shares(log_weights + factor) == pytest.approx(shares(log_weights), abs=1e-6)


def test_equal_weights_are_worth_their_number_and_one_alone_is_worth_one():
    assert effective_sample_size(np.full(7, -900.0)) == pytest.approx(7)
    assert effective_sample_size(np.array([0.0, -900.0, -900.0])) == pytest.approx(1)
    assert effective_sample_size(np.log([0.5, 0.25, 0.25])) == pytest.approx(1 / 0.375)
