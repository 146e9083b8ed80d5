"""The judge of what files give, on pieces whose verdict is plain; it looks at notes alone."""

import pytest
from made_up_music import melody_score
from symusic.core import NoteTick, TrackTick

from symbolic_music.events.controls.given import GivenNotes
from symbolic_music.metrics.given import keeps_notes, keeps_pitches, keeps_rhythm

PITCHES = (60, 62, 64, 65)


def changed(**changes):
    """The melody with its last note changed."""
    score = melody_score(PITCHES)
    note = score.tracks[0].notes[3]
    for name, value in changes.items():
        setattr(note, name, value)
    return score


def with_note(onset, pitch, program=0):
    score = melody_score(PITCHES)
    track = score.tracks[0]
    if program:
        track = TrackTick("", program, False)
        score.tracks.append(track)
    track.notes.append(NoteTick(onset, 240, pitch, 80))
    return score


def played_by(program):
    return melody_score(PITCHES, program=program)


# A piece, and whether it has the melody's notes, rhythm, pitches.
CASES = {
    "the same": (melody_score(PITCHES), True, True, True),
    "softer": (changed(velocity=20), True, True, True),
    "another pitch": (changed(pitch=66), False, True, False),
    "a longer note": (changed(duration=480), False, False, True),
    "a later note": (changed(time=1200), False, False, True),
    "a note too early": (changed(time=480), False, False, False),
    "a note between": (with_note(120, 72), True, False, False),
    "a chord": (with_note(0, 72), True, False, False),
    "another instrument plays too": (with_note(0, 60, program=40), True, False, False),
    "another instrument alone": (played_by(40), False, False, False),
    "nobody": (melody_score(()), False, False, False),
}


@pytest.mark.parametrize("case", CASES)
def test_verdicts(case):
    score, *expected = CASES[case]
    asked = GivenNotes.read(melody_score(PITCHES), "melody.mid")
    assert [judge(score, asked) for judge in (keeps_notes, keeps_rhythm, keeps_pitches)] == expected


def test_the_same_on_another_clock():
    score, asked = melody_score(PITCHES).resample(96), GivenNotes.read(melody_score(PITCHES), "melody.mid")
    assert all(judge(score, asked) for judge in (keeps_notes, keeps_rhythm, keeps_pitches))


def test_several_voices_of_one_instrument_are_told_apart():
    def two(first, second):
        score = melody_score(first)
        score.tracks.append(melody_score(second, quarters=1).tracks[0])
        return score

    asked = GivenNotes.read(two((60, 62), (48, 50)), "two.mid")
    assert keeps_pitches(two((60, 62), (48, 50)), asked)
    assert keeps_pitches(two((48, 50), (60, 62)), asked)
    assert not keeps_pitches(two((60, 50), (48, 62)), asked)
