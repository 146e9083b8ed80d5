"""The page's modules in node, for tests that hold them against the package."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

from symbolic_music.studio import PAGE

NODE = shutil.which("node")


def run_page(place, **job):
    (place / "job.json").write_text(json.dumps(job))
    # The page's files are modules by how they are named in HTML; node is told so by a package.json beside a copy.
    page = place / "page"
    shutil.copytree(PAGE, page, dirs_exist_ok=True)
    (page / "package.json").write_text('{"type": "module"}')
    script = Path(__file__).with_name("parity.mjs")
    done = subprocess.run(
        [NODE, script, page, place / "job.json"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def values(seed, step, count):
    """(count,) float32 from 0 to 1, which both languages compute alike."""
    x = np.arange(count, dtype=np.uint32) * np.uint32(2654435761)
    x = x + np.uint32((seed * 40503 + step * 2246822519) % 2**32)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(2246822519)
    x = x ^ (x >> np.uint32(13))
    return (x >> np.uint32(8)).astype(np.float32) / np.float32(2**24)


def notes_of(score):
    """By program, the notes in order, drums as -1."""
    found = {}
    for track in score.tracks:
        notes = [(note.time, note.duration, note.pitch, note.velocity) for note in track.notes]
        found.setdefault(-1 if track.is_drum else track.program, []).extend(notes)
    return {program: sorted(notes) for program, notes in found.items()}
