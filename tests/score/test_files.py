import json
import os
import subprocess
import sys

import pytest
from score.scores import HOSTILE_ABC, HOSTILE_MIDI, scale

from symbolic_music.score import storage
from symbolic_music.score.checks import Refusal, ScoreError
from symbolic_music.score.files import MUSIC_SUFFIXES, read_scores
from symbolic_music.score.midi.io import write_midi

# Reads every file named on standard input, one after the other, and says what became of each; one process for all, so
# that what a hostile file leaves broken behind it shows in the next.
READ_ALL = """
import json, os, sys
from symbolic_music.score.checks import ScoreError
from symbolic_music.score.files import read_scores
paths = json.load(sys.stdin)
report = os.fdopen(os.dup(1), "w")
printed = os.memfd_create("printed")
os.dup2(printed, 1)
outcomes = {}
for path in paths:
    try:
        outcomes[path] = len(read_scores(path))
    except ScoreError as error:
        outcomes[path] = error.refusal
json.dump({"outcomes": outcomes, "printed": os.lseek(printed, 0, os.SEEK_END)}, report)
"""


def read_all(paths) -> dict[str, int | str]:
    """The number of Scores in each file, or its refusal; fails on anything printed, a crash, or two minutes."""
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL],
        input=json.dumps([str(path) for path in paths]),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert report["printed"] == 0
    return report["outcomes"]


def test_hostile_files_are_read_or_refused_by_name(tmp_path):
    for number, data in enumerate(HOSTILE_MIDI.values()):
        (tmp_path / f"{number:03}.mid").write_bytes(data)
    for number, text in enumerate(HOSTILE_ABC.values()):
        (tmp_path / f"{number:03}.abc").write_text(text)
    outcomes = read_all(sorted(tmp_path.iterdir()))
    assert len(outcomes) == len(HOSTILE_MIDI) + len(HOSTILE_ABC)
    assert all(outcome in set(Refusal) or outcome >= 1 for outcome in outcomes.values())


def test_every_broken_file_of_the_collections_is_read_or_refused_by_name(shared_data):
    files = sorted(path for path in shared_data("bad").rglob("*") if path.is_file())
    outcomes = read_all(files)
    assert len(outcomes) == len(files) > 200
    assert all(outcome in set(Refusal) or outcome >= 1 for outcome in outcomes.values())
    assert sum(isinstance(outcome, int) for outcome in outcomes.values()) > 100


@pytest.mark.parametrize(
    ("folder", "at_least"),
    [("midi_multi/freedoom", 112), ("midi_multi/simutrans", 53), ("midi_song/openscore_lieder", 247)],
)
def test_real_music_is_read(shared_data, folder, at_least):
    outcomes = read_all(sorted(shared_data(folder).rglob("*.mid")))
    assert len(outcomes) >= at_least
    assert set(outcomes.values()) == {1}


def test_suffixes_are_told_apart_in_any_case(tmp_path):
    write_midi(scale(), tmp_path / "SCALE.MID")
    (tmp_path / "book.ABC").write_text("X:1\nL:1/4\nK:C\nCDEF|\n\nX:2\nL:1/4\nK:C\nGABc|\n")
    assert [len(read_scores(path)) for path in (tmp_path / "SCALE.MID", tmp_path / "book.ABC")] == [1, 2]
    assert {".mid", ".midi", ".abc", ".musicxml", ".mxl"} <= set(MUSIC_SUFFIXES)


def refusal_of(path) -> ScoreError:
    with pytest.raises(ScoreError) as caught:
        read_scores(path)
    assert str(path) in str(caught.value)
    return caught.value


def test_what_is_no_music_file_is_refused_by_name(tmp_path):
    (tmp_path / "empty.mid").touch()
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "folder.mid").mkdir()
    assert refusal_of(tmp_path / "gone.mid").refusal is Refusal.MISSING_FILE
    assert refusal_of(tmp_path / "gone.txt").refusal is Refusal.MISSING_FILE
    assert refusal_of(tmp_path / "empty.mid").refusal is Refusal.EMPTY_FILE
    assert refusal_of(tmp_path / "notes.txt").refusal is Refusal.UNSUPPORTED_FORMAT
    assert refusal_of(tmp_path / "folder.mid").refusal is Refusal.UNREADABLE
    assert refusal_of(tmp_path).refusal is Refusal.UNREADABLE


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.mid")
    assert refusal_of(tmp_path / "pipe.mid").refusal is Refusal.UNREADABLE


@pytest.mark.parametrize("suffix", [".mid", ".abc", ".musicxml", ".mxl", ".txt"])
def test_a_file_of_two_gigabytes_is_refused_unread(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"huge{suffix}"
    with path.open("wb") as file:
        file.truncate(2 * 2**30)
    monkeypatch.setattr(storage.Path, "open", lambda *_: pytest.fail("the file was opened"))
    assert refusal_of(path).refusal is Refusal.FILE_TOO_LARGE


def test_a_midi_file_without_notes_is_refused(tmp_path):
    write_midi(scale(bars=0), tmp_path / "silent.mid")
    assert refusal_of(tmp_path / "silent.mid").refusal is Refusal.NO_NOTES
