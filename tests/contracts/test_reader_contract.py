"""What every reader of notation promises, in one table: the same music gives the same piece in every notation.

Bars are simultaneous in all parts, ties join, repeats are played out, an upbeat ends at a bar line, chord symbols make
no sound and stand where they are played.
"""

from fractions import Fraction
from itertools import accumulate

import pytest
from contracts.written_music import Music, expected_chords, expected_notes, musics, to_abc, to_kern, to_musicxml
from hypothesis import HealthCheck, given, settings

from symbolic_music.score.bars import bar_quarters
from symbolic_music.score.files import read_bytes
from symbolic_music.score.midi.io import midi_bytes
from symbolic_music.score.piece import Piece

WRITERS = {"tune.abc": to_abc, "score.krn": to_kern, "score.musicxml": to_musicxml}
FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def read(music: Music, name: str) -> Piece:
    return read_bytes(WRITERS[name](music).encode(), name).pieces[0]


def notes_of(piece: Piece) -> list[list[tuple[Fraction, Fraction, int]]]:
    quarter = piece.score.ticks_per_quarter
    return [
        sorted((Fraction(note.time, quarter), Fraction(note.duration, quarter), note.pitch) for note in track.notes)
        for track in piece.score.tracks
        if len(track.notes)
    ]


@pytest.mark.parametrize("name", WRITERS)
@FEW
@given(music=musics())
def test_notes_are_those_that_sound(name, music):
    assert notes_of(read(music, name)) == expected_notes(music)


@pytest.mark.parametrize("name", WRITERS)
@FEW
@given(music=musics())
def test_bar_lines_are_where_they_are_written(name, music):
    piece = read(music, name)
    whole = 4 * music.meter[0] / music.meter[1]
    lines = list(accumulate(bar_quarters(piece.score), initial=0.0))
    assert lines[:2] == [0.0, whole]
    assert all(length == whole for length in bar_quarters(piece.score))


@pytest.mark.parametrize("name", WRITERS)
@FEW
@given(music=musics())
def test_chord_symbols_stand_where_they_are_played(name, music):
    chords = [(chord.onset, chord.text) for chord in read(music, name).chords]
    assert chords == expected_chords(music)


@FEW
@given(music=musics())
def test_what_is_read_comes_back_from_midi(music):
    piece = read(music, "score.musicxml")
    again = read_bytes(midi_bytes(piece.score), "score.mid").pieces[0]
    assert notes_of(again) == notes_of(piece)
    assert bar_quarters(again.score) == bar_quarters(piece.score)
