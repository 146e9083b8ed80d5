"""What masked bars cost several models of `train_infill.py`, on the same bars, and by how much the first is cheaper.

python train/compare_infill.py --model runs/infill-causal --model runs/infill-left --dataset DIR --output beside.json

Scored are the windows that all of them can hold; how many more each could is in the result.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel

from symbolic_music._command import shown_command
from symbolic_music.generation.loading import load_model
from symbolic_music.hub.cards.filler import INFILLING_FILE
from symbolic_music.metrics.intervals import in_brackets
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import TrainingError, at_least, one_line_errors
from symbolic_music.training.evaluation.bits_per_note import PieceScores, bootstrap_difference, summarise_scores
from symbolic_music.training.infilling.examples import InfillCollator, InfillFormat, MaskSettings, build_examples
from symbolic_music.training.infilling.trainer import score_examples
from symbolic_music.training.preparation import choose_split, load_splits
from symbolic_music.training.summary import dataset_hash


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", action="append", type=Path, required=True, help="folder of `train_infill.py`; may be repeated"
    )
    parser.add_argument("--dataset", required=True, help="dataset folder or Hub id")
    parser.add_argument("--split", default="test")
    parser.add_argument("--max-pieces", type=at_least(1), help="score N pieces, evenly spaced")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 …; a GPU where there is one when left out")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the bootstrap")
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    return parser.parse_args()


def read_training(folder: Path) -> dict[str, Any]:
    """How a model was trained: its style, parameters, steps and minutes."""
    path = folder / INFILLING_FILE
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        told = {name: result[name] for name in ("steps", "training_minutes")}
        return {"style": result["arguments"]["style"], "parameters": result["parameters"]["all"]} | told
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path}: expected what `train_infill.py` writes: {error}") from error


@dataclass
class Contestant:
    """A model that fills, and the masked windows of the split that it can hold."""

    told: dict[str, Any]
    model: PreTrainedModel
    processor: MusicProcessor
    examples: Dataset

    def score(self, windows: set[int]) -> list[PieceScores]:
        """What the masked bars of some windows cost it."""
        numbers = [row for row, window in enumerate(self.examples["window"]) if window in windows]
        collator = InfillCollator(self.processor.tokenizer.pad_token_id)
        return score_examples(self.model, self.examples.select(numbers), collator)


def load_contestant(folder: Path, split: Dataset, device: str | None) -> Contestant:
    """A model with the examples of its style."""
    told = read_training(folder)
    model, processor = load_model(str(folder), device)
    context = model.config.max_position_embeddings
    examples, _ = build_examples(split, processor, InfillFormat(told["style"]), MaskSettings(), context)
    return Contestant({"model": str(folder), **told}, model, processor, examples)


def common_windows(contestants: list[Contestant]) -> set[int]:
    """The windows that every model can hold: one sequence of window and fill is longer than either."""
    common = set.intersection(*(set(contestant.examples["window"]) for contestant in contestants))
    if not common:
        raise TrainingError("no masked window fits into the contexts of all models")
    return common


def main() -> None:
    """Mask, score, compare with the first, write, report."""
    arguments = parse_arguments()
    splits = load_splits(arguments.dataset)
    split = choose_split(splits, arguments.split, arguments.dataset, arguments.max_pieces)
    contestants = [load_contestant(folder, split, arguments.device) for folder in arguments.model]
    windows = common_windows(contestants)
    first: list[PieceScores] = []
    rows: list[dict[str, Any]] = []
    for contestant in contestants:
        scores = contestant.score(windows)
        summary = summarise_scores(scores, arguments.seed)
        row = contestant.told | {"examples": len(scores), "others_cannot_hold": len(contestant.examples) - len(scores)}
        row |= {name: summary[name] for name in ("notes", "groups", "bits_per_note", "bits_per_note_interval")}
        first = first or scores
        try:
            row["first_is_cheaper_by"] = bootstrap_difference(first, scores, arguments.seed)
        except ValueError as error:
            others = f"{contestant.told['model']} holds other windows than {arguments.model[0]}"
            raise TrainingError(f"{others}: {error}") from error
        rows.append(row)
        print(describe(row, is_first=scores is first), flush=True)
    result = {"command": shown_command(), "split_hash": dataset_hash(splits), "split": arguments.split, "models": rows}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def describe(row: dict[str, Any], is_first: bool) -> str:
    """One model in a line."""
    interval = row["bits_per_note_interval"]
    text = f"{row['model']} ({row['style']}): {row['bits_per_note']:.3f} bits per note"
    text += f" {in_brackets(interval)}" if interval else ""
    cheaper = row["first_is_cheaper_by"]
    if is_first or cheaper is None:
        return text
    return f"{text}; the first is cheaper by {cheaper['bits_per_note']:.3f} {in_brackets(cheaper)}"


if __name__ == "__main__":
    with one_line_errors():
        main()
