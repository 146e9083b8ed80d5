"""What a channel plays: programs set in other tracks, drums by GS, XG and GM2, ports."""

import pytest
from score.midi.files import GM2_ON, GS_RESET, XG_ON, control, event, gs_rhythm_part, meta, midi, note, program

from symbolic_music.score.midi.io import read_midi


def parts(data: bytes) -> list[tuple[int, bool, list[int]]]:
    """Program, drums and pitches of each track."""
    return [(t.program, t.is_drum, [note.pitch for note in t.notes]) for t in read_midi(data).tracks]


def test_a_program_set_in_another_track_holds(shared_data):
    """The fault m06: programs stand in the first track, notes in the others."""
    score = read_midi(shared_data("faults") / "m06_prog_other_track.mid")
    assert [track.program for track in score.tracks] == [40, 73, 32]


CHANNEL_STATE = {
    "program set in the first track": ([program(40), note(60)], [(40, False, [60])]),
    "program set in a later track": ([note(60), program(40)], [(40, False, [60])]),
    "set between two notes of another track": (
        [note(60) + note(62), program(40, delta=480)],
        [(0, False, [60]), (40, False, [62])],
    ),
    "a later change anywhere counts": (
        [program(10) + note(60) + note(62, delta=480), program(40, delta=600)],
        [(10, False, [60]), (40, False, [62])],
    ),
    "of changes at one tick a track's own counts": (
        [program(10) + note(60), program(20) + note(62)],
        [(10, False, [60]), (20, False, [62])],
    ),
    "a change during a note is for the next": (
        [event([0x90, 60, 80]) + program(40, delta=240) + event([0x80, 60, 0], 240) + note(62)],
        [(0, False, [60]), (40, False, [62])],
    ),
    "channels do not mix": (
        [program(40, channel=1) + note(60) + note(62, channel=1)],
        [(0, False, [60]), (40, False, [62])],
    ),
    "ports do not mix": (
        [meta(0x21, b"\x01") + program(40), note(60), meta(0x21, b"\x01") + note(62)],
        [(0, False, [60]), (40, False, [62])],
    ),
    "channel 10 of every port plays drums": ([meta(0x21, b"\x02") + note(36, channel=9)], [(0, True, [36])]),
    "the drum kit is kept": ([program(25, channel=9), note(36, channel=9)], [(25, True, [36])]),
}


@pytest.mark.parametrize(("tracks", "expected"), CHANNEL_STATE.values(), ids=CHANNEL_STATE)
def test_a_channel_is_one_whatever_track_speaks_to_it(tracks, expected):
    assert parts(midi(*tracks)) == expected


def test_format_0_and_1_say_the_same():
    apart = midi(program(40) + note(60), program(50, channel=1) + note(62, channel=1))
    together = midi(program(40) + program(50, channel=1) + note(60) + note(62, channel=1, delta=0), kind=0)
    assert [part[:2] for part in parts(apart)] == [part[:2] for part in parts(together)]


GS, XG, GM2 = event(GS_RESET), event(XG_ON), event(GM2_ON)
ON_CHANNEL_3 = program(8, channel=2) + note(36, channel=2)
DRUM_CHANNELS = {
    "GS rhythm part on channel 3": (GS + gs_rhythm_part(3, 1) + ON_CHANNEL_3, True),
    "GS rhythm part with the second drum map": (GS + gs_rhythm_part(3, 2) + ON_CHANNEL_3, True),
    "GS rhythm part switched off again": (GS + gs_rhythm_part(3, 1) + gs_rhythm_part(3, 0) + ON_CHANNEL_3, False),
    "GS block 10 is channel 11": (
        GS + gs_rhythm_part(10, 1) + program(8, channel=10) + note(36, channel=10),
        True,
    ),
    "GS makes channel 10 melodic": (GS + gs_rhythm_part(0, 0) + program(8, channel=9) + note(36, channel=9), False),
    "XG bank 127": (XG + control(0, 127, channel=2) + ON_CHANNEL_3, True),
    "XG bank 126": (XG + control(0, 126, channel=2) + ON_CHANNEL_3, True),
    "XG bank 64 of melodic effects": (XG + control(0, 64, channel=2) + ON_CHANNEL_3, False),
    "XG bank 127 left again": (
        XG + control(0, 127, channel=2) + program(0, channel=2) + control(0, 0, channel=2) + ON_CHANNEL_3,
        False,
    ),
    "a bank takes effect with the next program": (
        XG + program(8, channel=2) + control(0, 127, channel=2) + note(36, channel=2),
        False,
    ),
    "XG part mode": (XG + event(bytes.fromhex("f0 08 43 10 4c 08 02 07 01 f7")) + ON_CHANNEL_3, True),
    "XG part mode makes channel 10 melodic": (
        XG + event(bytes.fromhex("f0 08 43 10 4c 08 09 07 00 f7")) + note(36, channel=9),
        False,
    ),
    "bank 127 of GS holds melodies": (GS + control(0, 127, channel=2) + ON_CHANNEL_3, False),
    "bank 127 where no standard is named": (control(0, 127, channel=2) + ON_CHANNEL_3, True),
    "GM2 bank 120": (GM2 + control(0, 120, channel=2) + ON_CHANNEL_3, True),
    "GM2 bank 121 makes channel 10 melodic": (
        GM2 + control(0, 121, channel=9) + program(8, channel=9) + note(36, channel=9),
        False,
    ),
}


@pytest.mark.parametrize(("track", "is_drum"), DRUM_CHANNELS.values(), ids=DRUM_CHANNELS)
def test_drums_by_the_standard_that_the_file_names(track, is_drum):
    (found,) = read_midi(midi(track, kind=0)).tracks
    assert found.is_drum == is_drum


def test_controllers_go_to_the_tracks_that_they_sound_on():
    steering = control(7, 100) + control(7, 30, channel=5)
    score = read_midi(midi(steering, control(7, 90) + note(60) + note(62, channel=1)))
    assert [[(c.number, c.value) for c in track.controls] for track in score.tracks] == [[(7, 100), (7, 90)], []]


def test_a_program_begins_with_the_settings_of_its_channel():
    track = control(7, 50) + note(60) + control(7, 90) + control(10, 20) + program(40) + control(7, 99) + note(62)
    first, second = read_midi(midi(track)).tracks
    assert [(c.number, c.value) for c in first.controls] == [(7, 50), (7, 90), (10, 20)]
    assert [(c.number, c.value) for c in second.controls] == [(7, 50), (7, 90), (10, 20), (7, 99)]


def test_a_pedal_is_for_every_track_of_its_channel():
    score = read_midi(midi(control(64, 127, delta=100) + control(64, 63, delta=400), note(60), note(62)))
    assert [[(p.time, p.duration) for p in track.pedals] for track in score.tracks] == [[(100, 400)]] * 2


def test_a_pedal_that_is_never_lifted_is_down_to_the_end():
    score = read_midi(midi(control(64, 64) + note(60, duration=960)))
    assert [(p.time, p.duration) for p in score.tracks[0].pedals] == [(0, 960)]
