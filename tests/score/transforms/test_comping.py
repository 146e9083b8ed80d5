from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from score.scores import make_score

from symbolic_music.score.chords import NO_CHORD, QUALITIES, ChordSymbol, chord_pitch_classes, chord_text
from symbolic_music.score.transforms.comping import COMPING_TRACK, comping_track, voicing, with_comping


def four_bars():
    return make_score([(0, 480 * 4, 60), (480 * 12, 480 * 4, 60)])


def strikes(track):
    return sorted({(note.time / 480, note.duration / 480) for note in track.notes})


@pytest.mark.parametrize(
    ("symbol", "pitches"),
    [
        ("C", (48, 55, 60, 64)),
        ("Am7", (45, 55, 57, 60, 64)),
        ("C/D", (50, 55, 60, 64)),
        ("C/G", (43, 55, 60, 64)),
        ("E", (40, 56, 59, 64)),
        ("Ebmaj7", (51, 55, 58, 62, 63)),
        ("C5", (48, 55, 60)),
        (NO_CHORD, ()),
    ],
)
def test_the_voicing_is_a_bass_and_the_chord_in_close_position(symbol, pitches):
    assert voicing(symbol) == pitches


@given(
    root=st.sampled_from(["C", "F#", "Bb", "G##", "Cb"]),
    quality=st.sampled_from(sorted(QUALITIES)),
    bass=st.sampled_from(["", "D", "Ab"]),
)
def test_every_voicing_holds_the_chord_and_nothing_else(root, quality, bass):
    symbol = chord_text(root, quality, (), bass)
    low, *close = voicing(symbol)
    assert 40 <= low <= 51
    assert close == sorted(set(close))
    assert all(55 <= pitch <= 66 for pitch in close)
    assert {low % 12, *(pitch % 12 for pitch in close)} == set(chord_pitch_classes(symbol))
    assert low % 12 == chord_pitch_classes(symbol)[0]


def test_chords_are_struck_at_their_symbols_and_at_bar_lines_and_end_with_the_piece():
    chords = (ChordSymbol(Fraction(1), "C"), ChordSymbol(Fraction(6), "G7"), ChordSymbol(Fraction(12), NO_CHORD))
    track = comping_track(four_bars(), chords)
    assert strikes(track) == [(1, 3), (4, 2), (6, 2), (8, 4)]
    assert strikes(comping_track(four_bars(), chords[:1])) == [(1, 3), (4, 4), (8, 4), (12, 4)]
    assert (track.name, track.program, track.is_drum) == (COMPING_TRACK, 0, False)


def test_a_chord_at_the_end_or_beyond_does_not_sound():
    chords = (ChordSymbol(Fraction(16), "C"), ChordSymbol(Fraction(40), "G"))
    assert not len(comping_track(four_bars(), chords).notes)


def test_comping_adds_one_track_and_changes_no_other():
    score = four_bars()
    played = with_comping(score, (ChordSymbol(Fraction(0), "Am"),))
    assert len(score.tracks) == 1
    assert len(played.tracks) == 2
    assert played.tracks[0] == score.tracks[0]
    assert with_comping(score, ()) is score
    assert with_comping(score, (ChordSymbol(Fraction(0), NO_CHORD),)) is score
