"""The key of some music: scales, and what music21 says of chorales."""

import math

import pytest
from chorales import chorales
from metrics.pieces import EMPTY, ONLY_DRUMS, melody, piece
from symusic.core import ScoreTick

from symbolic_music.metrics.features.notes import NoteTable
from symbolic_music.metrics.harmony.key import Key, find_key, share_in_key
from symbolic_music.score.midi.io import write_midi
from symbolic_music.score.transforms.edit import transpose

C_MAJOR = piece(melody(60, 62, 64, 65, 67, 69, 71, 72, 67, 64, 60))


@pytest.mark.parametrize("semitones", [0, 1, 5, 11])
def test_a_scale_and_its_triad_is_in_its_key(semitones):
    table = NoteTable(transpose(C_MAJOR, semitones))
    assert find_key(table) == Key(semitones, is_major=True)
    assert share_in_key(table, Key(semitones, is_major=True)) == 1


def test_a_minor_piece():
    table = NoteTable(piece(melody(69, 71, 72, 74, 76, 77, 68, 69, 76, 72, 69)))
    key = find_key(table)
    assert str(key) == "A minor"
    assert share_in_key(table, key) == pytest.approx(10 / 11)  # G sharp is not in the natural scale


def test_the_share_is_of_time():
    assert share_in_key(NoteTable(piece([(0, 3, 60), (3, 1, 61)])), Key(0, is_major=True)) == 0.75


@pytest.mark.parametrize("score", [EMPTY, ONLY_DRUMS, piece(melody(*range(60, 72)))])
def test_what_has_no_key(score):
    assert find_key(NoteTable(score)) is None
    if score is EMPTY:
        assert math.isnan(share_in_key(NoteTable(score), Key(0, is_major=True)))


def one_line(score):
    """All pitched notes as one track, so that music21 counts each once."""
    merged = ScoreTick(score.ticks_per_quarter)
    merged.tracks.append(score.tracks[0].copy())
    return merged


def test_music21_finds_the_same_keys(tmp_path):
    from music21 import analysis, converter

    for number, score in enumerate(chorales(5)):
        voice = one_line(score)
        write_midi(voice, tmp_path / f"{number}.mid")
        theirs = analysis.discrete.KrumhanslSchmuckler().getSolution(converter.parse(tmp_path / f"{number}.mid"))
        ours = find_key(NoteTable(voice))
        assert (ours.tonic, ours.is_major) == (theirs.tonic.pitchClass, theirs.mode == "major")
