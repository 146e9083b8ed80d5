import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score.scores import make_score, scale
from symusic import ControlChange, KeySignature, Score

from symbolic_music.score.checks import Refusal, ScoreError
from symbolic_music.score.midi.io import midi_bytes
from symbolic_music.score.transforms.edit import (
    bar_table,
    count_bars,
    count_notes,
    cut_bars,
    delay,
    scale_tempo,
    transpose,
)

note = st.tuples(st.integers(0, 30_000), st.integers(0, 4_000), st.integers(24, 100), st.integers(1, 127))
meter = st.tuples(st.integers(0, 30_000), st.integers(1, 12), st.sampled_from([1, 2, 4, 8, 16]))
tempo = st.tuples(st.integers(0, 30_000), st.floats(20, 300))
scores = st.builds(
    make_score,
    st.lists(note, min_size=1, max_size=30),
    st.lists(meter, max_size=4),
    st.lists(tempo, max_size=3),
    tpq=st.sampled_from([1, 24, 96, 120, 480]),
)


def notes_of(score: Score) -> list[tuple[int, int, int, int]]:
    return sorted(
        (note.time, note.duration, note.pitch, note.velocity) for track in score.tracks for note in track.notes
    )


# Bars


def test_bars_follow_changes_of_meter():
    score = make_score([(0, 480, 60), (5279, 1, 60)], meters=[(0, 4, 4), (1920, 3, 4), (3360, 6, 8)])
    bars = bar_table(score)
    assert bars.starts.tolist() == [0, 1920, 3360, 4800]
    assert bars.lengths.tolist() == [1920, 1440, 1440, 1440]
    assert list(zip(bars.numerators.tolist(), bars.denominators.tolist(), strict=True)) == [
        (4, 4),
        (3, 4),
        (6, 8),
        (6, 8),
    ]


def test_a_meter_change_within_a_bar_cuts_the_bar():
    bars = bar_table(make_score([(0, 3000, 60)], meters=[(0, 4, 4), (2400, 3, 4)]))
    assert bars.starts.tolist() == [0, 1920, 2400]
    assert bars.lengths.tolist() == [1920, 480, 1440]


def test_a_repeated_meter_does_not_restart_the_bar():
    assert bar_table(make_score([(0, 3840, 60)], meters=[(0, 4, 4), (480, 4, 4)])).starts.tolist() == [0, 1920]


def test_a_file_without_meter_is_in_common_time():
    assert bar_table(scale(bars=2)).numerators.tolist() == [4, 4]


def test_bars_that_are_no_whole_number_of_ticks_do_not_drift():
    bars = bar_table(make_score([(0, 30, 60)], meters=[(0, 3, 8)], tpq=1))
    assert bars.starts.tolist() == [0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22, 24, 25, 27, 28]


def test_the_last_bar_is_whole():
    bars = bar_table(make_score([(0, 2, 60)], meters=[(0, 3, 8)], tpq=1))
    assert (bars.starts.tolist(), bars.lengths.tolist()) == ([0, 1], [1, 2])


def test_a_score_without_clock_has_no_bars():
    with pytest.raises(ScoreError, match="corrupt_timing"):
        bar_table(scale(tpq=0))


def test_no_notes_no_bars():
    assert count_bars(make_score([])) == len(bar_table(make_score([]))) == 0


@given(scores)
def test_bars_lie_end_to_end_and_hold_every_note(score):
    bars = bar_table(score)
    assert len(bars) == count_bars(score) >= 1
    assert bars.starts[0] == 0
    assert np.array_equal(bars.starts[1:], (bars.starts + bars.lengths)[:-1])
    assert all(time < bars.starts[-1] + bars.lengths[-1] for time, *_ in notes_of(score))


# Transposing


@given(scores, st.integers(-24, 24))
def test_there_and_back_again(score, semitones):
    before = notes_of(score)
    assert notes_of(transpose(transpose(score, semitones), -semitones)) == before
    assert notes_of(score) == before


def test_drums_stay():
    assert notes_of(transpose(make_score([(0, 480, 36)], is_drum=True), 5)) == [(0, 480, 36, 80)]


@pytest.mark.parametrize(("semitones", "pitch"), [(1, 127), (-1, 0), (128, 60)])
def test_a_pitch_that_leaves_midi_is_refused(semitones, pitch):
    with pytest.raises(ScoreError, match=f"transposing by .{abs(semitones)} gives") as caught:
        transpose(make_score([(0, 480, pitch)]), semitones)
    assert caught.value.refusal is Refusal.PITCH_OUT_OF_RANGE


@pytest.mark.parametrize(
    ("key", "semitones", "expected"), [(0, 2, 2), (0, -2, -2), (1, 5, 0), (-3, 12, -3), (6, 1, 1)]
)
def test_the_key_signature_moves_along(key, semitones, expected):
    score = scale()
    score.key_signatures = [KeySignature(0, key, 0)]
    assert transpose(score, semitones).key_signatures[0].key == expected


# Tempo and delay


def test_scaling_the_tempo_keeps_ticks_and_writes_the_default():
    score = scale(tempos=[(960, 90.0)])
    faster = scale_tempo(score, 2.0)
    assert [(tempo.time, round(tempo.qpm)) for tempo in faster.tempos] == [(0, 240), (960, 180)]
    assert notes_of(faster) == notes_of(score)
    assert [round(tempo.qpm) for tempo in score.tempos] == [90]


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), 1e-3, 1e7])
def test_a_tempo_that_midi_cannot_hold_is_refused(factor):
    with pytest.raises(ValueError, match="tempo factor"):
        scale_tempo(scale(), factor)


def test_a_delay_leaves_meter_and_tempo_at_the_start():
    score = scale(meters=[(0, 3, 4), (1440, 4, 4)], tempos=[(0, 100.0)])
    late = delay(score, 960)
    assert [meter.time for meter in late.time_signatures] == [0, 2400]
    assert [tempo.time for tempo in late.tempos] == [0]
    assert notes_of(late)[0][0] == 960


# Cutting


@given(scores)
def test_cutting_all_bars_keeps_every_note(score):
    whole = cut_bars(score, 0, count_bars(score))
    assert notes_of(whole) == notes_of(score)


@given(scores, st.data())
def test_two_cuts_hold_all_notes_between_them(score, data):
    bars = count_bars(score)
    where = data.draw(st.integers(1, bars))
    before = midi_bytes(score)
    parts = [cut_bars(score, 0, where)]
    if where < bars:
        parts.append(cut_bars(score, where, bars))
    assert sum(count_notes(part) for part in parts) == count_notes(score)
    assert all(count_bars(part) <= bars for part in parts)
    assert all(time >= 0 for part in parts for time, *_ in notes_of(part))
    assert midi_bytes(score) == before


def test_a_cut_keeps_meter_tempo_and_key_in_force():
    score = make_score(
        [(0, 480, 60), (1920, 5000, 62), (3360, 480, 64)],
        meters=[(0, 4, 4), (1920, 3, 4)],
        tempos=[(0, 100.0), (2400, 80.0)],
    )
    score.key_signatures = [KeySignature(0, 2, 0)]
    score.tracks[0].controls = [ControlChange(0, 7, 100), ControlChange(2000, 7, 90)]
    cut = cut_bars(score, 1, 1)
    assert notes_of(cut) == [(0, 1440, 62, 80)]
    assert [(meter.time, meter.numerator) for meter in cut.time_signatures] == [(0, 3)]
    assert [(tempo.time, round(tempo.qpm)) for tempo in cut.tempos] == [(0, 100), (480, 80)]
    assert [signature.key for signature in cut.key_signatures] == [2]
    assert [(control.time, control.value) for control in cut.tracks[0].controls] == [(80, 90)]


@pytest.mark.parametrize(("first_bar", "num_bars"), [(-1, 2), (4, 1), (0, 0)])
def test_bars_that_do_not_exist_are_refused(first_bar, num_bars):
    with pytest.raises(ValueError, match="expected bars within 0 to 3"):
        cut_bars(scale(bars=4), first_bar, num_bars)


def test_a_cut_past_the_end_is_the_rest():
    assert count_notes(cut_bars(scale(bars=4), 2, 100)) == 8
