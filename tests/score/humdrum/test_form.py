"""In which order `**kern` sections and repeats are played, and chord symbols."""

import pytest
from score.humdrum.kern import kern, melody, notes, read

from symbolic_music.score.humdrum.harmony import read_musicxml_harmony, read_roman_harmony

SECTIONS = ["*>A", "4c", "=", "*>B", "4d", "=", "*>B1", "4e", "=:¦!", "*>B2", "4f", "=="]


@pytest.mark.parametrize(
    ("expansion", "played"),
    [
        ("*>[A,B,B1,B,B2]", [60, 62, 64, 62, 65]),
        ("*>[A,A,B,B2,A]", [60, 60, 62, 65, 60]),
        ("*>[B2]", [65]),
        ("*>norep[A,B,B2]", [60, 62, 64, 60, 62, 65]),
        ("*>[A,C]", [60, 62, 64, 60, 62, 65]),
    ],
)
def test_the_expansion_list_says_what_is_played_or_else_the_repeat_signs(expansion, played):
    piece = read(kern("*M1/4", expansion, *SECTIONS))
    assert melody(piece) == played
    assert piece.left_out["expansion lists whose labels are not there"] == (expansion == "*>[A,C]")


def test_what_stands_before_the_first_label_comes_first():
    assert melody(read(kern("*M1/4", "*>[A,A]", "4g", "=", "*>A", "4c"))) == [67, 60, 60]


@pytest.mark.parametrize(
    ("lines", "played"),
    [
        (["4c", "=:¦!", "4d"], [60, 60, 62]),
        (["4c", "=!¦:", "4d", "=:¦!", "4e"], [60, 62, 62, 64]),
        (["4c", "=:¦!¦:", "4d", "==:¦!"], [60, 60, 62, 62]),
        (["4c", "=:¦¦:", "4d", "=:¦¦", "4e"], [60, 60, 62, 62, 64]),
        (["4c", "=12", "4d", "==¦!"], [60, 62]),
    ],
)
def test_repeat_signs_are_played(lines, played):
    assert melody(read(kern("*M1/4", *lines))) == played


def test_a_tie_is_joined_after_a_repeat_too():
    piece = read(kern("*M1/4", "*>[A,B1,A,B2]", "*>A", "[4c", "=", "*>B1", "4c]", "=:¦!", "*>B2", "4d", "=="))
    assert notes(piece) == [(0, 2, 60), (2, 1, 60), (3, 1, 62)]


def test_a_repeat_within_a_bar_leaves_the_bar_whole():
    piece = read(kern("*M4/4", "2c", "2d", "=2", "2e", "=:¦!", "2f", "=3", "1g"))
    assert melody(piece) == [60, 62, 64, 60, 62, 64, 65, 67]


def test_chord_symbols_are_where_they_stand_with_repeats():
    text = kern("*M2/4|*", "4c|C major", "4e|F# minor-seventh/E", "=:¦!|=:¦!", "2d|C none", kinds=["**kern", "**mxhm"])
    found = [(chord.onset, chord.text) for chord in read(text).chords]
    assert found == [(0, "C"), (1, "F#m7/E"), (2, "C"), (3, "F#m7/E"), (4, "N")]


def test_roman_numerals_are_chords_in_their_key_and_what_is_none_is_counted():
    text = kern("*G:|*", "4d|V7b", "4c|?!", "*e:|*", "4B|i", kinds=["**kern", "**harm"])
    piece = read(text)
    assert [(chord.onset, chord.text) for chord in piece.chords] == [(0, "D7/F#"), (2, "Em")]
    assert piece.left_out["chord symbols that cannot be read"] == 1


@pytest.mark.parametrize(
    ("text", "tonic", "minor", "symbol"),
    [
        ("I", "C", False, "C"),
        ("ii7", "C", False, "Dm7"),
        ("IM7", "Bb", False, "Bbmaj7"),
        ("viioD7", "A", True, "G#dim7"),
        ("Vc", "E", True, "B/F#"),
        ("V7d", "Eb", False, "Bb7/Ab"),
        ("V/V", "D", False, "E"),
        ("viio7/V", "C", False, "F#m7b5"),
        ("N", "C", True, "Db"),
        ("-VI", "C", False, "Ab"),
        ("4III+", "A", True, "Caug"),
        ("nonsense", "C", False, None),
    ],
)
def test_roman_harmony(text, tonic, minor, symbol):
    assert read_roman_harmony(text, tonic, minor) == symbol


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("B- dominant", "Bb7"),
        ("C none", "N"),
        ("G suspended-fourth/D", "Gsus4/D"),
        ("C neapolitan", None),
        ("?", None),
    ],
)
def test_musicxml_harmony(text, symbol):
    assert read_musicxml_harmony(text) == symbol
