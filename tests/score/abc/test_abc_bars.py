"""Lengths of bars as ABC writes them, by hand and against what our own exporter wrote."""

from fractions import Fraction

import pytest

from symbolic_music.score.abc.bars import voice_bars
from symbolic_music.score.abc.write import abc_text, written_bar_quarters
from symbolic_music.score.midi.io import read_midi

HEAD = "X:1\nT:A Tune\nM:{meter}\nL:1/8\nK:G\n"


def bars(music, meter="4/4"):
    return voice_bars(HEAD.format(meter=meter) + music).get("", [])


@pytest.mark.parametrize(
    ("music", "eighths"),
    [
        ("ABcd efga|b8|]", [8, 8]),
        ("|:G2|A/B/ c// d3/2:|", [2, Fraction(11, 4)]),
        ("[CEG]4 [C2E2]2 z2|x8", [10, 8]),
        ("a>b c<d e>>f g2|", [8]),
        ("(3abc (3:2:2d2e (5:4:5abcde|", [8]),
        ("(2ab (4abcd|", [6]),
        ('{gf}a2 !trill!b2 "Am"c2 ~d (ef)-f|', [10]),
        ("Z2|z4|Z|", [8, 8, 4, 8]),
        ("A4 & c2 c4|", [6]),
        ("[M:3/4]A6|[L:1/4]B3|Z|", [6, 6, 6]),
        ("A2 % B2 is a comment\n|B2|\nw: la la|la\nd4 |[1 e4 :|[2 f2 ::", [2, 2, 4, 4, 2]),
        ("^F2 _B,,2 =c'2|", [6]),
        ("", []),
    ],
)
def test_bars_by_hand(music, eighths):
    assert bars(music) == [Fraction(number) / 8 for number in eighths]


def test_unit_and_tuplets_follow_the_meter_where_nothing_else_is_said():
    assert voice_bars("X:1\nM:2/4\nK:C\nABcd|")[""] == [Fraction(1, 4)]
    assert voice_bars("X:1\nM:6/8\nK:C\n(5ABcde A3|")[""] == [Fraction(6, 8)]


def test_voices_line_by_line_and_inline():
    text = HEAD.format(meter="4/4") + "V:1 clef=treble\nA8|\nV:2\nB4|\n[V:1]c4|[V:2]d8|e2|\n"
    assert voice_bars(text) == {"1": [Fraction(1), Fraction(1, 2)], "2": [Fraction(1, 2), Fraction(1), Fraction(1, 4)]}


def test_voices_that_only_the_header_names_have_no_bars():
    assert voice_bars("X:1\nL:1/8\nV:1\nV:2\nK:C\n[V:1]A8|") == {"1": [Fraction(1)]}


@pytest.mark.parametrize("folder", ["midi_multi", "midi_song", "midi_satb"])
def test_what_the_exporter_writes_lasts_as_long_as_its_bars(shared_data, folder):
    for path in sorted(shared_data(folder).rglob("*.mid"))[::100]:
        score = read_midi(path)
        wanted = [Fraction(bar).limit_denominator(1920) / 4 for bar in written_bar_quarters(score)]
        voices = voice_bars(abc_text(score))
        assert voices
        assert all(voice == wanted for voice in voices.values())
