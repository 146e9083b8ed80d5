"""Chord symbols: what people write, in one normal form, and the notes it stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolic_music.score.chords import QUALITIES, chord_pitch_classes, chord_text, normal_chord

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
