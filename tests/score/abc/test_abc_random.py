"""Random tunes give the notes that they were made of, and abc2midi, an independent program, plays the same."""

import re
import subprocess
from fractions import Fraction

import pytest
from score.abc.random_tunes import random_tune
from symusic.factory import _ABC2MIDI

from symbolic_music.score.abc.io import parse_abc_tune, read_abc_tune
from symbolic_music.score.abc.write import abc_text
from symbolic_music.score.midi.io import read_midi


def voices(score):
    quarter = score.ticks_per_quarter
    return [
        sorted((Fraction(note.time, quarter), Fraction(note.duration, quarter), note.pitch) for note in track.notes)
        for track in score.tracks
    ]


@pytest.mark.parametrize("start", range(0, 150, 50))
def test_random_tunes_give_the_notes_they_were_made_of(start):
    for seed in range(start, start + 50):
        tune = random_tune(seed)
        if any(tune.voices):
            piece = read_abc_tune(tune.text)
            assert voices(piece.score) == [sorted(voice) for voice in tune.voices if voice], tune.text
            assert not set(piece.left_out) - {"decorations", "text", "grace notes"}, tune.text


@pytest.mark.parametrize("seed", range(0, 60, 5))
def test_random_tunes_survive_writing(seed):
    score = parse_abc_tune(random_tune(seed).text)
    assert voices(parse_abc_tune(abc_text(score))) == voices(score)


@pytest.mark.parametrize("seed", range(24))
def test_abc2midi_plays_random_tunes_alike(seed, tmp_path):
    tune = random_tune(seed)
    # It plays every repeat twice and ornaments as several notes, and overlooks an accidental right behind the mode.
    text = re.sub(r"~|!trill!|\.", "", tune.text.replace("|::", "|:").replace("::|", ":|").replace("Dm^c", "Dm ^c"))
    ours = sorted(note for voice in voices(parse_abc_tune(text)) for note in voice)
    theirs = played_by_abc2midi(text, tmp_path)
    assert [pitch for *_, pitch in ours] == [pitch for *_, pitch in theirs]
    # It plays an upbeat at once; the clocks differ by less than a tick of its 480.
    wait = ours[0][0] - theirs[0][0]
    for (onset, duration, _), (their_onset, their_duration, _) in zip(ours, theirs, strict=True):
        assert abs(onset - wait - their_onset) < 0.01
        assert abs(duration - their_duration) < 0.01


def played_by_abc2midi(text, folder):
    """Onset, duration (quarter notes) and pitch of each note that abc2midi plays, without grace notes and chords."""
    (folder / "tune.abc").write_text(text.replace("\n", "\n%%MIDI chordattack 0\n", 1))
    command = [str(_ABC2MIDI), "tune.abc", "-o", "tune.mid", "-silent", "-NFER", "-NGRA", "-NGUI"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=30, check=False)
    score = read_midi(folder / "tune.mid")
    # It begins each note one tick late, so that it never meets the one before.
    return sorted(
        (Fraction(note.time - 1, 480), Fraction(note.duration + 1, 480), note.pitch)
        for track in score.tracks
        for note in track.notes
    )
