"""Staves, clefs, voices and names of parts."""

import numpy as np
import pytest
from score.scores import make_score

from symbolic_music.score.layout import staves
from symbolic_music.score.layout.note_values import CLOCK
from symbolic_music.score.layout.parts import lay_out
from symbolic_music.score.layout.staves import choose_clef, split_hands
from symbolic_music.score.layout.voices import PlayedNote, deal_voices, segments


@pytest.mark.parametrize(
    ("pitches", "program", "clef"),
    [
        ([60, 64, 72], 73, staves.TREBLE),
        ([40, 45, 52], 42, staves.BASS),
        ([55, 60, 65], 41, staves.ALTO),
        ([52, 57, 64], 25, staves.TREBLE_8),
        ([28, 33, 40], 33, staves.BASS_8),
        ([84, 90, 100], 72, staves.TREBLE_UP),
        ([45, 50, 55], 52, staves.BASS),
    ],
)
def test_clefs_fit_the_range(pitches, program, clef):
    assert choose_clef(np.array(pitches), program) == clef


def test_hands_take_what_lies_near_them():
    onsets = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    pitches = np.array([36, 48, 67, 76, 55, 72, 62, 74])
    assert split_hands(onsets, pitches).tolist() == [1, 1, 0, 0, 1, 0, 0, 0]


def test_upper_notes_go_to_the_first_voice():
    notes = [PlayedNote(0, 4, 48, 80), PlayedNote(0, 1, 60, 80), PlayedNote(1, 2, 62, 80), PlayedNote(2, 4, 64, 80)]
    assert [[note.pitch for note in voice] for voice in deal_voices(notes)] == [[60, 62, 64], [48]]


def test_too_many_voices_are_written_as_tied_chords():
    notes = [PlayedNote(place, place + 10, 60 + place, 80) for place in range(6)]
    voices = deal_voices(notes)
    assert len(voices) == 4
    assert sum(len(voice) for voice in voices) == 6
    last = segments(voices[-1], 0, 20)
    assert max(len(segment.notes) for segment in last) == 3


def test_doubled_notes_have_voices_of_their_own():
    notes = [PlayedNote(0, 4, 60, 80), PlayedNote(0, 4, 60, 90)]
    assert [len(voice) for voice in deal_voices(notes)] == [1, 1]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Track 3", "Violin"),
        ("MIDI", "Violin"),
        ("", "Violin"),
        ("Solo  Violin", "Solo Violin"),
        ("v" * 50, "v" * 31 + "…"),
    ],
)
def test_parts_are_named_as_a_player_would_look_for_them(name, shown):
    score = make_score([(0, 480, 60)], program=40)
    score.tracks[0].name = name
    assert lay_out(score).parts[0].name == shown


def test_all_parts_have_the_same_bars():
    layout = lay_out(make_score([(0, 480, 60), (1920, 480, 62)], meters=[(0, 4, 4), (1920, 3, 4)]))
    assert [(bar.meter.numerator, bar.end - bar.start) for bar in layout.bars] == [
        (4, 4 * CLOCK),
        (3, 3 * CLOCK),
    ]
