"""Have a model fill in random bars of held-out pieces: the share of fills that are music, and what they leave alone.

python train/evaluate_infill.py --model DIR --dataset DIR --num-samples 200 --output filling.json
"""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from symbolic_music._command import shown_command
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.generation.loading import load_model
from symbolic_music.score.midi_io import read_midi
from symbolic_music.training.arguments import one_line_errors
from symbolic_music.training.infill_evaluation import evaluate_infilling
from symbolic_music.training.preparation import choose_split, load_splits


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder or Hub id of a model that fills")
    parser.add_argument("--dataset", required=True, help="dataset folder or Hub id")
    parser.add_argument("--split", default="test")
    parser.add_argument("--num-samples", type=int, default=200)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="cpu, cuda, cuda:1 …; a GPU where there is one when left out")
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    return parser.parse_args()


def main() -> None:
    """Load, fill, write, report."""
    arguments = parse_arguments()
    model, processor = load_model(arguments.model, arguments.device)
    split = choose_split(load_splits(arguments.dataset), arguments.split, arguments.dataset)
    options = SamplingOptions(temperature=arguments.temperature, top_p=arguments.top_p, seed=arguments.seed)
    scores = [read_midi(midi) for midi in split["midi"]]
    with tqdm(total=2 * arguments.num_samples, unit="fill", disable=None) as progress:
        result = evaluate_infilling(model, processor, scores, arguments.num_samples, options, progress.update)
    result["command"] = shown_command()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for name in ("with_grammar", "without_grammar"):
        row = result[name]
        print(
            f"{name.replace('_', ' ')}: {row['valid']} of {row['samples']} fills are as long as their bars "
            f"(95% interval {row['interval']['low']:.1%} to {row['interval']['high']:.1%}); all else untouched in "
            f"{row['untouched']} of {row['valid']}"
        )


if __name__ == "__main__":
    with one_line_errors():
        main()
