"""Distances to human pieces of the same kind, by hand; and how far apart small sets lie by chance."""

import numpy as np
import pytest

from symbolic_music.metrics.ensembles.by_label import (
    distance_by_label,
    mean_distance,
    piece_distances,
    standard_deviations,
)

NAN = float("nan")


def test_a_distance_is_the_mean_over_statistics():
    human = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])  # means 2 and 20, standard deviations 1 and 10
    assert mean_distance(np.array([[3.0, 5.0], [10.0, 20.0]]), human) == pytest.approx((2 + 0.5) / 2)


def test_what_does_not_vary_or_is_not_told_is_no_part_of_it():
    human = np.array([[1.0, 2.0, 3.0], [0.1, 0.1, 0.1], [1.0, NAN, 2.0], [1.0, 2.0, 3.0]])
    sampled = np.array([[4.0, NAN], [9.0, 9.0], [1.0, 1.0], [NAN, NAN]])
    assert standard_deviations(human) == pytest.approx([1, 0, 0, 1])
    assert mean_distance(sampled, human) == pytest.approx(2)
    assert mean_distance(sampled[1:2], human[1:2]) is None


def test_every_label_is_measured_against_its_own():
    human = {"a": np.array([1.0, 2.0, 3.0, 101.0, 102.0, 103.0, 7.0])}
    sampled = {"a": np.array([2.0, 3.0, 4.0, 100.0, 101.0, 102.0])}
    labels = ["songs"] * 3 + ["drums"] * 3
    table = distance_by_label(sampled, labels, human, [*labels, "choirs"])
    assert list(table) == ["choirs", "drums", "songs"]
    assert table["songs"]["distance"] == table["drums"]["distance"] == pytest.approx(1)
    assert (table["songs"]["sampled"], table["songs"]["human"]) == (3, 3)
    assert table["choirs"] == {"sampled": 0, "human": 1, "distance": None, "floor": None}


@pytest.mark.parametrize("size", [5, 50])
def test_the_floor_is_what_chance_gives(size):
    random = np.random.default_rng(0)
    human = {name: random.normal(size=400) for name in "abcdefgh"}
    sampled = {name: random.normal(size=size) for name in human}
    row = distance_by_label(sampled, ["x"] * size, human, ["x"] * 400)["x"]
    # The mean of |N(0, v)| is sqrt(2 v / pi), v the variances of the two means together.
    assert row["floor"] == pytest.approx(np.sqrt(2 / np.pi * (1 / size + 1 / 400)), rel=0.1)
    assert row["distance"] < 2.5 * row["floor"]
    shifted = {name: values + 1 for name, values in sampled.items()}
    assert distance_by_label(shifted, ["x"] * size, human, ["x"] * 400)["x"]["distance"] > 1.5 * row["floor"]


def test_pieces_are_compared_one_by_one():
    these = np.array([[1.0, 5.0, NAN], [4.0, NAN, NAN], [9.0, 9.0, 9.0]])
    those = np.array([[3.0, 5.0, 1.0], [4.0, 2.0, 1.0], [0.0, 0.0, 0.0]])
    found = piece_distances(these, those, np.array([2.0, 1.0, 0.0]))
    assert found[:2].tolist() == [0.5, 0.0]
    assert np.isnan(found[2])
