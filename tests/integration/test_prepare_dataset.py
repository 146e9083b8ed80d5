"""train/prepare_dataset.py as a user runs it: real corpora, hostile files, a kill in the middle, clear errors."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from datasets import load_dataset
from programs import ROOT, TRAIN, run_command, run_script
from symusic.core import NoteTick, ScoreTick, TrackTick

from symbolic_music.score.midi.io import midi_bytes, read_midi, write_midi
from symbolic_music.score.musicxml.write import musicxml_text
from symbolic_music.score.transforms.edit import transpose

COMMAND = [sys.executable, str(TRAIN / "prepare_dataset.py")]


def run(*arguments, **options):
    return run_script("prepare_dataset", *arguments, **options)


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


KERN = "!!!COM: Anon, A.\n!!!OTL: A Song\n!!!YEM: CC BY 4.0\n**kern\n*M4/4\n{}*-\n"
ABC = 'X:{0}\nT:Tune {0}\nM:4/4\nL:1/4\nK:Ador\n"Am"A{1}cd|"G7"e{1}fg|"Am"a{1}ge|"G"d{1}BG|]\n\n'


def melody_bytes(seed, length=32, lowest=50):
    track = TrackTick("", 0, False)
    for step, pitch in enumerate(np.random.default_rng(seed).integers(lowest, 80, length)):
        track.notes.append(NoteTick(step * 240, 240, int(pitch), 80))
    score = ScoreTick(480)
    score.tracks.append(track)
    return midi_bytes(score)


def kern_bytes(seed):
    notes = np.random.default_rng(seed).choice(list("cdefgab"), 16)
    bars = ["".join(f"4{note}\n" for note in notes[start : start + 4]) for start in range(0, 16, 4)]
    return KERN.format("=\n".join(bars)).encode()


def mixed_files(count):
    """Music in several formats, names of several kinds, and what is to be refused."""
    files = {f"midi/{seed}.mid": melody_bytes(100 + seed) for seed in range(count)}
    files |= {f"kern/{seed}.krn": kern_bytes(1_000 + seed) for seed in range(count)}
    files |= {
        "books/book.abc": "".join(ABC.format(number, "ABcdefg"[number]) for number in range(1, 7)).encode(),
        "/abs/../b\udcff.mid": melody_bytes(9_001),
        "midi/broken.mid": b"no music",
        "info.csv": b"a,b",
        "LICENSE": b"CC0 1.0 Universal",
        "inner.zip": b"PK",
        "__MACOSX/midi/._0.mid": b"fork",
    }
    return files


def write_tar(path, files):
    with tarfile.open(path, "w:xz", encoding="utf-8", errors="surrogateescape") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def write_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def test_archives_and_folders_become_one_dataset(tmp_path):
    write_melodies(tmp_path / "music", 6)
    archive = write_tar(tmp_path / "scores.tar.xz", mixed_files(6))
    other = write_zip(tmp_path / "more.zip", {f"{seed}.mid": melody_bytes(500 + seed) for seed in range(6)})
    arguments = ("--music-dir", tmp_path / "music", "--archive", archive, "--archive", other, "--license", "more=mine")
    result = run(*arguments, "--output", tmp_path / "out", "--num-workers", 2, "--timeout", 120)
    assert result.returncode == 0, result.stderr
    assert "scores.tar.xz: 3 files of other types: .csv (1), macOS resource forks (1), no suffix (1)" in result.stdout
    lines = [json.loads(line) for line in (tmp_path / "out" / "skipped.jsonl").read_text().splitlines()]
    assert {(line["name"], line["refusal"]) for line in lines} == {
        ("midi/broken.mid", "not_music"),
        ("inner.zip", "nested_archive"),
    }
    rows = {(row["source"], row["name"]): row for part in loaded(tmp_path / "out", tmp_path).values() for row in part}
    assert len(rows) == 6 + 6 + 6 + 6 + 6 + 1
    assert ("scores", "abs/b\\xff.mid") in rows
    assert rows["scores", "midi/0.mid"]["license"] == "CC0 1.0 Universal (as LICENSE in scores.tar.xz says)"
    assert rows["more", "0.mid"]["license"] == "mine"
    kern = rows["scores", "kern/0.krn"]
    assert (kern["composer"], kern["title"], kern["license"]) == ("Anon, A.", "A Song", "CC BY 4.0")
    tune = rows["scores", "books/book.abc#1 Tune 1"]
    assert tune["key"] == "Ador"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "more.zip", "music", "out", "scores.tar.xz"]


@pytest.mark.slow
def test_a_run_over_archives_killed_at_any_moment_ends_with_the_same_bytes(tmp_path):
    archive = write_tar(tmp_path / "scores.tar.xz", mixed_files(700))
    arguments = ("--archive", archive, "--num-workers", 2, "--timeout", 120, "--output")
    straight = run(*arguments, tmp_path / "straight")
    assert straight.returncode == 0, straight.stderr
    killed = tmp_path / "killed"
    for moment in (".work", ".work/shard-000000000.parquet", ".work/shard-000000512.parquet", ".work/assembled"):
        process = subprocess.Popen(
            [*COMMAND, *map(str, arguments), str(killed)], cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until = time.monotonic() + 200
        while not (killed / moment).exists() and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    resumed = run(*arguments, killed)
    assert resumed.returncode == 0, resumed.stderr
    assert content(killed) == content(tmp_path / "straight")


def test_a_run_that_cannot_deal_its_splits_says_what_was_skipped(tmp_path):
    write_melodies(tmp_path / "music", 2)
    for number in range(38):
        (tmp_path / "music" / f"z{number}.mid").write_text("no MIDI")
    result = run("--music-dir", tmp_path / "music", "--output", tmp_path / "out", "--num-workers", 2)
    assert result.returncode == 2
    line = result.stderr.strip().splitlines()[-1]
    assert "2 near-duplicate groups cannot fill 3 splits" in line
    assert "38 skipped: not_music (38); see " in line
    assert len((tmp_path / "out" / "skipped.jsonl").read_text().splitlines()) == 38


@pytest.mark.parametrize("kind", ["cut off", "absent", "no music"])
def test_an_archive_that_cannot_be_read_is_one_line_and_exit_code_2(tmp_path, kind):
    path = write_tar(tmp_path / "x.tar.xz", {"a.mid": melody_bytes(0), "b.mid": melody_bytes(1, 2_000)})
    if kind == "cut off":
        path.write_bytes(path.read_bytes()[:-200])
    elif kind == "absent":
        path.unlink()
    else:
        write_tar(path, {"a.txt": b"words"})
    result = run("--archive", path, "--output", tmp_path / "out")
    assert result.returncode == 2
    (line,) = [line for line in result.stderr.splitlines() if line]
    assert line.startswith(f"symbolic-music: {path}: ")
    assert "x.tar.xz" in line
    assert not (tmp_path / "out").exists()


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
        (["--corpus", "polkas"], "unknown corpus 'polkas': expected one of "),
        (["--midi-dir", "/nowhere"], "/nowhere: no such folder"),
        ([], "nothing to read: give --corpus, --midi-dir"),
        (
            ["--corpus", "folk", "--validation-fraction", "0.9", "--test-fraction", "0.2"],
            "validation=0.9 and test=0.2",
        ),
        (["--corpus", "folk", "--timeout", "-1"], "expected a timeout above 0 seconds, got -1.0"),
        (["--corpus", "folk", "--limit", "0"], "--limit: expected a number above 0, got 0"),
        (["--dataset", "/nowhere"], "/nowhere: cannot be opened as a dataset"),
        (["--corpus", "folk", "--tasks", "0"], "--tasks: expected a number above 0, got 0"),
        (["--corpus", "folk", "--engine", "local", "--engine-option", "cpu"], "is 'cpu'; expected KEY=VALUE"),
        (["--corpus", "folk", "--limit", "9", "--engine", "slurm"], "options of slurm: "),
    ],
)
def test_user_errors_are_one_line_and_exit_code_2(tmp_path, arguments, message):
    result = run(*arguments, "--output", tmp_path / "out", expected=2)
    assert message in result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_tasks_prepare_what_one_process_does(tmp_path):
    """From another folder, by names relative to it."""
    pytest.importorskip("datatrove", reason="datatrove is not installed (pip extra 'cluster')")
    write_melodies(tmp_path / "music", 30)
    run("--midi-dir", tmp_path / "music", "--output", tmp_path / "plain", expected=0)
    by_tasks = ["--engine", "local", "--tasks", "3", "--num-workers", "2"]
    run("--midi-dir", "music", "--output", "tasks", *by_tasks, folder=tmp_path, fresh=True, expected=0)
    assert content(tmp_path / "tasks") == content(tmp_path / "plain")


RECIPE = """
title: Two of three
archive: [songs.zip, closed.zip]
midi_dir: [melodies]
accept_license: [CC0, public domain]
credits:
  songs: {title: The Songs, by: Nobody, url: "https://example.org", license: CC0, kind: songs}
  closed: {license: CC BY-NC 4.0}
  melodies: {license: public domain}
"""


def test_a_recipe_joins_formats_refuses_licences_and_names_everyone(tmp_path):
    # Of a range that fits one staff: two staves would be two tracks.
    scores = [read_midi(melody_bytes(seed, lowest=62)) for seed in range(8)]
    higher = {f"{seed}.musicxml": musicxml_text(transpose(score, 3)).encode() for seed, score in enumerate(scores)}
    write_zip(tmp_path / "songs.zip", higher)
    write_zip(tmp_path / "closed.zip", {f"{seed}.mid": melody_bytes(50 + seed) for seed in range(2)})
    (tmp_path / "melodies").mkdir()
    for seed, score in enumerate(scores):
        write_midi(score, tmp_path / "melodies" / f"{seed}.mid")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    arguments = ("--config", tmp_path / "recipe.yaml", "--root", tmp_path, "--output", tmp_path / "out")
    result = run(*arguments, "--num-workers", 1, "--timeout", 120)
    assert result.returncode == 0, result.stderr
    assert "skipped, license: 2" in result.stdout
    rows = [row for part in loaded(tmp_path / "out", tmp_path).values() for row in part]
    groups = {(row["source"], row["name"].partition(".")[0]): row["group"] for row in rows}
    assert all(groups["songs", str(seed)] == groups["melodies", str(seed)] for seed in range(8))
    assert len(set(groups.values())) == 8
    assert {(row["source"], row["license"]) for row in rows} == {("songs", "CC0"), ("melodies", "public domain")}
    card, credits = ((tmp_path / "out" / name).read_text() for name in ("README.md", "ATTRIBUTION.md"))
    assert "# Two of three\n" in card
    assert "(overview.png)" in card
    assert "| songs | songs | 8 |" in card
    assert (tmp_path / "out" / "overview.png").stat().st_size > 10_000
    assert "## The Songs\n\n- by: Nobody\n- from: https://example.org\n- songs: 8 pieces, CC0" in credits


@pytest.mark.slow
def test_the_same_song_as_musicxml_and_as_midi_is_one_group(tmp_path, shared_data):
    paths = sorted(shared_data("midi_song/openscore_lieder").glob("*.mid"))[:4]
    assert len(paths) == 4
    with zipfile.ZipFile(shared_data("corpora/openscore-lieder.zip")) as archive:
        by_number = {Path(name).stem: name for name in archive.namelist()}
        songs = {path.stem: archive.read(by_number[f"lc{path.stem.removeprefix('lc')}"]) for path in paths}
    write_zip(tmp_path / "songs.zip", {f"{name}.mxl": data for name, data in songs.items()})
    (tmp_path / "midi").mkdir()
    for path in paths:
        (tmp_path / "midi" / path.name).write_bytes(path.read_bytes())
    arguments = ("--archive", tmp_path / "songs.zip", "--midi-dir", tmp_path / "midi", "--output", tmp_path / "out")
    result = run(*arguments, "--validation-fraction", 0, "--test-fraction", 0)
    assert result.returncode == 0, result.stderr
    rows = loaded(tmp_path / "out", tmp_path)["train"]
    groups = {(row["source"], Path(row["name"]).stem): row["group"] for row in rows}
    assert all(groups["songs", path.stem] == groups["midi", path.stem] for path in paths)


def test_the_command_and_the_script_are_one(tmp_path):
    """Word for word, but for the name by which a dataset says that it was made."""
    write_melodies(tmp_path / "music", 6)
    (tmp_path / "recipe.yaml").write_text("midi_dir: music\nseed: 3\nvalidation_fraction: 0.2\n")
    recipe = ("--config", tmp_path / "recipe.yaml", "--root", tmp_path, "--num-workers", 1, "--seed", 4)
    run_command("prepare", *recipe, "--output", tmp_path / "command", expected=0)
    assert run(*recipe, "--output", tmp_path / "script").returncode == 0
    ours, theirs = (json.loads((tmp_path / name / "prepare.json").read_text()) for name in ("command", "script"))
    assert ours["split_hash"] == theirs["split_hash"]
    assert ours["splits"] == theirs["splits"]
    missing = run_command("prepare", "--config", tmp_path / "recipe.yaml", expected=2)
    assert missing.stderr.startswith("symbolic-music: the following arguments are required: --output")
