"""Have a model fill in random bars of held-out pieces: the share of fills that are music, what they leave alone, how
they compare with what people wrote in these bars, and what they copy from the training split.

python train/evaluate_infill.py --model DIR --dataset DIR --num-samples 200 --output filling.json
"""

import argparse
import json
from pathlib import Path
from typing import Any

from tqdm import tqdm

from symbolic_music._command import shown_command
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.generation.loading import load_model
from symbolic_music.hub.cards.model_index import mean_distance, mean_overlap
from symbolic_music.metrics.intervals import from_to
from symbolic_music.metrics.memorisation.training_index import MemorisationIndex
from symbolic_music.training.arguments import at_least, one_line_errors
from symbolic_music.training.evaluation.copies import TRAINING_SPLIT, split_pieces
from symbolic_music.training.infilling.evaluation import compare_with_human, describe_fills, fill_pieces
from symbolic_music.training.preparation import load_splits
from symbolic_music.training.summary import dataset_hash, machine_class


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder or Hub id of a model that fills")
    parser.add_argument("--dataset", required=True, help="dataset folder or Hub id")
    parser.add_argument("--split", default="test")
    parser.add_argument("--num-samples", type=at_least(1), default=200)
    parser.add_argument("--temperature", type=float, help="default: the model's")
    parser.add_argument("--top-p", type=float, help="default: the model's")
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--device", help="cpu, cuda, cuda:1 …; a GPU where there is one when left out")
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    return parser.parse_args()


def main() -> None:
    """Load, fill, write, report."""
    arguments = parse_arguments()
    model, processor = load_model(arguments.model, arguments.device)
    splits = load_splits(arguments.dataset)
    held_out = split_pieces(splits, [arguments.split], arguments.dataset)
    options = SamplingOptions(temperature=arguments.temperature, top_p=arguments.top_p, seed=arguments.seed).for_model(
        model
    )
    with tqdm(total=2 * arguments.num_samples, unit="fill", disable=None) as progress:
        kinds, drawn_anew = fill_pieces(
            model, processor, held_out.scores, arguments.num_samples, options, progress.update
        )
    training = split_pieces(splits, [TRAINING_SPLIT], arguments.dataset)
    with tqdm(total=len(training.scores), desc="index training pieces", unit="piece", disable=None) as progress:
        index = MemorisationIndex.build(training.scores, training.names, on_piece=progress.update)
    result = {
        "command": shown_command(),
        "settings": {"split": arguments.split, "temperature": options.temperature, "top_p": options.top_p},
        "seed": options.seed,
        "split_hash": dataset_hash(splits),
        "machine": machine_class(model.device),
        "drawn_anew": drawn_anew,
        **{name: describe_fills(fills) for name, fills in kinds.items()},
        **compare_with_human(kinds["with_grammar"], index, held_out.groups, options.seed),
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for name in kinds:
        print(describe(name, result[name]))
    copied = result["memorisation"]
    print(
        f"{mean_distance(result):.2f} standard deviations from what people wrote there, overlapping area "
        f"{mean_overlap(result):.2f}; covered by copies {copied['samples']['covered']['mean']:.1%}, "
        f"human {copied['human']['covered']['mean']:.1%}"
    )


def describe(name: str, row: dict[str, Any]) -> str:
    """A line on fills of one kind."""
    return (
        f"{name.replace('_', ' ')}: {row['valid']} of {row['samples']} fills are as long as their bars "
        f"(95% interval {from_to(row['interval'])}); all else untouched in "
        f"{row['untouched']} of {row['valid']}; {row['notes_per_second']:.0f} notes a second"
    )


if __name__ == "__main__":
    with one_line_errors():
        main()
