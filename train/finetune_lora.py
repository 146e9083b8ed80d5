"""Adapt a trained model, or a language model of text, to your own files with LoRA.

    python train/finetune_lora.py --model model_cards/remi-transformer-folk --midi_dir mine/ --output runs/mine
    python train/finetune_lora.py --model USER/NAME --dataset DIR --output runs/mine --max_minutes 10
    accelerate launch train/finetune_lora.py --base_model openai-community/gpt2-medium --dataset DIR --output runs/gpt2

A few hundred files take minutes on a CPU. A text model (`--base_model`) is given a token for every event of track
text, and writes windows of `--window_bars` bars from then on; it wants a GPU and more files.

Folders of files become a dataset first, whose splits do not leak. Trained are low-rank matrices beside the model's
own and, unless it came from text, the embeddings of all tokens that occur: the files may hold instruments and
registers that are new to it. The model is scored on the held-out test files before and after; the best adapter by
validation loss is kept. Ends with the merged model in the output folder, ready for `symbolic-music generate`, the
adapter alone in `adapter/`, `adaptation.json`, `loss.png` and a card.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from transformers import set_seed

from symbolic_music._command import shown_command
from symbolic_music.data.blocks.collate import BlockCollator
from symbolic_music.data.blocks.pack import pack_split
from symbolic_music.data.preparation.prepare import PrepareError, PrepareSettings, prepare_dataset
from symbolic_music.data.preparation.splits import SplitError, SplitFractions
from symbolic_music.data.sources.folders import list_directory
from symbolic_music.data.sources.units import CorpusError
from symbolic_music.events.voices.track_text import TrackTextSettings
from symbolic_music.generation.loading import load_model
from symbolic_music.hub.cards.adapted import ADAPTATION_FILE
from symbolic_music.hub.cards.runs.adaptation import adaptation_card
from symbolic_music.metrics.intervals import in_brackets
from symbolic_music.training.adaptation.lora import ADAPTER_FOLDER, add_adapter, count_parameters, save_adapted
from symbolic_music.training.arguments import MusicTrainingArguments, TrainingError, one_line_errors
from symbolic_music.training.callbacks import show_progress
from symbolic_music.training.evaluation.bits_per_note import bootstrap_difference, scores_of_rows
from symbolic_music.training.evaluation.pieces import evaluate_split
from symbolic_music.training.parsing import parse_as
from symbolic_music.training.preparation import choose_split, load_splits, load_text_model
from symbolic_music.training.summary import git_commit, hash_of_splits, machine_class
from symbolic_music.training.trainer import MusicTrainer

MAX_WINDOW_BARS = 64
# A text model's context can be many thousand tokens; windows of music are shorter.
TEXT_BLOCK_SIZE = 1024


@dataclass
class AdaptationArguments:
    """The model, the files and the adapter."""

    model: str = field(default="", metadata={"help": "Folder or Hub id of the trained model."})
    base_model: str = field(default="", metadata={"help": "Or folder or Hub id of a causal language model of text."})
    gguf_file: str | None = field(default=None, metadata={"help": "Weights of the text model, if they are GGUF."})
    window_bars: int = field(default=8, metadata={"help": "Bars of the windows that a text model writes."})
    midi_dir: list[str] = field(default_factory=list, metadata={"help": "Folders of MIDI, ABC or MusicXML files."})
    dataset: str = field(default="", metadata={"help": "Or a dataset folder or Hub id with all three splits."})
    sources: list[str] = field(
        default_factory=list, metadata={"help": "Take the pieces of these sources of the dataset alone."}
    )
    license: str = field(default="unknown", metadata={"help": "Of the files, for the card."})
    rank: int = field(default=16, metadata={"help": "Rank of the adapters."})
    alpha: float | None = field(default=None, metadata={"help": "Scale of the adapters; twice the rank if left out."})
    lora_dropout: float = field(default=0.05, metadata={"help": "Dropout of what goes into an adapter."})
    block_size: int | None = field(default=None, metadata={"help": "Tokens per block; the context if left out."})
    transpositions: list[int] = field(
        default_factory=lambda: list(range(-5, 7)),
        metadata={"help": "Semitones by which each training piece is shifted; 0 is itself."},
    )

    def __post_init__(self) -> None:
        if bool(self.model) == bool(self.base_model):
            raise TrainingError("give either --model, a trained music model, or --base_model, a text model")
        if not 1 <= self.window_bars <= MAX_WINDOW_BARS:
            raise TrainingError(f"--window_bars is {self.window_bars}; expected 1 to {MAX_WINDOW_BARS}")
        if bool(self.midi_dir) == bool(self.dataset):
            raise TrainingError("give either --midi_dir or --dataset")


@dataclass
class AdaptationTrainingArguments(MusicTrainingArguments):
    """Training arguments with defaults for a few hundred files."""

    muon: bool = field(default=False, metadata={"help": "Train by Muon rather than AdamW."})
    learning_rate: float = field(default=1e-3, metadata={"help": "Peak learning rate."})
    per_device_train_batch_size: int = field(default=8, metadata={"help": "Blocks per process and forward pass."})
    num_train_epochs: float = field(default=3.0, metadata={"help": "Passes over the training blocks."})
    eval_steps: float = field(default=25, metadata={"help": "Validate every N steps."})
    save_steps: float = field(default=25, metadata={"help": "Checkpoint every N steps; a multiple of eval_steps."})
    logging_steps: float = field(default=5, metadata={"help": "Log the training loss every N steps."})


def dataset_of(arguments: AdaptationArguments, output: Path) -> str:
    """The dataset that is named, or one made of the folders' files; a second run finds it made."""
    if arguments.dataset:
        return arguments.dataset
    folder = output / "dataset"
    try:
        units = [unit for name in arguments.midi_dir for unit in list_directory(Path(name), license=arguments.license)]
        prepare_dataset(
            units,
            folder,
            PrepareSettings(fractions=SplitFractions(0.1, 0.1)),
            command=shown_command(),
        )
    except (CorpusError, PrepareError, SplitError, OSError) as error:
        raise TrainingError(str(error)) from error
    return str(folder)


def ids_in(blocks: Dataset) -> list[int]:
    """Every id that occurs: the files may hold instruments, pitches or durations that the model has hardly seen."""
    return np.unique(np.asarray(blocks.with_format("numpy")["input_ids"])).tolist()


def build_trainer(
    arguments: AdaptationArguments, args: AdaptationTrainingArguments, dataset: str, splits: DatasetDict
) -> MusicTrainer:
    """The model with its adapter, and the blocks it is trained and validated on."""
    rows: list[int] = []
    if arguments.base_model:
        model, processor, rows = load_text_model(
            arguments.base_model, TrackTextSettings(max_bars=arguments.window_bars), arguments.gguf_file
        )
    else:
        model, processor = load_model(arguments.model, "cpu" if args.use_cpu else None)
    context = model.config.max_position_embeddings
    block_size = arguments.block_size or (min(context, TEXT_BLOCK_SIZE) if rows else context)
    if block_size > context:
        raise TrainingError(f"--block_size {block_size} is more than the model's context of {context}")
    train, validation = (choose_split(splits, name, dataset) for name in ("train", "validation"))
    with args.main_process_first(desc="packing"):
        train_blocks = pack_split(train, processor, block_size, arguments.transpositions)
        validation_blocks = pack_split(validation, processor, block_size)
    if not arguments.base_model:
        rows = ids_in(train_blocks)
    trainer = MusicTrainer(
        model=add_adapter(model, arguments.rank, arguments.alpha, arguments.lora_dropout, rows).train(),
        args=args,
        processing_class=processor,
        data_collator=BlockCollator(processor),
        train_dataset=train_blocks,
        eval_dataset=validation_blocks,
    )
    show_progress(trainer, trainer.budget)
    return trainer


def validation_curve(trainer: MusicTrainer) -> list[dict[str, float]]:
    """Step, epoch and validation bits per note, in order; where it turns, over-fitting sets in."""
    return [
        {"step": entry["step"], "epoch": entry["epoch"], "bits_per_note": entry["eval_bits_per_note"]}
        for entry in trainer.state.log_history
        if "eval_bits_per_note" in entry
    ]


def main() -> None:
    """Prepare, score, train, score again, save, report."""
    started, commit = time.monotonic(), git_commit()
    arguments, args = parse_as(
        (AdaptationArguments, AdaptationTrainingArguments), "Adapt a trained model to your own files with LoRA."
    )
    args.refuse_shards()
    set_seed(args.seed)
    output = Path(str(args.output_dir))
    with args.main_process_first(desc="preparing"):
        dataset = dataset_of(arguments, output)
    splits = load_splits(dataset, arguments.sources)
    test = choose_split(splits, "test", dataset)
    trainer = build_trainer(arguments, args, dataset, splits)
    model, processor = trainer.model, trainer.processing_class
    with model.disable_adapter():
        before = evaluate_split(model, processor, test)
    if trainer.is_world_process_zero():
        print(f"before: {before['bits_per_note']:.3f} bits/note on {before['pieces']} test files", flush=True)
    trained = count_parameters(model)
    training_started = time.monotonic()
    unadapted = trainer.evaluate()["eval_bits_per_note"]
    trainer.train()
    training_minutes = (time.monotonic() - training_started) / 60
    after = evaluate_split(model, processor, test)
    if not trainer.is_world_process_zero():
        return trainer.end()
    scores_after, scores_before = (scores_of_rows(found["per_piece"]) for found in (after, before))
    cheaper_by = bootstrap_difference(scores_after, scores_before, args.seed)
    curve = [{"step": 0, "epoch": 0.0, "bits_per_note": unadapted}, *validation_curve(trainer)]
    base = arguments.model or arguments.base_model
    merged = save_adapted(model, processor, output, base)
    adaptation: dict[str, Any] = {
        "base": base,
        "command": shown_command(),
        "commit": commit,
        "split_hash": hash_of_splits(splits),
        "pieces": {name: len(split) for name, split in sorted(splits.items())},
        "before": before,
        "after": after,
        "cheaper_by": cheaper_by,
        "validation": curve,
        "best": min(curve[1:], key=lambda point: point["bits_per_note"]),
        "parameters": trained,
        "rank": arguments.rank,
        "training_minutes": training_minutes,
        "minutes": (time.monotonic() - started) / 60,
        "machine": machine_class(merged.device),
        "license": arguments.license,
        "seed": args.seed,
    }
    (output / ADAPTATION_FILE).write_text(json.dumps(adaptation, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for folder, library in ((output, "transformers"), (output / ADAPTER_FOLDER, "peft")):
        (folder / "README.md").write_text(adaptation_card(adaptation, library), encoding="utf-8")
    print(f"after: {after['bits_per_note']:.3f} bits/note, {training_minutes:.1f} minutes of training")
    if cheaper_by:
        print(f"cheaper by {cheaper_by['bits_per_note']:.3f} bits/note {in_brackets(cheaper_by)}")
    print(f"best validation at step {adaptation['best']['step']} of {curve[-1]['step']}; {output} holds the model")
    trainer.end()


if __name__ == "__main__":
    with one_line_errors():
        main()
