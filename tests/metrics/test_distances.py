"""Overlapping area and divergence against scipy's kernel density estimate and values worked out by hand."""

import numpy as np
import pytest

from symbolic_music.metrics.distances import overlap, set_distances

SAMPLED = np.random.default_rng(0).normal(0.5, 1.5, 40)
HUMAN = np.random.default_rng(1).normal(0, 1, 50)


def with_scipy(sampled: np.ndarray, human: np.ndarray) -> tuple[float, float]:
    """The paper's formulas over the whole line, each piece one by one; no density below what is taken for none."""
    gaussian_kde = pytest.importorskip("scipy.stats").gaussian_kde
    intra = [np.linalg.norm(a - b) for i, a in enumerate(human) for j, b in enumerate(human) if i != j]
    inter = [np.linalg.norm(a - b) for a in sampled for b in human]
    line = np.linspace(-5, 25, 6001)
    own, between = (np.maximum(gaussian_kde(set_)(line) * 0.005, 1e-12) for set_ in (intra, inter))
    return np.minimum(own, between).sum(), (own * np.log(own / between)).sum()


def test_distances_are_euclidean():
    assert set_distances(np.array([1.0, 4.0]), np.array([0.0, 2.0, 4.0])).tolist() == [[1, 1, 3], [4, 2, 0]]
    assert set_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0]])).tolist() == [[5]]


@pytest.mark.parametrize(
    ("sampled", "human"),
    [(SAMPLED, HUMAN), (HUMAN[:20], HUMAN[20:]), (SAMPLED.reshape(-1, 2), HUMAN.reshape(-1, 2))],
)
def test_area_and_divergence_are_the_papers(sampled, human):
    row = overlap(sampled, human, resamples=2)
    area, divergence = with_scipy(sampled, human)
    assert row["overlapping_area"]["value"] == pytest.approx(area, abs=1e-3)
    assert row["kl_divergence"]["value"] == pytest.approx(divergence, abs=1e-3)


def test_far_sets_do_not_overlap():
    row = overlap(HUMAN + 50, HUMAN)
    assert row["overlapping_area"]["value"] == pytest.approx(0, abs=1e-6)
    assert 10 < row["kl_divergence"]["value"] < 28


def test_the_interval_holds_the_value_and_the_seed_decides():
    row = overlap(SAMPLED, HUMAN, seed=3)
    for name in ("overlapping_area", "kl_divergence"):
        assert row[name]["low"] < row[name]["value"] < row[name]["high"]
    assert row == overlap(SAMPLED, HUMAN, seed=3) != overlap(SAMPLED, HUMAN, seed=4)


def test_sets_that_do_not_vary_are_alike():
    row = overlap(np.full(4, 2.0), np.full(5, 2.0))
    assert row["overlapping_area"]["value"] == 1
    assert row["kl_divergence"]["value"] == 0


def test_equal_human_pieces_and_others_elsewhere_do_not_overlap():
    assert overlap(np.full(4, 3.0), np.full(5, 2.0))["overlapping_area"]["value"] == pytest.approx(0, abs=1e-6)
