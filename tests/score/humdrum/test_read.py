"""What `**kern` says, read: each small file shows one thing."""

from fractions import Fraction
from pathlib import Path

import pytest

from symbolic_music.score.humdrum.read import read_humdrum_pieces


def read(text, name="a.krn"):
    (piece,) = read_humdrum_pieces(text.encode() if isinstance(text, str) else text, Path(name)).pieces
    return piece


def notes(piece, track=None):
    """Onset and duration in quarters, and pitch, of every note."""
    tracks = piece.score.tracks if track is None else [piece.score.tracks[track]]
    tpq = piece.score.ticks_per_quarter
    found = [
        (Fraction(note.time, tpq), Fraction(note.duration, tpq), note.pitch)
        for track in tracks
        for note in track.notes
    ]
    return sorted(found)


def kern(*lines, spines=1):
    """Records with one token for each spine, written with spaces between spines."""
    head = "\t".join(["**kern"] * spines)
    tail = "\t".join(["*-"] * spines)
    return "\n".join([head, *(line.replace("|", "\t") for line in lines), tail]) + "\n"


@pytest.mark.parametrize(
    ("token", "quarters", "pitches"),
    [
        ("4c", 1, [60]),
        ("4.cc#/", Fraction(3, 2), [73]),
        ("8..B-\\L", Fraction(7, 8), [58]),
        ("12CC", Fraction(1, 3), [36]),
        ("3%2ee", Fraction(8, 3), [76]),
        ("0g--", 8, [65]),
        ("00GGn;", 16, [43]),
        ("1%3f##", 12, [67]),
        ("2c 2e- 2gg", 2, [60, 63, 79]),
        ("(>16aX^L", Fraction(1, 4), [69]),
        ("2c e g", 2, [60, 64, 67]),
        ("4ccc#yy", 1, [85]),
    ],
)
def test_a_token_is_pitches_and_a_duration(token, quarters, pitches):
    assert notes(read(kern(token))) == [(0, quarters, pitch) for pitch in pitches]


@pytest.mark.parametrize("token", ["4r", "2.rdd", "1ryy", "4", "2yy/"])
def test_rests_and_spaces_make_no_sound(token):
    assert [note[2] for note in notes(read(kern(token, "4c")))] == [60]


def test_voices_follow_their_own_durations():
    piece = read(kern("1C|4c", ".|4d", ".|2e", "=|=", "2C|4g", ".|8a", ".|8b", spines=2))
    half = Fraction(1, 2)
    assert notes(piece, 0) == [(0, 1, 60), (1, 1, 62), (2, 2, 64), (4, 1, 67), (5, half, 69), (5 + half, half, 71)]
    assert notes(piece, 1) == [(0, 4, 48), (4, 2, 48)]
