"""MusicXML as written: every note comes back, bars are whole in all parts, and notation says what it should."""

import xml.etree.ElementTree as ElementTree
from fractions import Fraction

import pytest
from score.scores import make_score, scale
from symusic import KeySignature, Note, Score, Track

from symbolic_music.score.chords import ChordSymbol
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.files import read_pieces
from symbolic_music.score.musicxml.write import musicxml_text, write_musicxml
from symbolic_music.score.piece import Piece


def tree(music, **kwargs):
    return ElementTree.fromstring(musicxml_text(music, **kwargs))


def durations(measure):
    """How far the cursor goes in a measure, at most, and where it ends, in divisions."""
    at = furthest = 0
    for element in measure:
        step = int(element.findtext("duration", "0"))
        if element.tag == "backup":
            at -= step
        elif element.tag in ("note", "forward") and element.find("chord") is None:
            at += step
        furthest = max(furthest, at)
    return furthest


def test_a_scale_is_quarter_notes_in_bars_of_four():
    root = tree(scale(bars=2))
    measures = root.findall("part/measure")
    assert [measure.get("number") for measure in measures] == ["1", "2"]
    assert [note.findtext("type") for note in root.iter("note")] == ["quarter"] * 8
    assert {durations(measure) for measure in measures} == {4 * int(root.findtext(".//divisions"))}


def test_the_same_score_gives_the_same_bytes(tmp_path):
    for name in ("a.mxl", "b.mxl"):
        write_musicxml(scale(), tmp_path / name)
    assert (tmp_path / "a.mxl").read_bytes() == (tmp_path / "b.mxl").read_bytes()


def test_a_note_over_the_bar_line_is_tied():
    root = tree(make_score([(480, 480 * 5, 60)]))
    assert [[tie.get("type") for tie in note.findall("tie")] for note in root.iter("note")] == [
        [],
        ["start"],
        ["stop"],
        [],
    ]


def test_triplets_are_complete_and_have_one_bracket():
    root = tree(make_score([(160 * place, 160, 60 + place) for place in range(3)] + [(480, 480, 72)]))
    notes = list(root.iter("note"))[:3]
    assert [note.findtext("time-modification/actual-notes") for note in notes] == ["3"] * 3
    assert [tuplet.get("type") for tuplet in root.iter("tuplet")] == ["start", "stop"]
    assert [beam.text for beam in root.iter("beam")] == ["begin", "continue", "end"]


def test_accidentals_hold_to_the_end_of_the_bar():
    score = make_score([(480 * place, 480, pitch) for place, pitch in enumerate((61, 61, 60, 62, 61))])
    score.key_signatures = [KeySignature(0, 0, 0)]
    root = tree(score)
    shown = [note.findtext("accidental") for note in root.iter("note") if note.find("pitch") is not None]
    assert shown == ["sharp", None, "natural", None, "sharp"]


def test_an_upbeat_is_a_short_first_measure():
    root = tree(make_score([(480 * (3 + place), 480, 60 + place) for place in range(5)]))
    first, second = root.findall("part/measure")
    assert (first.get("number"), first.get("implicit")) == ("0", "yes")
    assert (second.get("number"), second.get("implicit")) == ("1", None)
    assert durations(first) * 4 == durations(second)


def test_a_keyboard_has_two_staves():
    score = make_score([(480 * place, 480, 40 if place % 2 else 76) for place in range(8)])
    root = tree(score)
    assert root.findtext(".//staves") == "2"
    assert [(clef.findtext("sign"), clef.findtext("line")) for clef in root.iter("clef")] == [("G", "2"), ("F", "4")]
    staff_of = {
        (note.findtext("pitch/octave"), note.findtext("staff")) for note in root.iter("note") if note.find("pitch")
    }
    assert staff_of == {("5", "1"), ("2", "2")}


def test_drums_are_unpitched_with_their_instruments():
    root = tree(make_score([(0, 240, 36), (240, 240, 42), (480, 240, 38)], is_drum=True))
    assert {element.text for element in root.iter("midi-unpitched")} == {"37", "43", "39"}
    assert {element.text for element in root.iter("midi-channel")} == {"10"}
    assert len(list(root.iter("unpitched"))) == 3
    assert root.find(".//key") is None


def test_chord_symbols_title_and_composer():
    chords = (ChordSymbol(Fraction(0), "C"), ChordSymbol(Fraction(3, 2), "F#m7b5/E"), ChordSymbol(Fraction(4), "N"))
    root = tree(Piece(scale(), chords=chords, title="A & B", composer="Nobody"))
    assert [kind.text for kind in root.iter("kind")] == ["major", "half-diminished", "none"]
    assert root.findtext(".//bass/bass-step") == "E"
    assert root.findtext("work/work-title") == "A & B"
    assert root.findtext("identification/creator") == "Nobody"


def test_notes_below_the_lowest_octave_are_written_higher():
    root = tree(make_score([(0, 480, 5), (480, 480, 17)]))
    assert root.findtext(".//transpose/octave-change") == "-1"
    assert [octave.text for octave in root.iter("octave")] == ["0", "1"]


def test_no_notes_are_refused():
    with pytest.raises(ScoreError) as error:
        musicxml_text(Score(480))
    assert error.value.refusal == Refusal.NO_NOTES


def test_it_is_read_back(tmp_path):
    score = scale()
    score.tracks.append(Track(program=40))
    score.tracks[1].notes = [Note(0, 1920, 67, 90), Note(480, 480, 64, 33), Note(960, 160, 72, 100)]
    write_musicxml(score, tmp_path / "a.musicxml")
    (piece,) = read_pieces(tmp_path / "a.musicxml").pieces
    tracks = [
        sorted((Fraction(note.time, back.ticks_per_quarter), note.pitch) for note in track.notes)
        for back, tracks in ((piece.score, piece.score.tracks),)
        for track in tracks
    ]
    assert tracks == [sorted((Fraction(note.time, 480), note.pitch) for note in track.notes) for track in score.tracks]


def test_what_is_silent_in_an_upbeat_rests_no_longer_than_it():
    score = make_score([(480 * (3 + place), 480, 60 + place) for place in range(5)])
    score.tracks.append(Track(program=40))
    score.tracks[1].notes = [Note(1920, 480, 67, 90)]
    upbeat = tree(score).findall("part")[1].find("measure")
    assert [rest.get("measure") for rest in upbeat.iter("rest")] == [None]
