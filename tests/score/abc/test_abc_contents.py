"""What an ABC tune says besides its notes is counted by kind."""

import pytest

from symbolic_music.score.abc.contents import left_out

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
        ('"^slowly"C "Am"D "G7"E F|', {"text": 1, "chord_symbols": 2}),
        ("{cd}C ~D !p!E vF|", {"grace_notes": 1, "decorations": 3}),
        ("C D E F| % the end", {"comments": 1}),
        ("C D [K:G] [CEG] (3DEF z|", {}),
        ("Chorus: sing along", {"broken_lines": 1}),
        ("C D }E F|", {"broken_lines": 1}),
        ("C2 D2 H|]", {}),
    ],
)
def test_a_line_is_counted_by_what_it_holds(line, expected):
    found = left_out(HEADER + line + "\n")
    assert {kind: count for kind, count in found.items() if kind != "uneven_bars"} == expected


def test_words_before_the_key_are_no_music():
    assert "broken_lines" not in left_out("X:1\nhello there\nK:C\nCDEF|\n")


def test_bars_that_disagree_with_their_meter_are_counted():
    assert left_out(HEADER + "C D E F|C D E F G|C D E F|]\n") == {"uneven_bars": 1}
