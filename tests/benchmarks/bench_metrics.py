"""How many pieces a second each metric takes, on one core, and all metrics of notes together.

    python tests/benchmarks/bench_metrics.py [--pieces 100]

Pieces are read before the clock starts; each metric alone includes reading the notes from the Score, all together
share it. Time is the processor's, so that other work on the machine does not count.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

from _report import report

from symbolic_music.metrics.features.notes import NoteTable
from symbolic_music.metrics.statistics import NOTE_STATISTICS, STATISTICS, STRUCTURE_STATISTICS, measure_piece
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.midi.io import read_midi

FOLDERS = ("midi_multi", "midi_piano", "midi_satb", "midi_song")
GOAL = 200


def read_pieces(folder: Path, count: int) -> list:
    """About so many pieces, evenly from all of a folder."""
    paths, scores = sorted(folder.rglob("*.mid")), []
    for path in paths[:: max(len(paths) // count, 1)]:
        try:
            scores.append(read_midi(path))
        except ScoreError:
            continue
    return scores


def pieces_per_second(function: Callable, scores: list) -> float:
    function(scores[0])
    started = time.process_time()
    for score in scores:
        function(score)
    return len(scores) / (time.process_time() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--music", type=Path, default=os.environ.get("SYMBOLIC_MUSIC_SHARED_DATA", "../shared/data"))
    parser.add_argument("--pieces", type=int, default=100, help="of each folder")
    arguments = parser.parse_args()
    pieces = {folder: read_pieces(Path(arguments.music) / folder, arguments.pieces) for folder in FOLDERS}
    functions = {
        name: (lambda score, statistic=statistic: statistic(NoteTable(score)))
        for name, statistic in STATISTICS.items()
    }
    functions["all of notes"] = lambda score: measure_piece(score, NOTE_STATISTICS)
    functions["all of structure"] = lambda score: measure_piece(score, STRUCTURE_STATISTICS)
    rows = [
        {
            "metric, pieces/s": name,
            **{folder: round(pieces_per_second(function, scores)) for folder, scores in pieces.items()},
        }
        for name, function in functions.items()
    ]
    report(
        "bench_metrics",
        rows,
        goal=f"{GOAL} pieces/s on one core, each metric of notes",
        pieces={folder: len(scores) for folder, scores in pieces.items()},
        notes_per_piece={
            folder: round(sum(score.note_num() for score in scores) / len(scores)) for folder, scores in pieces.items()
        },
    )


if __name__ == "__main__":
    main()
