"""How fast MIDI files are read and written, beside symusic, and where the notes differ.

    python tests/benchmarks/bench_midi_reader.py --music ../shared/data

symusic takes tracks one by one, which is wrong where a program is set in another track or a message makes a channel
one of drums; such files are counted. Both are timed in processor seconds of one run, files in memory.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from _report import report
from symusic import Score

from symbolic_music.score.midi.io import midi_bytes, read_midi

FOLDERS = ("midi_multi", "midi_piano", "midi_satb", "midi_song")


def timed(work: Callable, items: list) -> tuple[list, float]:
    """The results and the processor seconds."""
    work(items[0])
    started = time.process_time()
    results = [work(item) for item in items]
    return results, time.process_time() - started


def notes(score: Score, with_program: bool) -> Counter:
    return Counter(
        ((track.program, track.is_drum) if with_program else (), n.time, n.duration, n.pitch, n.velocity)
        for track in score.tracks
        for n in track.notes
    )


def measure(folder: Path) -> dict:
    files = [path.read_bytes() for path in sorted(folder.rglob("*.mid"))]
    ours, reading = timed(read_midi, files)
    theirs, symusic_reading = timed(Score.from_midi, files)
    written, writing = timed(midi_bytes, ours)
    symusic_written, symusic_writing = timed(lambda score: score.dumps_midi(), theirs)
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "folder": folder.name,
        "files": len(files),
        "other notes": sum(notes(a, False) != notes(b, False) for a, b in pairs),
        "other programs or drums": sum(notes(a, True) != notes(b, True) for a, b in pairs),
        "read files/s": len(files) / reading,
        "symusic read files/s": len(files) / symusic_reading,
        "write files/s": len(files) / writing,
        "symusic write files/s": len(files) / symusic_writing,
        "bytes of symusic's": sum(map(len, written)) / sum(map(len, symusic_written)),
        "lost on the way back": sum(
            notes(read_midi(data), True) != notes(score, True) for data, score in zip(written, ours, strict=True)
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--music", type=Path, default=os.environ.get("SYMBOLIC_MUSIC_SHARED_DATA", "../shared/data"))
    arguments = parser.parse_args()
    rows = [measure(Path(arguments.music) / folder) for folder in FOLDERS]
    report("bench_midi_reader", rows, goal="no other notes; nothing lost on the way back")


if __name__ == "__main__":
    main()
