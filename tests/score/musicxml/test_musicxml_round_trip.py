"""Random Scores and chord symbols through MusicXML and back, equal to the last note; and valid by the schema."""

import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from symusic import KeySignature, Note, Score, TimeSignature, Track

from symbolic_music.score.chords import QUALITIES, ChordSymbol, chord_text
from symbolic_music.score.files import read_bytes
from symbolic_music.score.musicxml.write import musicxml_text
from symbolic_music.score.piece import Piece

TPQ = 480


@st.composite
def scores(draw):
    """Scores on a grid of 24ths and 20ths of a quarter note, with overlaps, drums, and changes of meter and key."""
    score = Score(TPQ)
    score.time_signatures = [TimeSignature(0, *draw(st.sampled_from([(4, 4), (3, 4), (6, 8), (5, 8), (2, 2)])))]
    if draw(st.booleans()):
        score.time_signatures.append(TimeSignature(TPQ * draw(st.integers(2, 10)), 3, 4))
    score.key_signatures = [KeySignature(0, draw(st.integers(-7, 7)), draw(st.integers(0, 1)))]
    lowest, highest = draw(st.sampled_from([(0, 115), (13, 127)]))  # MusicXML has ten octaves
    for number in range(draw(st.integers(1, 3))):
        step = draw(st.sampled_from([20, 24, 40, 120]))
        track = Track(program=draw(st.sampled_from([0, 40, 25, 58])), is_drum=number == 2)
        track.notes = [
            Note(step * onset, step * length, pitch, velocity)
            for onset, length, pitch, velocity in draw(
                st.lists(
                    st.tuples(
                        st.integers(0, 90), st.integers(1, 60), st.integers(lowest, highest), st.integers(1, 127)
                    ),
                    min_size=1,
                    max_size=12,
                )
            )
        ]
        score.tracks.append(track)
    return score


def notes_of(score):
    unit = score.ticks_per_quarter
    return Counter(
        (
            -1 if track.is_drum else track.program,
            Fraction(note.time, unit),
            Fraction(note.duration, unit),
            note.pitch,
            note.velocity,
        )
        for track in score.tracks
        for note in track.notes
    )


def read_back(music):
    return read_bytes(musicxml_text(music).encode(), Path("back.musicxml")).pieces[0]


@settings(deadline=None, max_examples=60)
@given(scores())
def test_every_note_comes_back(score):
    assert notes_of(read_back(score).score) == notes_of(score)


@pytest.mark.parametrize("fifths", [-7, 0, 7])
@pytest.mark.parametrize("pitch", [0, 11, 12, 127])
def test_every_octave_is_one_that_musicxml_has(pitch, fifths):
    score = Score(TPQ)
    score.key_signatures = [KeySignature(0, fifths, 0)]
    score.tracks = [Track(notes=[Note(0, TPQ, pitch, 80)])]
    text = musicxml_text(score)
    assert 0 <= int(re.search(r"<octave>(-?\d+)</octave>", text)[1]) <= 9
    assert notes_of(read_back(score).score) == notes_of(score)


@pytest.mark.parametrize("notes", [11, 13])
def test_tuplets_of_eleven_and_thirteen_come_back(notes):
    score = Score(60 * notes)
    score.time_signatures = [TimeSignature(0, 4, 4)]
    score.tracks = [Track(notes=[Note(120 * number, 120, 60 + number, 80) for number in range(notes)])]
    assert notes_of(read_back(score).score) == notes_of(score)
    text = musicxml_text(score)
    assert f"<actual-notes>{notes}</actual-notes>" in text
    assert text.count('<tuplet type="start"') == 1


def test_a_chord_symbol_over_the_rest_that_begins_a_piece_stays_there():
    score = Score(TPQ)
    score.tracks = [Track(notes=[Note(3 * TPQ, TPQ, 60, 80), Note(4 * TPQ, TPQ, 62, 80)])]
    piece = Piece(score, chords=(ChordSymbol(Fraction(0), "G7"), ChordSymbol(Fraction(4), "C")))
    back = read_bytes(musicxml_text(piece).encode(), Path("back.musicxml")).pieces[0]
    assert back.chords == piece.chords


@pytest.mark.parametrize("quality", QUALITIES)
def test_every_chord_symbol_comes_back(quality):
    score = Score(TPQ)
    score.tracks = [Track()]
    score.tracks[0].notes = [Note(0, 4 * TPQ, 60, 80)]
    texts = [chord_text("F#", quality), chord_text("Bb", quality, (), "D"), chord_text("C", quality, ("b9",)), "N"]
    chords = tuple(ChordSymbol(Fraction(place), text) for place, text in enumerate(texts))
    assert read_back(Piece(score, chords)).chords == chords


@pytest.fixture(scope="module")
def schema():
    """The MusicXML schema that partitura brings (3.1, of which what we write of 4.0 is a part)."""
    etree = pytest.importorskip("lxml.etree")
    path = Path(pytest.importorskip("partitura").__file__).parent / "assets" / "musicxml.xsd"

    class Offline(etree.Resolver):
        def resolve(self, url, public_id, context):
            # The schema imports two others from the network, of which it uses attributes alone.
            if url.endswith("xlink.xsd"):
                names = ("href", "type", "role", "title", "show", "actuate")
                return self.resolve_string(_attributes("http://www.w3.org/1999/xlink", names), context)
            if url.endswith("/xml.xsd"):
                return self.resolve_string(
                    _attributes("http://www.w3.org/XML/1998/namespace", ("lang", "space")), context
                )
            return None

    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Offline())
    return etree.XMLSchema(etree.parse(str(path), parser))


def _attributes(namespace, names):
    inside = "".join(f'<xs:attribute name="{name}" type="xs:string"/>' for name in names)
    return f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{namespace}">{inside}</xs:schema>'


@pytest.mark.slow  # reading the schema takes some seconds
@settings(deadline=None, max_examples=25)
@given(scores())
def test_it_is_valid_by_the_schema(schema, score):
    from lxml import etree

    piece = Piece(score, (ChordSymbol(Fraction(1, 3), "C7(b9,#11)/E"),), title="A", composer="B", license="CC0")
    assert schema.validate(etree.fromstring(musicxml_text(piece).encode())), schema.error_log.last_error
