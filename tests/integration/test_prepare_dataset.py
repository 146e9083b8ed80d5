"""train/prepare_dataset.py as a user runs it: real corpora, hostile files, a kill in the middle, clear errors."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from datasets import load_dataset
from symusic.core import NoteTick, ScoreTick, TrackTick

from symbolic_music.score.midi.io import read_midi, write_midi

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, str(ROOT / "train" / "prepare_dataset.py")]


def run(*arguments, **options):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, timeout=300, **options
    )


def loaded(folder, tmp_path):
    return load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))


def content(folder):
    """Every file of a dataset but the card, which tells the command and so the folder's name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "README.md"
    }


def write_melodies(folder, count):
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        track = TrackTick("", 0, False)
        for step, pitch in enumerate(rng.integers(50, 80, 32)):
            track.notes.append(NoteTick(step * 240, 240, int(pitch), 80))
        score = ScoreTick(480)
        score.tracks.append(track)
        write_midi(score, folder / f"{number:05d}.mid")


def test_folk_tunes_from_the_installed_package(tmp_path):
    result = run("--corpus", "folk", "--limit", 60, "--output", tmp_path / "folk", "--num-workers", 2)
    assert result.returncode == 0, result.stderr
    assert "near-duplicate groups" in result.stdout
    dataset = loaded(tmp_path / "folk", tmp_path)
    assert sum(map(len, dataset.values())) + result.stdout.count("duplicate: 1") == 60
    row = dataset["train"][0]
    assert row["source"] == "music21/airdsAirs"
    assert row["name"].startswith("book1.abc#")
    assert read_midi(row["midi"]).note_num() == row["notes"]
    card = (tmp_path / "folk" / "README.md").read_text()
    assert "--corpus folk --limit 60" in card
    assert "some encodings of its corpus may not be used for commercial uses" in card


def test_folders_of_every_kind_of_music(tmp_path, shared_data):
    folders = [("--midi-dir", shared_data("midi_song")), ("--abc-dir", shared_data("abc/open_hymnal"))]
    arguments = [part for pair in folders for part in pair]
    result = run(*arguments, "--limit", 260, "--output", tmp_path / "out", "--num-workers", 2)
    assert result.returncode == 0, result.stderr
    sources = {source for rows in loaded(tmp_path / "out", tmp_path).values() for source in rows["source"]}
    assert sources == {"midi_song", "open_hymnal"}


@pytest.mark.slow
def test_hostile_files_neither_crash_nor_hang(tmp_path, shared_data):
    result = run("--music-dir", shared_data("bad"), "--output", tmp_path / "out", "--num-workers", 2)
    assert result.returncode == 0, result.stderr
    summary = json.loads((tmp_path / "out" / "prepare.json").read_text())
    lines = (tmp_path / "out" / "skipped.jsonl").read_text().splitlines()
    kept = sum(count["pieces"] for count in summary["splits"].values())
    assert kept > 100
    assert len(lines) == sum(summary["skipped"].values()) > 100
    assert kept + len(lines) >= summary["plan"]["units"]
    assert all(json.loads(line)["refusal"] and json.loads(line)["detail"] for line in lines)
    for rows in loaded(tmp_path / "out", tmp_path).values():
        for midi, notes in zip(rows["midi"], rows["notes"], strict=True):
            assert read_midi(midi).note_num() == notes


@pytest.mark.slow
def test_a_killed_run_leaves_no_dataset_and_the_next_run_ends_with_the_same_bytes(tmp_path):
    write_melodies(tmp_path / "music", 1600)
    arguments = ("--midi-dir", tmp_path / "music", "--num-workers", 2, "--output")
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments), str(killed)], cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True
    )
    until = time.monotonic() + 200
    while not list(killed.glob(".work/shard-*.parquet")):
        assert process.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < until
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert [path.name for path in killed.iterdir()] == [".work"]
    shards = {path: path.stat().st_mtime_ns for path in killed.glob(".work/shard-*.parquet")}
    assert 1 <= len(shards) < 4

    resumed = run(*arguments, killed)
    assert resumed.returncode == 0, resumed.stderr
    straight = run(*arguments, tmp_path / "straight")
    assert straight.returncode == 0, straight.stderr
    assert content(killed) == content(tmp_path / "straight")
    first_bar = next(line for line in resumed.stderr.replace("\r", "\n").splitlines() if line)
    assert f" {512 * len(shards)}/1600" in first_bar, "the finished units were read again"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--corpus", "lakh"], "unknown corpus 'lakh': expected one of chorales, folk"),
        (["--midi-dir", "/nowhere"], "/nowhere: no such folder"),
        ([], "nothing to read: give --corpus, --midi-dir"),
        (
            ["--corpus", "folk", "--validation-fraction", "0.9", "--test-fraction", "0.2"],
            "validation=0.9 and test=0.2",
        ),
        (["--corpus", "folk", "--timeout", "-1"], "expected a timeout above 0 seconds, got -1.0"),
        (["--corpus", "folk", "--limit", "0"], "--limit: expected a number above 0, got 0"),
        (["--dataset", "/nowhere"], "/nowhere: cannot be opened as a dataset"),
    ],
)
def test_user_errors_are_one_line_and_exit_code_2(tmp_path, arguments, message):
    result = run(*arguments, "--output", tmp_path / "out", env={**os.environ, "HF_HUB_OFFLINE": "1"})
    assert result.returncode == 2
    assert message in result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()
