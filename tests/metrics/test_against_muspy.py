"""The metrics against MusPy's own, on real pieces, both fed the same notes.

    pip install --target FOLDER --no-deps muspy==0.5.0 bidict pypianoroll miditoolkit
    PYTHONPATH=FOLDER pytest …

`--no-deps`, since all else that MusPy needs comes with the `test` extra.
"""

import random

import pytest
from metrics.pieces import melody, piece

from symbolic_music.metrics.features import pitch, rhythm, texture
from symbolic_music.score.bars import bar_table
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.midi.io import read_midi

muspy = pytest.importorskip("muspy", reason="muspy is not installed; see this file's first lines")

FOLDERS = {"midi_multi": 40, "midi_piano": 40, "midi_satb": 80, "midi_song": 50}
"""How many files of each; a few of them hold no pitched note, for which MusPy has no values."""
PAIRS = {
    "pitch range": (pitch.pitch_range, muspy.pitch_range, {}),
    "pitch-class entropy": (pitch.pitch_class_entropy, muspy.pitch_class_entropy, {}),
    "scale consistency": (pitch.scale_consistency, muspy.scale_consistency, {}),
    "polyphony": (texture.polyphony, muspy.polyphony, {}),
    "polyphony rate": (texture.polyphony_rate, muspy.polyphony_rate, {"at_least": 3}),
    "empty-beat rate": (texture.empty_beat_rate, muspy.empty_beat_rate, {"as_muspy": True}),
    "groove consistency": (rhythm.groove_consistency, None, {"as_muspy": True}),
}


def as_muspy(score):
    """The very notes, by MusPy's classes."""
    tracks = [
        muspy.Track(
            track.program,
            track.is_drum,
            notes=[muspy.Note(note.time, note.pitch, note.duration, note.velocity) for note in track.notes],
        )
        for track in score.tracks
    ]
    return muspy.Music(resolution=score.ticks_per_quarter, tracks=tracks)


def assert_equal(score, music, tolerance=1e-9):
    length = int(bar_table(score).lengths[0])
    for name, (ours, theirs, options) in PAIRS.items():
        expected = theirs(music) if theirs else muspy.groove_consistency(music, length)
        assert ours(score, **options) == pytest.approx(expected, abs=tolerance, rel=0), name


def real_files(shared_data) -> list:
    chosen = random.Random(0)
    return [
        path
        for folder, count in FOLDERS.items()
        for path in chosen.sample(sorted(shared_data(folder).rglob("*.mid")), count)
    ]


def has_pitches(score) -> bool:
    return any(len(track.notes) for track in score.tracks if not track.is_drum)


def test_made_up_pieces_agree():
    for score in (
        piece(melody(60, 62, 64, 65)),
        piece([(0, 2, 60), (1, 2, 60), (1, 0.25, 67)], drums=[(7, 0.5, 36)]),
        piece([(bar * 3 + beat, 1, 60 + bar) for bar in range(5) for beat in range(3)], meters=[(0, 3, 4)]),
    ):
        assert_equal(score, as_muspy(score))


@pytest.mark.slow
def test_two_hundred_files_agree_to_a_billionth(shared_data):
    compared = 0
    for path in real_files(shared_data):
        try:
            score = read_midi(path)
        except ScoreError:
            continue
        if has_pitches(score):
            assert_equal(score, as_muspy(score))
            compared += 1
    assert compared >= 200


@pytest.mark.slow
def test_muspys_own_reader_gives_the_same_values(shared_data):
    """Of chorales, where no two notes of a pitch overlap, which readers pair with their ends in different ways."""
    for path in sorted(shared_data("midi_satb").rglob("*.mid"))[::60]:
        assert_equal(read_midi(path), muspy.read_midi(path))
