"""What a file gives, on a codec's grid: what it becomes is told; what a codec cannot write is refused by its bar."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from made_up_music import melody_score
from random_music import scores
from symusic.core import KeySignatureTick, NoteTick, TempoTick, TimeSignatureTick, TrackTick

from symbolic_music.events.controls.asked import ControlError
from symbolic_music.events.controls.given import GivenNotes
from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.events.voices.abc_notes import AbcNotesCodec
from symbolic_music.events.voices.track_text import TrackTextCodec

CODECS = {"remi": RemiCodec(), "abc_notes": AbcNotesCodec(), "track_text": TrackTextCodec()}


def chord_score():
    """A piano holds a fifth under a melody; a drum beats twice; 6/8 in D minor."""
    score = melody_score((74, 76, 77), quarters=1)
    score.tracks[0].notes.append(NoteTick(0, 3 * 480, 57, 80))
    score.tracks[0].notes.append(NoteTick(0, 3 * 480, 50, 80))
    drums = TrackTick("", 0, True)
    drums.notes = [NoteTick(0, 240, 36, 80), NoteTick(720, 240, 38, 80)]
    score.tracks.append(drums)
    score.time_signatures = [TimeSignatureTick(0, 6, 8)]
    score.key_signatures = [KeySignatureTick(0, -1, 1)]
    return score


def test_what_a_score_gives():
    read = GivenNotes.read(chord_score(), "a.mid")
    assert read.programs == (0, -1)
    assert (read.meter, read.tempo, read.key) == ("6/8", 120, "Dm")
    assert read.lines[0].chords[0] == (0, ((0, 480, 74), (0, 1440, 50), (0, 1440, 57)))
    assert GivenNotes.read(read.score(), "a.mid") == read


def test_the_melody_is_the_top_of_the_highest_line():
    read = GivenNotes.read(chord_score(), "a.mid").melody(73)
    assert read.programs == (73,)
    assert [pitch for _, _, pitch in read.lines[0].notes] == [74, 76, 77]


def test_drums_alone_have_a_melody_too():
    score = chord_score()
    score.tracks = [score.tracks[1]]
    assert len(GivenNotes.read(score, "a.mid").melody(0).lines[0].notes) == 2


def test_what_changes_is_not_given_once_for_all():
    score = chord_score()
    score.tempos.append(TempoTick(480, 90.0))
    score.time_signatures.append(TimeSignatureTick(1440, 3, 4))
    read = GivenNotes.read(score, "a.mid")
    assert read.tempo is None
    assert read.meter is None
    assert read.usual_meter == "6/8"


def test_a_file_without_notes_gives_nothing():
    with pytest.raises(ControlError, match=r"^a\.mid has no notes$"):
        GivenNotes.read(melody_score(()), "a.mid")


@pytest.mark.parametrize("name", CODECS)
def test_a_written_file_says_its_bars_and_events(name):
    read = GivenNotes.read(chord_score(), "a.mid")
    written = read.written_by(CODECS[name])
    assert written.num_bars == 1
    assert list(written.events) == CODECS[name].encode(CODECS[name].quantise(chord_score()))
    assert read.changed_by(written) is None
    assert len(written.lines) == (2 if name == "remi" else 3)  # voices hold one chord at a time


@pytest.mark.parametrize("name", CODECS)
def test_a_tempo_that_no_file_says_is_none_that_is_given(name):
    score = chord_score()
    score.tempos = []
    assert GivenNotes.read(score, "a.mid").written_by(CODECS[name]).tempo is None


@pytest.mark.parametrize("name", CODECS)
def test_what_the_grid_changes_is_told_with_its_first_bar(name):
    score = melody_score((60, 62, 64, 65, 67, 69), quarters=1)
    score.tracks[0].notes[5].time += 7
    read = GivenNotes.read(score, "a.mid")
    told = read.changed_by(read.written_by(CODECS[name]))
    assert (
        told
        == "a.mid: 1 of 6 notes are moved to the model's grid, the first in bar 2, by 0.0146 quarter notes at most"
    )


@pytest.mark.parametrize("name", CODECS)
def test_notes_that_fall_together_are_refused_by_their_bar(name):
    score = melody_score((60,) * 8, quarters=1)
    score.tracks[0].notes.append(NoteTick(5 * 480 + 2, 100, 60, 80))
    with pytest.raises(ControlError, match=r"^a\.mid: bar 2 has a note \(pitch 60\) that this model cannot write"):
        GivenNotes.read(score, "a.mid").written_by(CODECS[name])


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=40, deadline=None)
@given(score=scores(max_notes=10))
def test_what_is_written_is_written_the_same_again(name, score):
    assume(score.note_num())
    try:
        written = GivenNotes.read(score, "a.mid").written_by(CODECS[name])
    except ControlError as error:
        assume("\n" not in str(error))
        return
    assert written.written_by(CODECS[name]) == written
    assert written.changed_by(written.written_by(CODECS[name])) is None


@settings(max_examples=20, deadline=None)
@given(pitches=st.lists(st.integers(40, 80), min_size=1, max_size=12))
def test_a_melody_of_one_voice_is_itself(pitches):
    read = GivenNotes.read(melody_score(pitches), "a.mid")
    assert read.melody(0) == read
