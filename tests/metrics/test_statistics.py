"""Tables of statistics, and what must not change any of them."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics.pieces import EMPTY, NOTES, ONLY_DRUMS, SINGLE_NOTE, in_quarters, melody, piece

from symbolic_music.metrics.statistics import (
    STATISTICS,
    compare_measured,
    compare_pieces,
    describe_pieces,
    left_out,
    measure_piece,
    measure_pieces,
)

OF_SECONDS = {name for name in STATISTICS if name.startswith("structure")} | {"notes per second"}
SHARES = {name for name in STATISTICS if "notes" not in name and "(" not in name and name != "polyphony"}


HARMONY = {"strong-beat dissonance", "chord-tone share"}


@pytest.mark.parametrize("score", [EMPTY, ONLY_DRUMS, SINGLE_NOTE, piece(melody(60, 62))])
def test_degenerate_pieces_have_all_values_but_harmony_and_no_warnings(score):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        measured = measure_piece(score)
    assert {name for name, value in measured.items() if np.isnan(value)} == HARMONY


@settings(max_examples=60, deadline=None)
@given(notes=NOTES)
def test_shares_lie_between_0_and_1(notes):
    measured = measure_piece(piece(in_quarters(notes)))
    for name in SHARES:
        assert 0 <= measured[name] <= 1 or (name in HARMONY and np.isnan(measured[name])), name
    assert 1 <= measured["polyphony"] <= len(notes)


@settings(max_examples=60, deadline=None)
@given(notes=NOTES, semitones=st.integers(-30, 30))
def test_transposing_changes_no_statistic(notes, semitones):
    moved = [(onset, duration, pitch + semitones) for onset, duration, pitch in in_quarters(notes)]
    assert measure_piece(piece(moved)) == pytest.approx(measure_piece(piece(in_quarters(notes))), nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(notes=NOTES, factor=st.sampled_from([0.5, 2.0]))
def test_tempo_changes_only_what_counts_seconds(notes, factor):
    slow = measure_piece(piece(in_quarters(notes), tempo=100))
    fast = measure_piece(piece(in_quarters(notes), tempo=100 * factor))
    for name in STATISTICS.keys() - OF_SECONDS:
        assert fast[name] == pytest.approx(slow[name], nan_ok=True), name
    assert fast["notes per second"] == pytest.approx(factor * slow["notes per second"])


@settings(max_examples=40, deadline=None)
@given(notes=NOTES, seed=st.integers(0, 99))
def test_the_order_in_which_notes_are_stored_changes_nothing(notes, seed):
    quarters = in_quarters(notes)
    shuffled = [quarters[index] for index in np.random.default_rng(seed).permutation(len(quarters))]
    assert measure_piece(piece(shuffled)) == pytest.approx(measure_piece(piece(quarters)), nan_ok=True)


def test_the_mean_lies_in_its_interval_and_the_seed_decides():
    pieces = [piece(melody(*range(60, 61 + count))) for count in range(1, 8)]
    table = describe_pieces(pieces, seed=1)
    assert list(table) == [name for name in STATISTICS if name not in HARMONY], "no piece has two voices"
    for name, row in table.items():
        assert row["low"] <= row["mean"] <= row["high"], name
        assert row["mean"] == pytest.approx(np.mean([measure_piece(score)[name] for score in pieces]))
    assert table == describe_pieces(pieces, seed=1) != describe_pieces(pieces, seed=2)


def test_the_interval_of_a_single_piece_is_its_value():
    row = describe_pieces([piece(melody(60, 62))])["pitch-class entropy (bits)"]
    assert row == {"mean": 1.0, "low": 1.0, "high": 1.0, "pieces": 1}


def test_no_piece_is_an_error():
    with pytest.raises(ValueError, match="no pieces to describe"):
        describe_pieces([])


def test_pieces_are_counted_as_they_are_measured():
    done = []
    describe_pieces((SINGLE_NOTE for _ in range(3)), on_piece=done.append)
    assert done == [1, 1, 1]


# --- Two sets -------------------------------------------------------------------------------------------------------


def scales(*ranges):
    return [piece(melody(*range(60, 61 + count))) for count in ranges]


def test_distance_is_in_standard_deviations_of_the_human_pieces():
    # Pitch ranges 2, 4, 6: mean 4, standard deviation 2. Sampled: mean 7.
    row = compare_pieces(scales(6, 7, 8), scales(2, 4, 6))["pitch range (semitones)"]
    assert (row["sampled"]["mean"], row["human"]["mean"]) == pytest.approx((7, 4))
    assert row["distance"]["value"] == pytest.approx(1.5)
    assert row["distance"]["low"] < 1.5 < row["distance"]["high"]


def test_a_set_lies_at_no_distance_from_itself():
    pieces = scales(*range(1, 12))
    for name, row in compare_pieces(pieces, pieces).items():
        assert row["distance"]["value"] == 0, name
        assert row["sampled"]["mean"] == row["human"]["mean"]
        assert row["overlapping_area"]["value"] > 0.8
        assert row["kl_divergence"]["value"] < 0.1


def test_what_does_not_vary_is_compared_as_it_is():
    row = compare_pieces(scales(5, 5), scales(3, 3, 3))["pitch range (semitones)"]
    assert row["distance"] == {"value": 2.0, "low": 2.0, "high": 2.0}


def test_comparing_needs_pieces():
    with pytest.raises(ValueError, match="expected 3 human pieces and 1 sampled one, got 2 and 3"):
        compare_pieces(scales(1, 2, 3), scales(1, 2))


# --- Statistics that say nothing of some pieces ---------------------------------------------------------------------

SECOND, TRIAD = piece([(0, 1, 60), (0, 1, 62)]), piece([(0, 1, 60), (0, 1, 64), (0, 1, 67)])


def test_pieces_without_a_statistic_are_no_part_of_its_figures():
    row = describe_pieces([SECOND, SINGLE_NOTE, TRIAD, EMPTY])["strong-beat dissonance"]
    assert (row["mean"], row["pieces"]) == (0.5, 2)
    assert row == describe_pieces([SECOND, TRIAD])["strong-beat dissonance"]


def test_comparisons_leave_such_pieces_out_too():
    human = [SECOND, TRIAD, SINGLE_NOTE, TRIAD, EMPTY]
    row = compare_pieces([TRIAD, SINGLE_NOTE], human)["strong-beat dissonance"]
    assert (row["sampled"]["pieces"], row["human"]["pieces"]) == (1, 3)
    assert row == compare_pieces([TRIAD], [SECOND, TRIAD, TRIAD])["strong-beat dissonance"]
    assert row["distance"]["value"] == pytest.approx((0 - 1 / 3) / np.std([1, 0, 0], ddof=1))


def test_statistics_that_too_few_pieces_have_are_named():
    sampled, human = (measure_pieces(pieces) for pieces in ([SINGLE_NOTE, EMPTY], [SECOND, TRIAD, TRIAD]))
    assert left_out(sampled, human) == {name: {"sampled": 0, "human": 3} for name in HARMONY}
    assert HARMONY.isdisjoint(compare_measured(sampled, human))
    assert left_out(human, sampled) == {name: {"sampled": 3, "human": 0} for name in HARMONY}
    assert left_out(human, human) == {}
    assert np.isfinite([row["distance"]["value"] for row in compare_measured(human, human).values()]).all()
