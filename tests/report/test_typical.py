"""Which pieces are shown."""

import numpy as np
import pytest

from symbolic_music.report.typical import choose_pieces, distances_to_human


def test_distances_are_mean_deviations_and_leave_out_what_does_not_vary():
    sampled = {"a": np.array([0.0, 4.0, 2.0]), "b": np.array([9.0, 9.0, 9.0])}
    human = {"a": np.array([1.0, 3.0]), "b": np.array([5.0, 5.0])}
    assert distances_to_human(sampled, human) == pytest.approx([2.0, 2.0, 0.0])


def test_what_says_nothing_of_a_piece_is_no_part_of_its_distance():
    sampled = {"a": np.array([0.0, 4.0]), "b": np.array([np.nan, 2.0]), "c": np.array([1.0, 1.0])}
    human = {"a": np.array([1.0, 3.0]), "b": np.array([0.0, np.nan, 4.0]), "c": np.array([np.nan, np.nan])}
    assert distances_to_human(sampled, human) == pytest.approx([2.0, 1.0])


def test_the_typical_piece_lies_in_the_middle():
    assert choose_pieces(np.array([3.0, 1.0, 9.0, 2.0, 5.0])) == {"typical": 0, "best": 1, "worst": 2}
    assert choose_pieces(np.array([1.0])) == {"typical": 0, "best": 0, "worst": 0}
