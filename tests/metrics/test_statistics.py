"""Statistics of Scores against values worked out by hand, and what must not change them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic.core import NoteTick, ScoreTick, TempoTick, TimeSignatureTick, TrackTick

from symbolic_music.metrics import statistics
from symbolic_music.metrics.statistics import STATISTICS, describe_pieces

QUARTER = 480


def piece(notes, drums=(), meters=((0, 4, 4),), tempo=120.0):
    """Notes and drums as (onset, duration, pitch) in quarters."""
    score = ScoreTick(QUARTER)
    for is_drum, content in ((False, notes), (True, drums)):
        track = TrackTick("", 0, is_drum)
        for onset, duration, pitch in content:
            track.notes.append(NoteTick(int(onset * QUARTER), int(duration * QUARTER), pitch, 80))
        score.tracks.append(track)
    score.tempos.append(TempoTick(0, tempo))
    for onset, numerator, denominator in meters:
        score.time_signatures.append(TimeSignatureTick(int(onset * QUARTER), numerator, denominator))
    return score


def melody(*pitches):
    return [(beat, 1, pitch) for beat, pitch in enumerate(pitches)]


def test_density_counts_drums_and_the_whole_last_bar():
    score = piece(melody(60, 62, 64, 65, 67), drums=[(0, 1, 36)])
    assert statistics.notes_per_bar(score) == 6 / 2
    assert statistics.notes_per_second(score) == pytest.approx(6 / 2.5)  # five quarters at 120 per minute


def test_pitch_range_leaves_out_drums():
    assert statistics.pitch_range(piece(melody(60, 72, 67), drums=[(0, 1, 20)])) == 12
    assert statistics.pitch_range(piece([], drums=[(0, 1, 20), (1, 1, 90)])) == 0


@pytest.mark.parametrize(
    ("pitches", "bits"),
    [((60, 72, 48), 0.0), ((60, 62), 1.0), ((60, 60, 62, 64), 1.5), (range(60, 72), math.log2(12))],
)
def test_pitch_class_entropy(pitches, bits):
    assert statistics.pitch_class_entropy(piece(melody(*pitches))) == pytest.approx(bits)


@pytest.mark.parametrize(
    ("pitches", "share"),
    [
        ((60, 62, 64, 65, 67, 69, 71), 1.0),
        ((60, 61, 62, 63), 3 / 4),  # C, D, E flat lie in C minor; no scale holds all four
        (range(60, 72), 7 / 12),
    ],
)
def test_scale_consistency(pitches, share):
    assert statistics.scale_consistency(piece(melody(*pitches))) == pytest.approx(share)


def test_polyphony_is_a_mean_over_sounding_time():
    assert statistics.polyphony(piece(melody(60, 62))) == 1
    assert statistics.polyphony(piece([(0, 2, 60), (1, 2, 64)])) == pytest.approx((1 + 2 + 1) / 3)
    assert statistics.polyphony(piece([(0, 1, 60), (0, 1, 64), (5, 1, 67)])) == pytest.approx(3 / 2)  # silence aside
    assert statistics.polyphony(piece([], drums=[(0, 1, 36)])) == 0


def test_identical_bars_have_a_groove_of_one():
    assert (
        statistics.groove_consistency(piece([(bar * 4 + beat, 1, 60) for bar in range(3) for beat in range(4)])) == 1
    )


def test_groove_counts_the_sixteenths_that_differ():
    # Bar 1 begins notes on beats 1 and 2, bar 2 on beats 1 and 3: two of sixteen places differ.
    assert statistics.groove_consistency(piece([(0, 1, 60), (1, 1, 60), (4, 1, 60), (6, 1, 60)])) == 1 - 2 / 16


def test_groove_compares_bars_of_one_length_only():
    notes = [(0, 1, 60), (4, 1, 60), (5, 1, 60), (7, 1, 60)]
    assert statistics.groove_consistency(piece(notes, meters=[(0, 4, 4), (4, 3, 4)])) == pytest.approx(1 - 1 / 12)
    assert statistics.groove_consistency(piece([(0, 1, 60)])) == 1


def test_repeated_bars_need_the_same_pitches_and_octaves():
    def bars(*tonics):
        return piece([(4 * bar + beat, 1, tonic + beat) for bar, tonic in enumerate(tonics) for beat in (0, 2)])

    assert statistics.repeated_bars(bars(60, 60, 60)) == pytest.approx(2 / 3)
    assert statistics.repeated_bars(bars(60, 62, 60, 62)) == pytest.approx(1 / 2)
    assert statistics.repeated_bars(bars(60, 72)) == 0
    assert statistics.repeated_bars(piece([(0, 1, 60), (8, 1, 60)])) == pytest.approx(1 / 2)  # the empty bar is none


PITCHES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 8), st.integers(40, 80)), min_size=1, max_size=30)
KEPT_BY_TRANSPOSITION = [name for name in STATISTICS if name != "notes per second"]


@settings(max_examples=60, deadline=None)
@given(notes=PITCHES, semitones=st.integers(-30, 30))
def test_transposing_changes_no_statistic(notes, semitones):
    quarters = [(onset / 4, duration / 4, pitch) for onset, duration, pitch in notes]
    moved = [(onset, duration, pitch + semitones) for onset, duration, pitch in quarters]
    for name, statistic in STATISTICS.items():
        assert statistic(piece(moved)) == pytest.approx(statistic(piece(quarters))), name


@settings(max_examples=40, deadline=None)
@given(notes=PITCHES, factor=st.sampled_from([0.5, 2.0]))
def test_tempo_changes_only_notes_per_second(notes, factor):
    quarters = [(onset / 4, duration / 4, pitch) for onset, duration, pitch in notes]
    slow, fast = piece(quarters, tempo=100), piece(quarters, tempo=100 * factor)
    for name in KEPT_BY_TRANSPOSITION:
        assert STATISTICS[name](fast) == pytest.approx(STATISTICS[name](slow)), name
    assert statistics.notes_per_second(fast) == pytest.approx(factor * statistics.notes_per_second(slow))


@settings(max_examples=40, deadline=None)
@given(notes=PITCHES, seed=st.integers(0, 99))
def test_the_order_in_which_notes_are_stored_changes_nothing(notes, seed):
    quarters = [(onset / 4, duration / 4, pitch) for onset, duration, pitch in notes]
    shuffled = [quarters[index] for index in np.random.default_rng(seed).permutation(len(quarters))]
    for name, statistic in STATISTICS.items():
        assert statistic(piece(shuffled)) == pytest.approx(statistic(piece(quarters))), name


# --- Tables ---------------------------------------------------------------------------------------------------------


def test_the_mean_lies_in_its_interval_and_the_seed_decides():
    pieces = [piece(melody(*range(60, 61 + count))) for count in range(1, 8)]
    table = describe_pieces(pieces, seed=1)
    assert list(table) == list(STATISTICS)
    for name, row in table.items():
        assert row["low"] <= row["mean"] <= row["high"], name
        assert row["mean"] == pytest.approx(np.mean([STATISTICS[name](score) for score in pieces]))
    assert table == describe_pieces(pieces, seed=1) != describe_pieces(pieces, seed=2)


def test_the_interval_of_a_single_piece_is_its_value():
    row = describe_pieces([piece(melody(60, 62))])["pitch-class entropy (bits)"]
    assert row == {"mean": 1.0, "low": 1.0, "high": 1.0}


def test_no_piece_is_an_error():
    with pytest.raises(ValueError, match="no pieces to describe"):
        describe_pieces([])
