"""Played rhythm becomes readable, and what is written stays as it is."""

from itertools import pairwise

import numpy as np
from score.scores import make_score

from symbolic_music.score.layout.readable import TICKS_PER_QUARTER, readable_rhythm


def notes(score):
    """Onset, duration and pitch, in 480ths of a quarter note."""
    unit = TICKS_PER_QUARTER // 480
    return [(note.time / unit, note.duration / unit, note.pitch) for note in readable_rhythm(score).tracks[0].notes]


def test_septuplets_stay():
    written = [(720 * place, 720, 60 + place) for place in range(7)] + [(5040, 5040, 72)]
    copy = readable_rhythm(make_score(written, tpq=5040))
    assert [(note.time, note.duration) for note in copy.tracks[0].notes][:7] == [
        (1440 * place, 1440) for place in range(7)
    ]


def test_written_rhythm_stays():
    written = [(0, 480, 60), (480, 240, 62), (720, 240, 64), (960, 160, 65), (1120, 160, 67), (1280, 160, 69)]
    written += [(1440, 96, 71), (1536, 96, 72), (1632, 96, 74), (1728, 96, 76), (1824, 96, 77), (1920, 60, 79)]
    assert notes(make_score(written)) == written


def test_a_played_scale_is_quarter_notes():
    late = np.random.default_rng(0).integers(-17, 18, size=16)
    played = [(max(480 * place + int(late[place]), 0), 400 + int(late[place]), 60 + place) for place in range(16)]
    found = notes(make_score(played))
    assert found[:-1] == [(480 * place, 480, 60 + place) for place in range(15)]


def test_gate_times_are_filled_up():
    played = [(240 * place, 200, 60 + place) for place in range(8)]
    assert [duration for _, duration, _ in notes(make_score(played))][:-1] == [240] * 7


def test_drums_last_to_the_next_stroke_or_the_beat():
    hits = [(0, 30, 42), (240, 30, 42), (480, 30, 38), (0, 30, 36)]
    assert sorted(notes(make_score(hits, is_drum=True))) == [
        (0, 240, 42),
        (0, 480, 36),
        (240, 240, 42),
        (480, 480, 38),
    ]


def test_notes_of_one_pitch_do_not_overlap():
    found = notes(make_score([(0, 960, 60), (480, 480, 60), (960, 480, 60)]))
    assert all(one[0] + one[1] <= two[0] for one, two in pairwise(found))


def test_tempos_meters_and_keys_keep_their_places():
    score = make_score([(0, 96, 60)], meters=[(0, 3, 4), (288, 2, 4)], tempos=[(0, 90.0), (96, 100.0)], tpq=96)
    copy = readable_rhythm(score)
    assert [(meter.time, meter.numerator) for meter in copy.time_signatures] == [(0, 3), (3 * TICKS_PER_QUARTER, 2)]
    assert [tempo.time for tempo in copy.tempos] == [0, TICKS_PER_QUARTER]
