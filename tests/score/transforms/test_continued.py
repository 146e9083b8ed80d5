"""A piece that goes on: what was given stays as it is, what follows fits it."""

import pytest
from score.scores import make_score
from symusic.core import (
    ControlChangeTick,
    KeySignatureTick,
    NoteTick,
    PitchBendTick,
    ScoreTick,
    TempoTick,
    TimeSignatureTick,
    TrackTick,
)

from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.events.voices.abc_notes import AbcNotesCodec
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.transforms.continued import with_given_bars
from symbolic_music.score.transforms.edit import count_bars, cut_bars


def written(notes, program=0, is_drum=False):
    """Of (quarter, quarters, pitch) at 12 ticks a quarter, all equally loud."""
    score = ScoreTick(12)
    track = TrackTick("", program, is_drum)
    for onset, length, pitch in notes:
        track.notes.append(NoteTick(round(12 * onset), round(12 * length), pitch, 80))
    score.tracks.append(track)
    return score


def given():
    """Two bars of a played piano: off the grid, at many loudnesses, pedalled and bent to their end."""
    score = make_score([(0, 470, 60, 40), (493, 400, 62, 50), (1917, 900, 64, 60), (3300, 500, 65, 90)])
    score = score.to("tick")
    score.tempos.append(TempoTick(0, 97))
    score.tracks[0].controls.append(ControlChangeTick(10, 64, 127))
    score.tracks[0].pitch_bends.append(PitchBendTick(3400, 900))
    return score


def as_tuples(notes):
    return [(note.time, note.duration, note.pitch, note.velocity) for note in notes]


def test_given_bars_stay_and_new_ones_follow():
    score = given()
    whole = with_given_bars(
        score, 2, written([(0, 1, 60), (1, 1, 62), (4, 2, 64), (7, 1, 65), (8, 1, 67), (11.5, 0.5, 69)])
    )
    assert whole.ticks_per_quarter == 480
    assert as_tuples(whole.tracks[0].notes[:4]) == as_tuples(score.tracks[0].notes)
    assert as_tuples(whole.tracks[0].notes[4:]) == [(3840, 480, 67, 55), (3840 + 1680, 240, 69, 55)]
    assert [(tempo.time, tempo.mspq) for tempo in whole.tempos] == [(0, score.tempos[0].mspq)]


def test_pedals_and_bends_end_with_the_given_bars():
    [track] = with_given_bars(given(), 2, written([(0, 1, 60), (8, 1, 67)])).tracks
    assert [(event.time, event.value) for event in track.controls] == [(10, 127), (3840, 0)]
    assert [(event.time, event.value) for event in track.pitch_bends] == [(3400, 900), (3840, 0)]


def test_later_bars_of_what_was_given_are_left_out():
    [track] = with_given_bars(given(), 1, written([(0, 1, 60), (1, 1, 62), (4, 1, 72)])).tracks
    assert [note.pitch for note in track.notes] == [60, 62, 72]


def test_bars_behind_the_last_given_one_are_empty():
    [track] = with_given_bars(given(), 4, written([(0, 1, 60), (16, 1, 67)])).tracks
    assert track.notes[-1].time == 4 * 1920


def test_a_note_that_is_held_over_the_end_is_held_on():
    score = make_score([(0, 1920, 60, 33), (960, 960, 67, 33)]).to("tick")
    [track] = with_given_bars(score, 1, written([(0, 6, 60), (2, 2, 67), (6, 2, 62)])).tracks
    assert as_tuples(track.notes) == [(0, 2880, 60, 33), (960, 960, 67, 33), (2880, 960, 62, 33)]


def test_each_hand_of_a_piano_goes_on_in_its_own_track():
    score = ScoreTick(480)
    for pitches in ([72, 74, 76, 77], [48, 50, 52, 53]):
        track = TrackTick("", 0, False)
        for beat, pitch in enumerate(pitches):
            track.notes.append(NoteTick(480 * beat + 5, 400, pitch, pitch))
        score.tracks.append(track)
    low = written([(0, 1, 48), (1, 1, 50), (2, 1, 52), (3, 1, 53), (4, 1, 40)])
    low.tracks.append(written([(0, 1, 72), (1, 1, 74), (2, 1, 76), (3, 1, 77), (4, 1, 90)]).tracks[0])
    right, left = with_given_bars(score, 1, low).tracks
    assert as_tuples(right.notes)[-1] == (1920, 480, 90, 75)
    assert as_tuples(left.notes)[-1] == (1920, 480, 40, 51)


def test_drums_of_any_kit_go_on_and_a_new_instrument_has_a_new_track():
    score = make_score([(0, 100, 36, 101), (480, 100, 38, 99)], program=25, is_drum=True).to("tick")
    more = written([(0, 0.25, 36), (4, 0.25, 42)], is_drum=True)
    more.tracks.append(written([(4, 1, 60)], program=40).tracks[0])
    more.tracks.append(TrackTick("", 41, False))  # never plays
    drums, violin = with_given_bars(score, 1, more).tracks
    assert (drums.program, as_tuples(drums.notes)[-1]) == (25, (1920, 120, 42, 100))
    assert (violin.program, as_tuples(violin.notes)) == (40, [(1920, 480, 60, 100)])


def test_written_loudness_is_kept_where_there_is_one():
    more = written([(0, 1, 60), (4, 1, 62), (5, 1, 64)])
    for note, velocity in zip(more.tracks[0].notes, (40, 70, 90), strict=True):
        note.velocity = velocity
    [track] = with_given_bars(make_score([(0, 480, 60, 33)]).to("tick"), 1, more).tracks
    assert [note.velocity for note in track.notes] == [33, 70, 90]


def test_only_new_tempos_meters_and_keys_are_added():
    score = make_score([(0, 480, 60), (1440, 1440, 62)], meters=[(0, 3, 4)]).to("tick")
    more = written([(0, 1, 60), (3, 3, 62), (6, 3, 64), (9, 2, 65)])
    more.time_signatures.extend(
        [TimeSignatureTick(0, 3, 4), TimeSignatureTick(72, 3, 4), TimeSignatureTick(108, 2, 4)]
    )
    more.tempos.extend([TempoTick(0, 120), TempoTick(72, 120), TempoTick(108, 90)])
    more.key_signatures.extend([KeySignatureTick(0, 2, 0), KeySignatureTick(72, -1, 1)])
    whole = with_given_bars(score, 2, more)
    assert [(meter.time, meter.numerator) for meter in whole.time_signatures] == [(0, 3), (4320, 2)]
    assert [(tempo.time, round(tempo.qpm)) for tempo in whole.tempos] == [(4320, 90)]
    assert [(key.time, key.key) for key in whole.key_signatures] == [(2880, -1)]


def test_a_bar_that_a_meter_cuts_short_is_whole_at_the_end_of_what_is_given():
    score = make_score([(0, 480, 60), (960, 480, 62)], meters=[(0, 4, 4), (960, 3, 4)]).to("tick")
    [track] = with_given_bars(score, 1, written([(0, 1, 60), (4, 1, 64)])).tracks
    assert [note.time for note in track.notes] == [0, 1920]


def test_where_nothing_follows_the_given_bars_are_all():
    score = given()
    whole = with_given_bars(score, 2, written([(0, 1, 60)]))
    assert as_tuples(whole.tracks[0].notes) == as_tuples(score.tracks[0].notes)


@pytest.mark.parametrize("codec", [RemiCodec(), AbcNotesCodec()], ids=["remi", "abc_notes"])
def test_a_tune_that_goes_on_as_it_is_written_is_the_tune(codec, ten_tunes):
    for path in sorted(ten_tunes.iterdir()):
        tune = read_midi(path)
        whole = with_given_bars(tune, 4, codec.decode(codec.encode(tune)))
        assert count_bars(whole) == count_bars(tune)
        for first, most in ((0, 4), (4, count_bars(tune))):
            parts = [cut_bars(score, first, most) for score in (tune, whole)]
            [mine, its] = [
                sorted((note.time, note.duration, note.pitch) for track in part.tracks for note in track.notes)
                for part in parts
            ]
            assert mine == its
