"""What a file gives and something that cannot be had with it are refused in one line that says where they clash."""

import json

import pytest
from made_up_music import melody_score
from programs import run_command
from symusic.core import NoteTick, TimeSignatureTick, TrackTick
from test_contradictions import controls_of
from tiny_model import save_checkpoint

from symbolic_music.cli.shared import UserError
from symbolic_music.events.controls.asked import ControlError
from symbolic_music.events.controls.compiled import controlled, settle
from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.events.voices.abc_notes import AbcNotesCodec, AbcNotesSettings
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.metrics.control import kept_controls
from symbolic_music.score.files import read_scores
from symbolic_music.score.midi.io import write_midi

CODECS = {
    "remi": RemiCodec(),
    "abc": AbcNotesCodec(),
    "few": AbcNotesCodec(AbcNotesSettings(max_voices=1)),
    "wide": TrackTextCodec(TrackTextSettings(max_bars=8)),
    "tracks": TrackTextCodec(TrackTextSettings(max_bars=4, max_tracks=4)),
}
# Sixteen quarter notes in C, F sharp in bar 3.
PITCHES = (60, 62, 64, 65, 67, 69, 71, 72, 72, 66, 69, 67, 65, 64, 62, 60)


def melody():
    return melody_score(PITCHES, program=40, quarters=1)


def chorale():
    """A melody with a second one that crosses it, of one instrument, and a cello below."""
    score = melody()
    for pitches, program in (((59,) * 8, 40), ((48,) * 4, 42)):
        track = TrackTick("", program, False)
        length = 16 * 480 // len(pitches)
        track.notes = [NoteTick(number * length, length, pitch, 80) for number, pitch in enumerate(pitches)]
        score.tracks.append(track)
    return score


def changing():
    score = melody()
    score.time_signatures.append(TimeSignatureTick(8 * 480, 3, 4))
    return score


def long():
    return melody_score(PITCHES * 2, program=40, quarters=1)


def crowded():
    """In bar 2 one pitch comes again after a hundredth of a quarter note."""
    score = melody()
    score.tracks[0].notes.append(NoteTick(4 * 480 + 5, 100, 67, 80))
    return score


FILES = {score.__name__: score for score in (melody, chorale, changing, long, crowded)}
# (flags, codec, what the line says)
REFUSED = [
    ("--keep melody.mid --key C", "remi", "clash: bar 3 of the file has pitch 66"),
    ("--pitches melody.mid --key C", "abc", "clash: bar 3 of the file has pitch 66"),
    ("--keep melody.mid --range Violin:C4-B4", "abc", "clash: bar 2 of the file has pitch 72"),
    ("--keep melody.mid --bars 3", "remi", "melody.mid and 3 bars clash: the file has 4"),
    ("--rhythm melody.mid --bars 5", "abc", "melody.mid and 5 bars clash: the file has 4"),
    ("--rhythm melody.mid --bars 3", "tracks", "melody.mid and 3 bars clash: the file has 4"),
    ("--keep melody.mid --meter 3/4", "remi", "and the meter 3/4 clash: bar 1 of the file is in 4/4"),
    ("--keep changing.mid --chords C", "abc", "and the meter 4/4 clash: bar 3 of the file is in 3/4"),
    ("--rhythm changing.mid", "wide", "changing.mid: bar 3 changes the meter from 4/4 to 3/4"),
    ("--keep long.mid", "tracks", "long.mid: bar 5 of 8 lies outside a window of 4"),
    ("--keep melody.mid --instruments Flute", "remi", "clash: Violin does not play there"),
    ("--rhythm chorale.mid --instruments Flute,Oboe", "abc", "clash: the file has Violin, Cello"),
    ("--pitches melody.mid --with-instruments Flute", "remi", "the file has no Flute"),
    ("--rhythm chorale.mid --pitches melody.mid", "remi", "they are of different instruments"),
    ("--keep chorale.mid --rhythm melody.mid", "abc", "Cello does not play there"),
    ("--keep chorale.mid", "few", "that this model cannot write beside the others"),
    ("--rhythm crowded.mid", "remi", "bar 2 has a note (pitch 67) that this model cannot write beside the others"),
    ("--rhythm melody.mid --density 0-3", "remi", "clash: bar 1 of the file has 4"),
    ("--rhythm melody.mid --polyphony 2", "tracks", "clash: bar 1 of the file begins 1 together"),
    ("--pitches chorale.mid --polyphony 1", "remi", "of the file begins 2 together"),
    (
        "--pitches long.mid --bars 1 --meter 1/16",
        "abc",
        "32 notes of one voice, one after the other, do not fit 1 bars",
    ),
    ("--keep melody.mid --rhythm changing.mid", "remi", "meters differ"),
    ("--keep melody.mid --chords F#", "remi", "no piece can have chords F# and the notes of"),
    ("--rhythm melody.mid --max-repeats 0 --range C4-C4", "abc", "no piece can have"),
    ("--keep missing.mid", "remi", "missing.mid"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    for name, score in FILES.items():
        write_midi(score(), folder / f"{name}.mid")
    return folder


@pytest.mark.parametrize(("flags", "codec", "complaint"), REFUSED, ids=[flags for flags, _, _ in REFUSED])
def test_what_cannot_be_had_with_a_file_is_refused_in_one_line(flags, codec, complaint, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises((UserError, ControlError)) as refusal:
        controlled(CODECS[codec], settle(CODECS[codec], controls_of(flags)))
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("flags", ["--keep", "--rhythm", "--pitches"])
def test_the_command_keeps_what_a_file_gives(flags, folder, tmp_path):
    model = save_checkpoint(tmp_path / "model")
    file = folder / "short.mid"
    score = melody_score(PITCHES[:4], quarters=1)
    score.tracks[0].notes[1].time += 3  # off every grid
    write_midi(score, file)
    done = run_command(
        "generate",
        flags,
        str(file),
        "--model",
        str(model),
        "--num-samples",
        "2",
        "--output-dir",
        str(tmp_path / "out"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("1 of 4 notes are moved to the model's grid, the first in bar 1") == 1
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["controls"] == {flags[2:]: str(file)}
    asked = settle(CODECS["remi"], controls_of(f"{flags} {file}"))
    for path in sorted((tmp_path / "out").glob("*.mid")):
        assert all(kept_controls(read_scores(path)[0], asked).values())


def test_the_command_says_a_clash_on_one_line_with_exit_code_2(folder, tmp_path):
    model = save_checkpoint(tmp_path / "model")
    done = run_command(
        "generate", "--keep", str(folder / "melody.mid"), "--key", "C", "--model", str(model),
        "--output-dir", str(tmp_path / "out"),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert "clash: bar 3 of the file has pitch 66" in done.stderr
