"""Sample a model with and without its grammar: the share that is music, and statistics beside held-out human pieces.

python train/evaluate_samples.py --model DIR --dataset DIR --num-samples 1000 --output sampling.json
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from symbolic_music._command import shown_command
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.generation.loading import load_model
from symbolic_music.metrics.intervals import from_to, in_brackets
from symbolic_music.metrics.statistics import STATISTICS
from symbolic_music.training.arguments import at_least, one_line_errors
from symbolic_music.training.evaluation.copies import split_pieces
from symbolic_music.training.evaluation.sampling import evaluate_sampling
from symbolic_music.training.preparation import load_splits


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder or Hub id of model and processor")
    parser.add_argument("--dataset", required=True, help="dataset folder or Hub id, for the human pieces")
    parser.add_argument("--split", default="test", help="the split of the human pieces")
    parser.add_argument("--num-samples", type=at_least(1), default=1000)
    parser.add_argument("--max-tokens", type=at_least(1), default=512, help="longest piece")
    parser.add_argument("--temperature", type=float, help="default: the model's")
    parser.add_argument("--top-p", type=float, help="default: the model's")
    parser.add_argument("--batch-size", type=at_least(1), default=20)
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--read-as-abc", action="store_true", help="have abc2midi and music21 read every piece as ABC")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 …; a GPU where there is one when left out")
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    return parser.parse_args()


def describe(rests: dict[str, Any]) -> str:
    """Share of rests and length of their runs in a few words."""
    between = in_brackets(rests["rest_share_interval"], "{:.2%}")
    return f"{rests['rest_share']:.2%} of events {between}, at most {rests['longest_run']} in a row"


def in_words(row: dict[str, Any] | None) -> str:
    """A mean with its interval; no piece may have the statistic."""
    return f"{row['mean']:.3f} {in_brackets(row)}" if row else "none"


def main() -> None:
    """Load, sample, write, report."""
    arguments = parse_arguments()
    model, processor = load_model(arguments.model, arguments.device)
    human = split_pieces(load_splits(arguments.dataset), [arguments.split], arguments.dataset, processor.codec)
    if human.refused:
        print(f"human pieces left out: {dict(human.refused)}", file=sys.stderr)
    options = SamplingOptions(
        max_length=arguments.max_tokens,
        temperature=arguments.temperature,
        top_p=arguments.top_p,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
    )
    with tqdm(total=2 * arguments.num_samples, unit="piece", disable=None) as progress:
        result = evaluate_sampling(
            model, processor, human.scores, arguments.num_samples, options, progress.update, arguments.read_as_abc
        )
    result["command"] = shown_command()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for name in ("with_grammar", "without_grammar"):
        row = result[name]
        print(
            f"{name.replace('_', ' ')}: {row['valid']} of {row['pieces']} valid ({row['share']:.1%}, "
            f"95% interval {from_to(row['interval'])}), {row['reasons'] or 'none invalid'}"
        )
        if row.get("rests"):
            print(f"  rests: {describe(row['rests'])}, human {describe(result['human_rests'])}")
        if "as_abc" in row:
            tunes = row["as_abc"]
            print(
                f"  as ABC: abc2midi reads {tunes['abc2midi']}, music21 {tunes['music21']}; {tunes['uneven_bars']} "
                f"bars disagree with their meter; {tunes['complaints'] or 'no complaints'}"
            )
    for name in STATISTICS:
        ours, theirs = (in_words(result["statistics"][side].get(name)) for side in ("sampled", "human"))
        print(f"{name}: {ours} sampled, {theirs} human")
    for name, row in result["instruments"]["sampled"].items():
        human_row = result["instruments"]["human"][name]
        print(f"{name}: {row['share']:.1%} ({from_to(row)}) sampled, {human_row['share']:.1%} human")


if __name__ == "__main__":
    with one_line_errors():
        main()
