"""Scores to ids and ids to Scores on one core, beside MidiTok on the same Scores, in turns, in one run.

    python tests/benchmarks/bench_encoding.py

Ours quantises, writes events and merges them by BPE; MidiTok does the same with its own trained tokenizer of the same
vocabulary. Both decode the ids that ours made: the very ids, for the vocabularies are equal.
"""

import argparse
import random
import statistics
import time
from pathlib import Path

import miditok
from _report import report

from symbolic_music.score.checks import ScoreError
from symbolic_music.score.midi.io import read_midi
from symbolic_music.tokenization.processing_music import MIDITOK_FILE, MusicProcessor

FOLDERS = ("midi_multi", "midi_piano", "midi_satb", "midi_song")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--tokenizer", type=Path, default=Path("tokenizer_assets/remi-folk"))
    parser.add_argument("--num-files", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def usable_scores(data: Path, count: int):
    """So many of all files, chosen by a seed."""
    paths = sorted(path for folder in FOLDERS for path in (data / folder).rglob("*.mid"))
    random.Random(0).shuffle(paths)
    scores = []
    for path in paths:
        try:
            scores.append(read_midi(path))
        except ScoreError:
            continue
        if len(scores) == count:
            break
    return scores


def seconds(call, items) -> float:
    started = time.perf_counter()
    for item in items:
        call(item)
    return time.perf_counter() - started


def main() -> None:
    arguments = parse_arguments()
    processor = MusicProcessor.from_pretrained(arguments.tokenizer)
    theirs = miditok.REMI(params=arguments.tokenizer / MIDITOK_FILE)
    scores = usable_scores(arguments.data, arguments.num_files)
    ids = [processor.encode_score(score) for score in scores]
    inner = [sequence[1:-1] for sequence in ids]  # MidiTok knows no end
    for sequence, score in zip(ids[:3], scores, strict=False):  # warms up, and shows that there is something to time
        assert processor.decode(sequence).note_num() > 0
        assert theirs.decode(inner[0]).note_num() > 0
        theirs.encode(score.copy())
    sides = {
        ("encode", "ours"): (processor.encode_score, scores),
        ("encode", "MidiTok"): (lambda score: theirs.encode(score.copy()), scores),
        ("decode", "ours"): (processor.decode, ids),
        ("decode", "MidiTok"): (theirs.decode, inner),
    }
    spent: dict[tuple[str, str], list[float]] = {side: [] for side in sides}
    for number in range(arguments.rounds):
        for side in sides if number % 2 else reversed(sides):
            spent[side].append(seconds(*sides[side]))
    rows = []
    for way in ("encode", "decode"):
        ratios = [b / a for a, b in zip(spent[way, "ours"], spent[way, "MidiTok"], strict=True)]
        rows.append(
            {
                "way": way,
                "ours, files/s": len(scores) / statistics.median(spent[way, "ours"]),
                "MidiTok, files/s": len(scores) / statistics.median(spent[way, "MidiTok"]),
                "times faster (median of pairs)": statistics.median(ratios),
                "lowest": min(ratios),
            }
        )
    report("bench_encoding", rows, arguments.output, goal="15 times MidiTok encoding, 10 times decoding")


if __name__ == "__main__":
    main()
