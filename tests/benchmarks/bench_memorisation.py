"""Copies of training pieces: quotations that are found, unrelated pieces that raise no alarm, and the time it takes.

    python tests/benchmarks/bench_memorisation.py --dataset runs/folk [--only planted pairs speed]

Needs a dataset made by train/prepare_dataset.py, and the folder of real music that the tests use (tests/conftest.py).
The pieces of each of its collections are dealt in turn to two halves. *pairs*: pairs within a collection, neither of
them a near duplicate of the other, counted by the fresh notes of the longest shared run; the alarm's length is chosen
on the first half and checked on the second. *planted*: 24 notes of a line of a piece of the first half, transposed by
5 and at another tempo, in a piece of the second half. *speed*: samples are excerpts of about 400 notes from pieces
that are not indexed; the index holds the other pieces, and pieces from a Markov chain over them up to 5 million notes.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from _report import report
from datasets import concatenate_datasets, load_dataset
from symusic.core import NoteTickList, ScoreTick, TrackTick

from symbolic_music.data.preparation.duplicates import DEFAULT_THRESHOLD, shingles
from symbolic_music.metrics.intervals import wilson_interval
from symbolic_music.metrics.memorisation.copies import ALARM_NOTES, find_copies
from symbolic_music.metrics.memorisation.lines import find_lines
from symbolic_music.metrics.memorisation.training_index import MemorisationIndex
from symbolic_music.score.bars import bar_table
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.files import read_scores
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.transforms.edit import cut_bars

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "metrics" / "memorisation"))

from quotations import SURROUNDINGS, TEMPI, draw_quotation, plant, runs_with  # noqa: E402

FOLDERS = (
    "midi_multi/freedoom",
    "midi_multi/simutrans",
    "midi_piano/pop909_cl",
    "midi_satb/js_fakes",
    "midi_song/openscore_lieder",
    "abc/nottingham",
    "abc/open_hymnal",
)
CASES = 1000
TRAINING_NOTES = 5_000_000
SAMPLE_NOTES = 400
EXCERPTS = 4
MARKOV_NOTES = 600

Collections = dict[str, list[ScoreTick]]


def read_collections(shared: Path, dataset: str) -> Collections:
    """Every readable piece with pitched notes."""
    found: Collections = {folder: [] for folder in FOLDERS}
    for folder, scores in found.items():
        for path in sorted((shared / folder).iterdir()):
            try:
                scores += read_scores(path)
            except ScoreError:
                continue
    rows = concatenate_datasets(list(load_dataset(dataset).values()))
    found["folk tunes"] = [read_midi(midi) for midi in rows["midi"]]
    return {name: [score for score in scores if _is_pitched(score)] for name, scores in found.items()}


def _is_pitched(score: ScoreTick) -> bool:
    return any(len(track.notes) and not track.is_drum for track in score.tracks)


def measure_pairs(collections: Collections, half: int, draw: np.random.Generator) -> np.ndarray:
    """Fresh notes and notes of the longest shared run of pairs, (CASES, 2)."""
    longest = []
    names = list(collections)
    while len(longest) < CASES:
        pieces = collections[names[len(longest) % len(names)]][half::2]
        left, right = (pieces[number] for number in draw.choice(len(pieces), 2, replace=False))
        if _similarity(left, right) >= DEFAULT_THRESHOLD:
            continue
        run = find_copies(MemorisationIndex.build([right], ["other"]), [left])[0].longest
        longest.append((run.fresh, run.notes) if run else (0, 0))
    return np.array(longest)


def _similarity(left: ScoreTick, right: ScoreTick) -> float:
    """Jaccard similarity of shingles."""
    own, other = shingles(left), shingles(right)
    shared = len(np.intersect1d(own, other, assume_unique=True))
    return shared / max(len(own) + len(other) - shared, 1)


def bench_pairs(collections: Collections) -> None:
    chosen, checked = (measure_pairs(collections, half, np.random.default_rng(half)) for half in (0, 1))
    rows = []
    for length in range(8, 21):
        row: dict[str, Any] = {"notes": length}
        for name, pairs in (("chosen", chosen), ("checked", checked)):
            row[f"{name}_fresh"] = int((pairs[:, 0] >= length).sum())
            row[f"{name}_any"] = int((pairs[:, 1] >= length).sum())
        rows.append(row)
    alarms = int((checked[:, 0] >= ALARM_NOTES).sum())
    report(
        "bench_memorisation_pairs",
        rows,
        pairs=CASES,
        alarm_notes=ALARM_NOTES,
        alarms=alarms,
        interval=wilson_interval(alarms, CASES),
        most_fresh=int(checked[:, 0].max()),
        most_notes=int(checked[:, 1].max()),
    )


def bench_planted(collections: Collections) -> None:
    draw = np.random.default_rng(2)
    names = list(collections)
    training = [(name, number) for name in names for number in range(0, len(collections[name]), 2)]
    labels = [f"{name} {number}" for name, number in training]
    index = MemorisationIndex.build((collections[name][number] for name, number in training), labels)
    counts = {kind: {"planted": 0, "found": 0, "named": 0, "alarms": 0} for kind in SURROUNDINGS}
    repetitive = case = 0
    while case < CASES:
        name = names[case // len(SURROUNDINGS) % len(names)]
        hosts = collections[names[draw.integers(len(names))]][1::2]
        number = 2 * int(draw.integers((len(collections[name]) + 1) // 2))
        quotation = draw_quotation(collections[name][number], draw)
        if quotation is None or quotation.fresh < ALARM_NOTES:
            repetitive += quotation is not None
            continue
        kind, factor = SURROUNDINGS[case % len(SURROUNDINGS)], TEMPI[case // 8 % len(TEMPI)]
        score, begin, last = plant(hosts[draw.integers(len(hosts))], quotation, kind, factor, draw)
        copies = find_copies(index, [score])[0]
        runs = runs_with(copies, begin, last)
        counts[kind]["planted"] += 1
        counts[kind]["found"] += bool(runs)
        counts[kind]["named"] += any(run.piece == f"{name} {number}" for run in runs)
        counts[kind]["alarms"] += copies.alarm
        case += 1
    rows = [{"surroundings": kind} | row for kind, row in counts.items()]
    rows.append(
        {"surroundings": "all"}
        | {key: sum(row[key] for row in counts.values()) for key in rows[0] if key in counts[kind]}
    )
    report("bench_memorisation_planted", rows, training_notes=index.num_notes, passed_over_as_repetitive=repetitive)


def bench_speed(collections: Collections) -> None:
    draw = np.random.default_rng(3)
    pieces = [score for scores in collections.values() for score in scores]
    long = [number for number, score in enumerate(pieces) if score.note_num() > EXCERPTS * SAMPLE_NOTES]
    held_out = draw.choice(long, CASES // EXCERPTS, replace=False).tolist()
    samples = [excerpt for number in held_out for excerpt in excerpts(pieces[number])]
    left = set(range(len(pieces))) - set(held_out)
    training = [pieces[number] for number in sorted(left)]
    real = sum(len(track.notes) for score in training for track in score.tracks if not track.is_drum)
    # Some of the real notes are doubled, and count once.
    training += markov_pieces(training[::5], TRAINING_NOTES + 100_000 - real, draw)
    names = [str(number) for number in range(len(training))]
    index, *build = timed(lambda: MemorisationIndex.build(training, names))
    path = Path(os.environ.get("TMPDIR", "/tmp")) / "bench_memorisation.safetensors"
    index.save(path)
    size = path.stat().st_size
    index, *load = timed(lambda: MemorisationIndex.load(path))
    path.unlink()
    copies, *search = timed(lambda: find_copies(index, samples))
    rows = [
        {"step": step, "wall_seconds": wall, "processor_seconds": processor}
        for step, (wall, processor) in (("index", build), ("load", load), ("search", search))
    ]
    report(
        "bench_memorisation_speed",
        rows,
        goal="search within 60 seconds",
        training_notes=index.num_notes,
        real_training_notes=real,
        line_notes=len(index.quarters),
        samples=len(samples),
        sample_notes=sum(piece.notes for piece in copies),
        index_megabytes=round(size / 1e6, 1),
    )


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What the work gives, its wall time and its processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - processor


def excerpts(score: ScoreTick) -> list[ScoreTick]:
    """Parts of about SAMPLE_NOTES notes, cut at bars."""
    starts = bar_table(score).starts
    onsets = np.sort(np.concatenate([track.notes.numpy()["time"] for track in score.tracks]))
    marks = [onsets[number * SAMPLE_NOTES] for number in range(EXCERPTS + 1)]
    bars = np.searchsorted(starts, marks, side="right") - 1
    return [cut_bars(score, int(first), max(int(end - first), 1)) for first, end in pairwise(bars)]


def markov_pieces(scores: list[ScoreTick], notes: int, draw: np.random.Generator) -> list[ScoreTick]:
    """Melodies whose next interval and step follow the last two as somewhere in the scores."""
    moves = np.concatenate([_moves(score) for score in scores])
    keys = np.unique(moves, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
    contexts = keys[:-2] * (keys.max() + 1) + keys[1:-1]
    order = np.argsort(contexts, kind="stable")
    ranked = contexts[order]
    places = draw.integers(len(contexts), size=max(notes // MARKOV_NOTES, 0))
    drawn = np.empty((len(places), MARKOV_NOTES), np.int64)
    for step in range(MARKOV_NOTES):
        first, last = (np.searchsorted(ranked, contexts[places], side=side) for side in ("left", "right"))
        places = np.minimum(order[draw.integers(first, last)] + 1, len(contexts) - 1)
        drawn[:, step] = places + 1
    return [_melody(moves[row]) for row in drawn]


def _moves(score: ScoreTick) -> np.ndarray:
    """Interval and step, in 24ths of a quarter note, of the longest line."""
    piece = find_lines(score)
    line = max(piece.lines, key=len, default=np.zeros(0, np.int64))
    steps = np.diff(piece.onsets[line]) * 24 // score.ticks_per_quarter
    return np.stack([np.diff(piece.pitches[line]), np.clip(steps, 1, 96)], axis=1)


def _melody(moves: np.ndarray) -> ScoreTick:
    pitches = (60 + np.cumsum(moves[:, 0]) - 36) % 48 + 36
    onsets = np.cumsum(moves[:, 1])
    score, track = ScoreTick(24), TrackTick("", 0, False)
    columns = (onsets, moves[:, 1], pitches, np.full(len(onsets), 80))
    track.notes = NoteTickList.from_numpy(
        *(column.astype(np.int32) for column in columns[:2]), *(column.astype(np.int8) for column in columns[2:])
    )
    score.tracks.append(track)
    return score


BENCHMARKS = {"planted": bench_planted, "pairs": bench_pairs, "speed": bench_speed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=list(BENCHMARKS))
    arguments = parser.parse_args()
    shared = Path(os.environ.get("SYMBOLIC_MUSIC_SHARED_DATA", ROOT.parent / "shared" / "data"))
    collections = read_collections(shared, arguments.dataset)
    for name in arguments.only:
        BENCHMARKS[name](collections)


if __name__ == "__main__":
    main()
