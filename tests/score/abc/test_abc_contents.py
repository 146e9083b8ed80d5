"""What an ABC tune says besides its notes is counted by kind."""

import pytest

from symbolic_music.score.abc.io import read_abc_tune

HEADER = "X:1\nT:A tune\nM:4/4\nL:1/4\nK:C\n"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("w: la la la", {"lyrics": 1}),
        ("W: Second verse", {"lyrics": 1}),
        ("N: from memory", {"text": 1}),
        ("U: T = !trill!", {"macros": 1}),
        ("% a remark", {"comments": 1}),
        ("%%MIDI program 40", {}),
        ('"^slowly"C "Am"D "G7"E F|', {"text": 1}),
        ('"Am"C "Bogus"D "4"E "Gxyz7"F|', {"text": 2, "chord symbols": 1}),
        ("{cd}C ~D !p!E vF|", {"grace notes": 1, "decorations": 2}),
        ("C D E F| % the end", {"comments": 1}),
        ("C D [K:G] [CEG] (3DEF z|", {}),
        ("Chorus: sing along", {"broken lines": 1}),
        ("C D }E F|", {"broken lines": 1}),
        ("C2 D2 H|]", {"decorations": 1}),
        ("%%MIDI drumon", {"accompaniment": 1}),
        ("%%MIDI control 7 90", {"MIDI directives": 1}),
        ("%%MIDI program 3 40", {"MIDI directives": 1}),
        ("%%MIDI program 3 0", {}),
        ("^/C D _/E F|", {"microtones": 2}),
        ("[M:2/4 3/4]C2|", {"unread fields": 1}),
        ("[M:(2+3)/8]C2|", {}),
        ('"D.C."C "^Fine"D "_D.S. al Coda"E "Dm"F|', {"jump words": 3}),
        ("C>D2 z|", {"broken rhythm": 1}),
        ("C>D>E z|", {"broken rhythm": 1}),
        ("C>D E2>F2|", {}),
        ("[M:x]C [K:?]D E F|", {"unread fields": 2}),
    ],
)
def test_a_line_is_counted_by_what_it_holds(line, expected):
    found = read_abc_tune(f"{HEADER}C4|\n{line}\n").left_out
    assert {kind: count for kind, count in found.items() if kind != "uneven bars"} == expected


def test_words_before_the_key_are_no_music():
    assert "broken lines" not in read_abc_tune("X:1\nhello there\nK:C\nCDEF|\n").left_out


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("C D E F|G A B c|]", 0),
        ("C D E F|G A B|C D E F|]", 1),
        ("C|G A B c|C D E|]", 0),
        ("C D E F|C D E F G|C D E|C4|]", 2),
    ],
)
def test_uneven_bars_are_counted_upbeats_aside(music, expected):
    assert read_abc_tune(HEADER + music + "\n").left_out["uneven bars"] == expected
