"""Which top-p makes a model's pieces most like human ones: sampled with several, held against the validation split.

python train/tune_sampling.py --model DIR --dataset DIR --num-samples 300 --output sampling.json

A model of little training gives some probability to almost every token; cut too far, it repeats itself. Written is a
row for each top-p: how far the samples lie from human pieces (the mean over the statistics of the distance of the
means, in standard deviations of the human pieces; no direction is better), and the overlapping area. The nearest is
named. The test split stays unseen, for `symbolic-music evaluate --top-p`, whose options a published model then samples
with when asked for nothing else.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from symbolic_music._command import end_in_one_line, shown_command
from symbolic_music.cli.shared import UserError, add_sampling_flags, sampling_options
from symbolic_music.generation.compose import compose
from symbolic_music.generation.loading import load_model
from symbolic_music.hub.cards.model_index import mean_distance, mean_overlap
from symbolic_music.metrics.statistics import compare_measured, measure_pieces
from symbolic_music.training.arguments import USER_ERRORS, TrainingError
from symbolic_music.training.evaluation.copies import split_pieces
from symbolic_music.training.parsing import at_least
from symbolic_music.training.preparation import load_splits
from symbolic_music.training.summary import hash_of_splits

Measured = dict[str, np.ndarray]


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder or Hub id of a model that composes")
    parser.add_argument("--dataset", required=True, help="dataset folder or Hub id, for the human pieces")
    parser.add_argument("--split", default="validation", help="the split of the human pieces")
    parser.add_argument("--top-p", type=float, nargs="+", default=[0.85, 0.9, 0.95, 1.0])
    parser.add_argument("--num-samples", type=at_least(1), default=300, help="of each kind")
    add_sampling_flags(parser, longest="512", at_once="sampled at once (default 50)", temperature="1")
    parser.set_defaults(temperature=1.0)
    parser.add_argument("--device", help="cpu, cuda, cuda:1 …; a GPU where there is one when left out")
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    return parser.parse_args()


def describe(measured: Measured, human: Measured, seed: int) -> dict[str, Any]:
    """Samples beside human pieces: the distance of each statistic, and the means over all of them."""
    statistics = compare_measured(measured, human, seed)
    figures = {"statistics": statistics}
    return {
        "mean_distance": mean_distance(figures),
        "mean_overlap": mean_overlap(figures),
        "distances": {name: row["distance"]["value"] for name, row in statistics.items()},
    }


def main() -> None:
    """Sample with each top-p, measure, write, name the nearest."""
    arguments = parse_arguments()
    options = sampling_options(arguments, 512, 50)
    model, processor = load_model(arguments.model, arguments.device)
    splits = load_splits(arguments.dataset)
    pieces = split_pieces(splits, [arguments.split], arguments.dataset, processor.codec)
    human = measure_pieces(pieces.scores)
    rows = []
    for top_p in arguments.top_p:
        own = replace(options, top_p=top_p)
        with tqdm(total=arguments.num_samples, desc=f"top-p {top_p:g}", unit="piece", disable=None) as progress:
            sampled = compose(model, processor, arguments.num_samples, options=own, on_batch=progress.update)
        scores = [piece.score for piece in sampled if piece.score is not None]
        if not scores:
            raise TrainingError(f"not one of {arguments.num_samples} samples at top-p {top_p:g} is music")
        rows.append({"top_p": top_p} | describe(measure_pieces(scores), human, arguments.seed))
        row = rows[-1]
        print(f"top-p {top_p:g}: distance {row['mean_distance']:.3f}, overlapping area {row['mean_overlap']:.3f}")
    nearest = min(rows, key=lambda row: row["mean_distance"])
    result = {
        "command": shown_command(),
        "split_hash": hash_of_splits(splits),
        "human_pieces": len(pieces.scores),
        "nearest": nearest["top_p"],
        "rows": rows,
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(f"nearest to human pieces: top-p {nearest['top_p']:g}")


if __name__ == "__main__":
    with end_in_one_line((*USER_ERRORS, UserError)):
        main()
