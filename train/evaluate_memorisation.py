"""How much samples copy from the training split, beside what held-out human pieces share with it.

python train/evaluate_memorisation.py --dataset DIR --model DIR --num-samples 1000 --output memorisation
python train/evaluate_memorisation.py --dataset DIR --samples FOLDER_OF_MIDI --output memorisation
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from symusic.core import ScoreTick
from tqdm import tqdm

from symbolic_music._command import shown_command
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.loading import load_model
from symbolic_music.metrics.memorisation.copies import ALARM_NOTES, COVER_NOTES, CopyLimits
from symbolic_music.metrics.memorisation.report import compare_copies, copies_table
from symbolic_music.training.arguments import TrainingError, at_least, one_line_errors
from symbolic_music.training.evaluation.copies import folder_pieces, split_pieces, training_index
from symbolic_music.training.preparation import load_processor, load_splits
from symbolic_music.training.summary import dataset_hash, git_commit


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True, help="dataset folder or Hub id; its split train is indexed")
    parser.add_argument("--human-splits", nargs="+", default=["validation", "test"], help="held-out human pieces")
    parser.add_argument("--samples", type=Path, help="folder of pieces a model wrote")
    parser.add_argument(
        "--model",
        help="folder or Hub id; writes the samples where --samples names none, and says "
        "on which grid all pieces are compared",
    )
    parser.add_argument("--num-samples", type=at_least(1), default=1000)
    parser.add_argument("--max-tokens", type=at_least(1), default=512, help="longest sample")
    parser.add_argument("--temperature", type=float, help="default: the model's")
    parser.add_argument("--top-p", type=float, help="default: the model's")
    parser.add_argument("--batch-size", type=at_least(1), default=20)
    parser.add_argument("--device", help="cpu, cuda, cuda:1 …; a GPU where there is one when left out")
    parser.add_argument("--ignore-before", type=float, default=0.0, help="quarter notes of prompt in every sample")
    parser.add_argument(
        "--cover-notes", type=at_least(1), default=COVER_NOTES, help="fresh notes of a copy that covers"
    )
    parser.add_argument(
        "--alarm-notes", type=at_least(1), default=ALARM_NOTES, help="fresh notes of a copy that alarms"
    )
    parser.add_argument("--index", type=Path, help="file of the index, made where it is missing; in the output")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the samples and the bootstrap")
    parser.add_argument("--output", type=Path, required=True, help="folder for memorisation.json and the index")
    return parser.parse_args()


def sampled_scores(arguments: argparse.Namespace) -> list[ScoreTick]:
    """Pieces of the model; those cut off by the length limit are left out, and counted."""
    model, processor = load_model(arguments.model, arguments.device)
    options = SamplingOptions(
        max_length=arguments.max_tokens,
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
    )
    with tqdm(total=arguments.num_samples, unit="sample", disable=None) as progress:
        pieces = compose(model, processor, arguments.num_samples, options=options, on_batch=progress.update)
    scores = [piece.score for piece in pieces if piece.score is not None]
    report_refused({"no complete piece": len(pieces) - len(scores)}, "samples")
    return scores


def report_refused(refused: Mapping[str, int], name: str) -> None:
    """Say what was left out."""
    for reason, count in sorted(refused.items()):
        if count:
            print(f"{count} {name} left out: {reason}", file=sys.stderr)


def compare(arguments: argparse.Namespace, limits: CopyLimits) -> dict[str, Any]:
    """Index, read or sample, and look for copies."""
    splits = load_splits(arguments.dataset)
    codec = load_processor(arguments.model).codec if arguments.model else None
    split_hash = dataset_hash(splits)
    path = arguments.index or arguments.output / "training_index.safetensors"
    with tqdm(unit="piece", desc="indexing", disable=None) as progress:
        index = training_index(splits, arguments.dataset, split_hash, path, codec, progress.update)
    human = split_pieces(splits, arguments.human_splits, arguments.dataset, codec)
    report_refused(human.refused, "human pieces")
    samples: list[ScoreTick] = []
    if arguments.samples:
        read = folder_pieces(arguments.samples)
        report_refused(read.refused, "files")
        samples = read.scores
    elif arguments.model:
        samples = sampled_scores(arguments)
    with tqdm(total=len(samples) + len(human.scores), unit="piece", disable=None) as progress:
        result = compare_copies(
            index,
            samples,
            human.scores,
            limits,
            human.groups,
            arguments.ignore_before,
            arguments.seed,
            progress.update,
        )
    return result | {"split_hash": split_hash}


def main() -> None:
    """Compare, write, report."""
    arguments = parse_arguments()
    try:
        limits = CopyLimits(arguments.cover_notes, arguments.alarm_notes)
    except ValueError as error:
        raise TrainingError(str(error)) from error
    result = compare(arguments, limits)
    result["command"] = shown_command()
    result["commit"] = git_commit()
    arguments.output.mkdir(parents=True, exist_ok=True)
    file = arguments.output / "memorisation.json"
    file.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(copies_table(result))


if __name__ == "__main__":
    with one_line_errors():
        main()
