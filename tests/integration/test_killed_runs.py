"""Preparations of which one process alone is killed: they end, or go on, with the same bytes."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from made_up_music import melody_score, random_melody
from programs import ROOT, TRAIN, run_script

from symbolic_music.score.midi.io import write_midi

COMMAND = [sys.executable, str(TRAIN / "prepare_dataset.py")]


def content(folder):
    """Every file of a dataset but the card, which tells the command and so the folder's name."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "README.md"}


def below(pid):
    """Every process that a process began, and those that these began."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text().split()):
                found += [child, *below(child)]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["none", "local"])
def test_one_process_of_a_run_killed_at_any_moment_costs_no_byte(tmp_path, engine):
    """The driver alone, whose workers have to notice it, or one of these; `bench_killed.py` does it more often."""
    if engine == "local":
        pytest.importorskip("datatrove", reason="datatrove is not installed (pip extra 'cluster')")
    (tmp_path / "music").mkdir()
    for number in range(1_100):
        write_midi(melody_score(random_melody(number, 24)), tmp_path / "music" / f"{number:04d}.mid")
    arguments = ["--midi-dir", tmp_path / "music", "--num-workers", 2, "--engine", engine, "--tasks", 3, "--output"]
    began = time.monotonic()
    assert run_script("prepare_dataset", *arguments, tmp_path / "straight", fresh=True).returncode == 0
    seconds = time.monotonic() - began
    for number, share in enumerate(np.random.default_rng(0).uniform(0.3, 1, 4)):
        killed = tmp_path / f"killed{number}"
        command = [*COMMAND, *map(str, arguments), str(killed)]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds * share)
        workers = below(process.pid)
        with suppress(OSError):  # one that has just ended by itself
            os.kill(process.pid if number % 2 or not workers else workers[-1], signal.SIGKILL)
        process.wait(120)
        resumed = run_script("prepare_dataset", *arguments, killed)
        assert resumed.returncode == 0, resumed.stderr
        assert content(killed) == content(tmp_path / "straight")
        end = time.monotonic() + 30
        while any(map(is_running, workers)) and time.monotonic() < end:
            time.sleep(0.1)
        assert not any(map(is_running, workers))


def is_running(pid):
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
