"""The best rate of a size is found between those tried, and the rule is the power that made them."""

import math

import pytest

from symbolic_music.scaling.fits.laws import FitError
from symbolic_music.scaling.fits.rates import best_rates, rate_rule

WIDTHS = {"micro": 96, "nano": 192, "tiny": 384}


def best_of(width):
    return 8e-3 * (width / 96) ** -0.5


def line(size, rate, seed=0, family="lstm", **changes):
    loss = 2.0 + 0.1 * math.log2(rate / best_of(WIDTHS[size])) ** 2
    return {
        "family": family,
        "size": size,
        "model": {"hidden_size": WIDTHS[size]},
        "learning_rate": rate,
        "tokens": 1000,
        "seed": seed,
        "validation_nats_per_token": loss + 0.001 * seed,
        **changes,
    }


RATES = (1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2)


def test_the_rule_that_made_the_losses_is_found():
    found = best_rates([line(size, rate, seed) for size in WIDTHS for rate in RATES for seed in (0, 1)])
    assert [(best.size, best.tried) for best in found] == [("micro", 5), ("nano", 5), ("tiny", 5)]
    for best in found:
        assert best.rate == pytest.approx(best_of(best.width), rel=1e-6)
        assert best.loss == pytest.approx(2.0005)
        assert not best.at_edge
    rule = rate_rule(found)
    assert rule == pytest.approx({"base": 8e-3, "base_width": 96, "width_power": -0.5})


def test_a_best_rate_at_the_edge_is_said_and_a_diverged_run_is_no_best():
    (best,) = best_rates([line("tiny", rate) for rate in (8e-3, 1.6e-2, 3.2e-2)])
    assert (best.at_edge, best.rate) == (True, 8e-3)
    runs = [line("tiny", rate) for rate in (2e-3, 4e-3, 8e-3)]
    diverged = line("tiny", 1.6e-2, validation_nats_per_token=None)
    assert best_rates([*runs, diverged])[0].rate == pytest.approx(best_of(384))


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ([line("tiny", 1e-3), line("tiny", 2e-3)], "lstm tiny: 2 rates with a finite loss; at least 3"),
        ([line("tiny", rate, tokens=int(1e6 * rate)) for rate in RATES], "tried on 5 numbers of tokens"),
    ],
)
def test_too_little_to_go_by_is_said(runs, said):
    with pytest.raises(FitError, match=said):
        best_rates(runs)


def test_one_width_makes_no_rule():
    found = best_rates([line("tiny", rate) for rate in RATES])
    with pytest.raises(FitError, match="at least two"):
        rate_rule(found)
