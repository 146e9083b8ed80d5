"""The sustain pedal as durations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from score.midi.files import control, midi, note
from score.scores import make_score
from symusic import ControlChange, Note, Pedal, Track

from symbolic_music.score.checks import sounding_quarters
from symbolic_music.score.files import read_pieces
from symbolic_music.score.midi.io import midi_bytes, read_midi
from symbolic_music.score.piece import Piece
from symbolic_music.score.transforms.pedal import apply_pedal, extend_by_pedal, looks_performed, piece_with_pedal


def pedalled(notes, pedals, **kwargs):
    """A Score of one track; notes as (onset, duration, pitch), pedals as (start, duration)."""
    score = make_score(notes, **kwargs)
    score.tracks[0].pedals = [Pedal(*pedal) for pedal in pedals]
    return score


def ends(score) -> list[list[tuple[int, int]]]:
    return [[(note.pitch, note.end) for note in track.notes] for track in score.tracks]


HELD = {
    "until the pedal lifts": ([(0, 100, 60)], [(0, 480)], [(60, 480)]),
    "a pedal pressed during the note": ([(0, 100, 60)], [(50, 430)], [(60, 480)]),
    "a pedal lifted before the note's end": ([(0, 100, 60)], [(0, 99)], [(60, 100)]),
    "a pedal lifted at the note's end": ([(0, 100, 60)], [(0, 100)], [(60, 100)]),
    "a pedal pressed at the note's end": ([(0, 100, 60)], [(100, 380)], [(60, 100)]),
    "a pedal pressed later": ([(0, 100, 60)], [(200, 280)], [(60, 100)]),
    "changed at one tick": ([(0, 100, 60), (240, 10, 62)], [(0, 200), (200, 280)], [(60, 200), (62, 480)]),
    "until the pitch is struck again": ([(0, 100, 60), (240, 100, 60)], [(0, 480)], [(60, 240), (60, 480)]),
    "not until another pitch is struck": ([(0, 100, 60), (240, 100, 61)], [(0, 480)], [(60, 480), (61, 480)]),
    "struck twice at once": ([(0, 100, 60), (0, 50, 60)], [(0, 480)], [(60, 480), (60, 480)]),
    "a key held beyond its next stroke": ([(0, 300, 60), (240, 10, 60)], [(0, 480)], [(60, 300), (60, 480)]),
    "a key held beyond the pedal": ([(0, 600, 60)], [(0, 480)], [(60, 600)]),
    "without length": ([(0, 0, 60)], [(0, 480)], [(60, 0)]),
    "overlapping pedals": ([(120, 10, 60)], [(0, 480), (100, 50)], [(60, 480)]),
}


@pytest.mark.parametrize(("notes", "pedals", "expected"), HELD.values(), ids=HELD)
def test_a_note_sounds(notes, pedals, expected):
    score = pedalled(notes, pedals)
    before = midi_bytes(score)
    extended, longer = extend_by_pedal(score)
    assert sorted(ends(extended)[0]) == sorted(expected)
    assert longer == sum(end > begin + length for (_, end), (begin, length, _) in zip(expected, notes, strict=True))
    assert midi_bytes(score) == before


def test_what_has_become_durations_is_gone_and_the_rest_stays():
    score = pedalled([(0, 100, 60)], [(0, 480)])
    score.tracks[0].controls = [ControlChange(0, 64, 127), ControlChange(5, 7, 90), ControlChange(480, 64, 0)]
    extended, _ = extend_by_pedal(score)
    assert not len(extended.tracks[0].pedals)
    assert [(c.time, c.number) for c in extended.tracks[0].controls] == [(5, 7)]
    assert extend_by_pedal(extended) == (extended, 0)


def test_hands_in_two_tracks_are_one_instrument():
    score = pedalled([(0, 100, 60)], [(0, 480)])
    left = Track(program=0)
    left.notes, left.pedals = [Note(200, 50, 60, 80)], [Pedal(0, 480)]
    other = Track(program=40)
    other.notes = [Note(0, 100, 60, 80)]
    score.tracks.extend([left, other])
    assert ends(extend_by_pedal(score)[0]) == [[(60, 200)], [(60, 480)], [(60, 100)]]


def test_drums_have_no_pedal():
    score = pedalled([(0, 100, 36)], [(0, 480)], is_drum=True)
    assert extend_by_pedal(score) == (score, 0)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30), st.integers(60, 62)), min_size=1, max_size=15),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=5),
)
def test_no_note_is_shortened_moved_or_lost_and_a_rule_by_hand_agrees(notes, pedals):
    downs = [any(start <= tick < start + length for start, length in pedals) for tick in range(200)]
    spans = []
    for tick, down in enumerate(downs):
        if down and (not spans or spans[-1][1] != tick):
            spans.append([tick, tick + 1])
        elif down:
            spans[-1][1] = tick + 1
    expected = []
    for onset, length, pitch in notes:
        end = onset + length
        lift = next((stop for start, stop in spans if start < end < stop), end)
        again = min((n[0] for n in notes if n[2] == pitch and n[0] > onset), default=10**6)
        expected.append((pitch, max(end, min(lift, again))))
    extended, _ = extend_by_pedal(pedalled(notes, [(start, stop - start) for start, stop in spans]))
    assert ends(extended)[0] == expected


def performance(seed: int = 7):
    """Sixty onsets at odd ticks, under pedals of a bar."""
    notes = [((seed * n * n + 211 * n) % 479 + 480 * n, 50, 48 + 7 * n % 30) for n in range(60)]
    return pedalled(notes, [(1920 * bar + 30, 1850) for bar in range(15)])


def test_a_performance_is_told_from_a_written_piece():
    assert looks_performed(performance())
    assert not looks_performed(pedalled([(120 * n, 60, 60) for n in range(60)], [(0, 1920)]))
    assert not looks_performed(pedalled([(160 * n, 60, 60) for n in range(60)], [(0, 1920)]))
    without = performance()
    without.tracks[0].pedals = []
    assert not looks_performed(without)
    assert not looks_performed(make_score([]))


def test_the_three_ways():
    played, written = performance(), pedalled([(0, 100, 60)], [(0, 480)])
    assert [apply_pedal(played, mode)[1] > 0 for mode in ("auto", "extend", "keep")] == [True, True, False]
    assert [apply_pedal(written, mode)[1] for mode in ("auto", "extend", "keep")] == [0, 1, 0]
    assert sounding_quarters(apply_pedal(played, "auto")[0]) > 5 * sounding_quarters(played)
    with pytest.raises(ValueError, match="expected a pedal mode of auto, extend, keep, got 'off'"):
        apply_pedal(played, "off")


def test_a_piece_counts_the_notes_that_its_pedal_holds():
    piece = piece_with_pedal(Piece(performance()), "auto")
    assert piece.left_out["pedalled notes"] > 50
    assert piece_with_pedal(Piece(performance()), "keep").left_out == {}


def test_half_pedals_count_as_up():
    half, whole = control(64, 63) + note(60, duration=100), control(64, 64) + note(62, duration=100)
    track = half + whole + control(64, 0, delta=280)
    extended, _ = extend_by_pedal(read_midi(midi(track)))
    assert ends(extended) == [[(60, 100), (62, 480)]]


def test_the_file_of_the_fault_has_no_pedal_and_stays(shared_data):
    """The fault p06 was written without the pedal it speaks of, so there is nothing to hold."""
    (piece,) = read_pieces(shared_data("faults") / "p06_pedal.mid").pieces
    assert piece_with_pedal(piece, "extend").left_out == {}


def test_the_pedal_of_the_fault_put_back(shared_data):
    """p06 with the pedal of each bar: every note sounds until its bar ends."""
    score = read_midi(shared_data("faults") / "p06_pedal.mid")
    score.tracks[0].pedals = [Pedal(960 * half, 959) for half in range(4)]
    extended, longer = extend_by_pedal(read_midi(midi_bytes(score)))
    assert longer == score.note_num() == 16
    assert {note.end % 960 for note in extended.tracks[0].notes} == {959}
