"""Chords of lead sheets: as bars that share them evenly, and as what a model was asked for."""

from fractions import Fraction

import pytest
from made_up_music import melody_score
from tiny_model import tiny_model, tiny_processor

from symbolic_music.events.controls.asked import Controls
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.report.asked.progressions import LeadSheet, bar_chords, lead_sheet, measure_progressions
from symbolic_music.score.chords import ChordSymbol
from symbolic_music.score.midi.io import midi_bytes

SCALE = [60, 62, 64, 65, 67, 69, 71, 72] * 4


def row(*chords, score=None):
    symbols = [{"onset": onset, "symbol": symbol} for onset, symbol in chords]
    return {"midi": midi_bytes(score or melody_score(SCALE)), "name": "a tune", "group": 7, "chords": symbols}


@pytest.mark.parametrize(
    ("length", "changes", "expected"),
    [
        (4, [(0, "C")], ("C",)),
        (4, [(0, "C"), (2, "G7")], ("C", "G7")),
        (4, [(2, "G7")], ("N", "G7")),
        (4, [], ("N",)),
        (4, [(0, "C"), (3, "G7")], ("C", "C", "C", "G7")),
        (3, [(0, "C"), (1, "Am"), (2, "G")], ("C", "Am", "G")),
        (3, [(0, "C"), (Fraction(3, 2), "F")], ("C", "F")),
        (4, [(0, "C"), (Fraction(7, 5), "F"), (Fraction(3, 2), "G")], ("C", "C", "G", "G")),
    ],
)
def test_a_bar_is_shared_by_as_few_chords_as_say_it(length, changes, expected):
    assert bar_chords(Fraction(length), [ChordSymbol(Fraction(onset), text) for onset, text in changes]) == expected


def test_a_lead_sheet_begins_with_its_first_chord():
    sheet = lead_sheet(row((4.0, "F"), (10.0, "G7"), (12.0, "C")), most_bars=2)
    assert sheet.controls.chords == (("F",), ("F", "G7"))
    assert (sheet.controls.bars, sheet.controls.meter, sheet.controls.instruments, sheet.group) == (2, "4/4", (0,), 7)
    assert [note.pitch for note in sheet.melody.tracks[0].notes] == (SCALE * 2)[8:24]


def test_without_chords_or_with_two_meters_it_is_none():
    two = melody_score(SCALE)
    two.time_signatures.append(type(two.time_signatures[0])(1920, 3, 4))
    assert lead_sheet(row(), 8) is None
    assert lead_sheet(row((0.0, "C"), score=two), 8) is None


def test_a_model_that_is_asked_plays_chord_tones_and_people_are_counted():
    processor = tiny_processor()
    model = tiny_model(processor)
    sheet = lead_sheet(row((0.0, "C"), (8.0, "F")), most_bars=4)
    impossible = LeadSheet("no chord", 8, sheet.melody, Controls(chords=(("H",),), meter="4/4", bars=1))
    found = measure_progressions(model, processor, [sheet, impossible], 4, SamplingOptions(max_length=200))
    assert list(found["refused"]) == ["no chord"]
    (only,) = found["sheets"]
    assert only["shares"]["asked"] == 1 > only["shares"]["unasked"]
    # C and G begin the strong beats of each bar; over F, G is no chord tone.
    assert (only["notes"]["people"], only["shares"]["people"]) == (8, 0.75)
    assert found["mean"]["people"]["value"] == only["shares"]["people"]


def test_onsets_are_the_fractions_that_they_were():
    assert lead_sheet(row((0.0, "C"), (4 / 3, "F"), (8 / 3, "G")), most_bars=1).controls.chords == (("C", "F", "G"),)
