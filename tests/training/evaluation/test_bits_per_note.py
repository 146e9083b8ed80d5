"""Intervals over groups; figures by bar."""

import math

import numpy as np
import pytest
from made_up_scores import scores

from symbolic_music.training.evaluation.bits_per_note import (
    bits_per_note_by_bar,
    bootstrap_difference,
    bootstrap_interval,
)


def test_the_interval_resamples_groups_not_pieces():
    pieces = [scores(0, [1.0], [1], [1])] * 50 + [scores(1, [3.0], [1], [1])] * 50
    interval = bootstrap_interval(pieces, seed=0)
    # Of two groups, a quarter of the resamples holds one of them twice: the interval must reach both.
    assert interval["low"] == pytest.approx(1 / math.log(2))
    assert interval["high"] == pytest.approx(3 / math.log(2))
    assert interval == bootstrap_interval(pieces, seed=0)
    assert bootstrap_interval(pieces[:50], seed=0) is None


def test_a_difference_of_two_models_is_paired():
    random = np.random.default_rng(0)
    cost = random.gamma(4.0, size=60)
    worse = [scores(g, [value], [1], [1]) for g, value in enumerate(cost)]
    better = [scores(g, [value - 0.1], [1], [1]) for g, value in enumerate(cost)]
    found = bootstrap_difference(better, worse)
    for name in ("bits_per_note", "low", "high"):
        assert found[name] == pytest.approx(0.1 / math.log(2))
    apart = bootstrap_interval(worse, 0)
    assert apart["high"] - apart["low"] > 0.5
    assert bootstrap_difference(better[:1], worse[:1]) is None
    with pytest.raises(ValueError, match="different pieces"):
        bootstrap_difference(better, worse[:-1])


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        pieces = [scores(g, [random.gamma(4.0)], [1], [1]) for g in range(40)]
        interval = bootstrap_interval(pieces, seed=trial)
        covered += interval["low"] <= 4 / math.log(2) <= interval["high"]
    assert 175 <= covered <= 200


def test_bars_are_counted_from_the_first_bar_line():
    bars = [1, 0] + [1] * 8
    piece = scores(0, [1.0] * 10, [0, 1] + [1] * 8, bars)
    by_bar = bits_per_note_by_bar([piece])
    assert {name: figures["notes"] for name, figures in by_bar.items()} == {"1-4": 4, "5-8": 4, "9-16": 1, "17+": 0}
    assert by_bar["1-4"]["bits_per_note"] == pytest.approx(5 / math.log(2) / 4)
    assert by_bar["17+"]["bits_per_note"] is None
