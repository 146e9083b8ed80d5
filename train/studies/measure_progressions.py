"""Ask a model for the chords of held-out lead sheets: how many notes on strong beats are chord tones.

python train/studies/measure_progressions.py --model model_cards/gpt2-music-base --dataset runs/ensembles \
    --source openewld --output progressions.json
"""

import argparse
import json
from pathlib import Path

from tqdm import tqdm

from symbolic_music._command import shown_command
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.generation.loading import load_model
from symbolic_music.report.asked.progressions import lead_sheet, measure_progressions
from symbolic_music.training.arguments import TrainingError, one_line_errors
from symbolic_music.training.parsing import at_least
from symbolic_music.training.preparation import choose_split, load_splits


def main() -> None:
    """Read, sample, judge, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder or Hub id of a composer")
    parser.add_argument("--dataset", required=True, help="dataset folder or Hub id, for lead sheets with chords")
    parser.add_argument("--source", default="openewld", help="of the lead sheets (default openewld)")
    parser.add_argument("--splits", nargs="+", default=["test", "validation"], help="(default test validation)")
    parser.add_argument("--bars", type=at_least(1), default=8, help="of each lead sheet, from its first chord (8)")
    parser.add_argument("--num-samples", type=at_least(1), default=4, help="for each lead sheet, and as many free (4)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    arguments = parser.parse_args()
    splits = load_splits(arguments.dataset, [arguments.source])
    rows = [row for split in arguments.splits for row in choose_split(splits, split, arguments.dataset)]
    sheets = [sheet for row in rows if (sheet := lead_sheet(row, arguments.bars)) is not None]
    if not sheets:
        raise TrainingError(f"--dataset: {arguments.dataset} has no piece with chords in {arguments.splits}")
    model, processor = load_model(arguments.model, "cpu")
    options = SamplingOptions(seed=arguments.seed).for_model(model)
    with tqdm(total=len(sheets), unit="lead sheet", disable=None) as progress:
        found = measure_progressions(model, processor, sheets, arguments.num_samples, options, progress.update)
    about = {"command": shown_command(), "lead sheets": len(sheets), "of pieces": len(rows)}
    arguments.output.write_text(json.dumps(about | found, indent=2) + "\n", encoding="utf-8")
    for name, reason in found["refused"].items():
        print(f"{name}: {reason}")
    for kind, share in found["mean"].items():
        print(f"{kind:8} {share['value']:.1%} [{share['low']:.1%}, {share['high']:.1%}]")


if __name__ == "__main__":
    with one_line_errors():
        main()
