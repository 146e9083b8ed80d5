"""Chord symbols: what people write, in one normal form, and the notes it stands for."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolic_music.score.chords import (
    QUALITIES,
    ChordSymbol,
    chord_pitch_classes,
    chord_text,
    cut_chords,
    normal_chord,
)

ROOTS = [letter + accidental for letter in "ABCDEFG" for accidental in ("", "#", "b", "##", "bb")]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("C", "C"),
        ("Gmin7", "Gm7"),
        ("F#m7b5", "F#m7b5"),
        ("B♭Δ", "Bbmaj7"),
        ("D7(b9)/F#", "D7(b9)/F#"),
        ("C7b9#11", "C7(b9,#11)"),
        ("Am/C", "Am/C"),
        ("C/C", "C"),
        ("Csus", "Csus4"),
        ("C6/9", "C6(add9)"),
        ("Cadd9", "C(add9)"),
        ("Ebo7", "Ebdim7"),
        ("Bbm(maj7)", "Bbmmaj7"),
        ("N.C.", "N"),
        ("slow", None),
        ("Allegro", None),
        ("Fine", None),
        ("D.C. al Fine", None),
        ("C7alt", None),
        ("", None),
    ],
)
def test_what_people_write_has_one_form(written, normal):
    assert normal_chord(written) == normal


@pytest.mark.parametrize(
    ("symbol", "classes"),
    [
        ("C", (0, 4, 7)),
        ("Am/C", (0, 9, 4)),
        ("G7", (7, 11, 2, 5)),
        ("C7(b9,#11)", (0, 4, 7, 10, 1, 6)),
        ("C(no3)", (0, 7)),
        ("C(add9)", (0, 4, 7, 2)),
        ("C7(b5)", (0, 4, 10, 6)),
        ("N", ()),
    ],
)
def test_notes_of_a_symbol(symbol, classes):
    assert chord_pitch_classes(symbol) == classes


@given(st.sampled_from(ROOTS), st.sampled_from(sorted(QUALITIES)), st.sampled_from(["", *ROOTS]))
def test_the_normal_form_is_its_own_normal_form(root, quality, bass):
    symbol = chord_text(root, quality, (), bass)
    assert normal_chord(symbol) == symbol
    assert len(chord_pitch_classes(symbol)) >= len(QUALITIES[quality])


def test_an_unknown_quality_is_named():
    with pytest.raises(ValueError, match="'alt'"):
        chord_text("C", "alt")


def test_a_part_of_a_piece_keeps_the_chords_that_hold_in_it():
    chords = tuple(ChordSymbol(Fraction(onset), text) for onset, text in ((0, "C"), (4, "F"), (6, "G"), (12, "Am")))

    def cut(start, end):
        return [(float(chord.onset), chord.text) for chord in cut_chords(chords, Fraction(start), Fraction(end))]

    assert cut(0, 8) == [(0, "C"), (4, "F"), (6, "G")]
    assert cut(4, 8) == [(0, "F"), (2, "G")]
    assert cut(8, 16) == [(0, "G"), (4, "Am")]
    assert cut(16, 20) == [(0, "Am")]
    assert cut_chords((), Fraction(0), Fraction(4)) == ()
    assert cut_chords(chords[1:], Fraction(0), Fraction(4)) == ()
