"""MIDI -> ABC -> MIDI: notes kept by our exporter and by midi2abc, and how fast each writes, on one core.

    python tests/benchmarks/bench_abc_export.py [--every 1] [--music21-every 10]

A note is on the grid when its onset and duration are whole 480ths of a quarter note, the clock of abc2midi, which
reads both tunes back; it is kept when pitch, onset, duration and program (drums by themselves) come back. midi2abc
runs once for each file, as a user would run it; our figure includes reading the MIDI file and writing the tune. Both
run in turn on the same files, so that other work on the machine slows them alike; what the processor spent is given
beside.

"At most" is how many times faster we would be if the tune itself took no time to make: reading the MIDI file
with symusic and writing the finished text is all that is left then. music21, which takes a second or more for a file,
reads every tenth tune: it is to find notes, and no bar that disagrees with its meter.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from _report import report
from symusic.factory import _ABC2MIDI, _MIDI2ABC

from symbolic_music.score.abc.io import decode_abc, parse_abc_tune
from symbolic_music.score.abc.readers import differing_bars, music21_sound
from symbolic_music.score.abc.write import write_abc, written_bar_quarters
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.storage import write_atomically

FOLDERS = ("midi_multi", "midi_satb", "midi_song")
CLOCK = 480


def on_grid(score) -> Counter:
    """(program, onset, duration, pitch) of the notes on the grid, counted."""
    unit, notes = score.ticks_per_quarter, Counter()
    for track in score.tracks:
        program = -1 if track.is_drum else track.program
        columns = track.notes.numpy()
        for onset, duration, pitch in zip(
            *(columns[name].tolist() for name in ("time", "duration", "pitch")), strict=True
        ):
            if duration and onset * CLOCK % unit == 0 and duration * CLOCK % unit == 0:
                notes[program, onset * CLOCK // unit, duration * CLOCK // unit, pitch] += 1
    return notes


def kept(wanted: Counter, tune: Path) -> int:
    """How many of the notes abc2midi plays from a tune."""
    try:
        return (wanted & on_grid(parse_abc_tune(decode_abc(tune.read_bytes())))).total()
    except (ScoreError, OSError):
        return 0


def warns(tune: Path) -> bool:
    """Whether abc2midi has anything to say about a tune."""
    command = [str(_ABC2MIDI), tune.name, "-o", "checked.mid"]
    lines = subprocess.run(command, cwd=tune.parent, capture_output=True, check=False).stdout.splitlines()
    return any(b"abc2midi" not in line and not line.startswith(b"writing MIDI file") for line in lines)


def music21_reads(source: Path, tune: Path) -> bool:
    """Whether music21 reads a tune and finds all its bars as long as their meter."""
    bars = written_bar_quarters(read_midi(source))
    try:
        sound, voices = music21_sound(decode_abc(tune.read_bytes()))
    except Exception as error:  # music21 has no one kind of error
        print(f"{tune.name}: {type(error).__name__}: {error}", file=sys.stderr)
        return False
    return sound > 0 and not any(differing_bars(voice, bars) for voice in voices)


def timed(function, *arguments) -> tuple[float, float]:
    """Seconds on the wall and of the processor, children included."""
    wall, before = time.perf_counter(), processor_seconds()
    function(*arguments)
    return time.perf_counter() - wall, processor_seconds() - before


def processor_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def run_midi2abc(source: Path, tune: Path) -> None:
    command = [str(_MIDI2ABC), str(source), "-o", str(tune)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def run_ours(source: Path, tune: Path) -> None:
    write_abc(read_midi(source), tune)


def run_reading_and_writing(source: Path, tune: Path) -> None:
    """All of `run_ours` but making the text, which it finds finished."""
    read_midi(source)
    write_atomically(tune, tune.read_bytes())


def measure(folder: Path, every: int, music21_every: int, work: Path) -> dict:
    total: Counter = Counter()
    sources = sorted(folder.rglob("*.mid"))[::every]
    for name, run in (("ours", run_ours), ("midi2abc", run_midi2abc)):
        for number, source in enumerate(sources):
            wall, processor = timed(run, source, work / f"{name}-{number}.abc")
            total[f"{name} wall"] += wall
            total[f"{name} processor"] += processor
    for number, source in enumerate(sources):
        wall, processor = timed(run_reading_and_writing, source, work / f"ours-{number}.abc")
        total["rest wall"] += wall
    for number, source in enumerate(sources):
        score = read_midi(source)
        wanted = on_grid(score)
        ours, theirs = (work / f"{name}-{number}.abc" for name in ("ours", "midi2abc"))
        total.update(files=1, notes=score.note_num(), grid=wanted.total(), warned=warns(ours))
        total.update(ours=kept(wanted, ours), theirs=kept(wanted, theirs))
        if number % music21_every == 0:
            total.update(tried=1, read=music21_reads(source, ours))
    return {
        "folder": folder.name,
        "files": total["files"],
        "notes": total["notes"],
        "on grid": total["grid"],
        "ours kept %": 100 * total["ours"] / total["grid"],
        "midi2abc kept %": 100 * total["theirs"] / total["grid"],
        "files with warnings": total["warned"],
        "tried in music21": total["tried"],
        "read by music21": total["read"],
        "ours files/s": total["files"] / total["ours wall"],
        "midi2abc files/s": total["files"] / total["midi2abc wall"],
        "times faster": total["midi2abc wall"] / total["ours wall"],
        "at most": total["midi2abc wall"] / total["rest wall"],
        "times less processor": total["midi2abc processor"] / total["ours processor"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--music", type=Path, default=os.environ.get("SYMBOLIC_MUSIC_SHARED_DATA", "../shared/data"))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every N-th file")
    parser.add_argument("--music21-every", type=int, default=10, metavar="N", help="music21 reads every N-th tune")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        rows = [
            measure(Path(arguments.music) / folder, arguments.every, arguments.music21_every, Path(work))
            for folder in FOLDERS
        ]
    report("bench_abc_export", rows, goal="99.5% of on-grid notes kept, no warnings, 5 times the files/s of midi2abc")


if __name__ == "__main__":
    main()
