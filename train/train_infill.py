"""Train a model to fill masked bars: a small one from scratch by denoising, or a pretrained one with LoRA.

    python train/train_infill.py --dataset DIR --output runs/infill --max_minutes 30
    python train/train_infill.py --style causal --dataset DIR --output runs/infill-causal --max_minutes 30
    python train/train_infill.py --model runs/infill --dataset DIR --output runs/infill-mine
    python train/train_infill.py --start_from model_cards/gpt2-music-base --style causal --dataset DIR --output OUT
    accelerate launch train/train_infill.py --base_model facebook/bart-base --dataset DIR --output runs/infill-bart

`--start_from` names a model of track text without masks, such as gpt2-music-base. The new model begins with what that
one learned: as a causal model or, of a GPT-2, as a BART. `--rank 0` trains all weights of `--model`.

`--style seq2seq` is a BART, which reads the masked window in its encoder; `causal` reads window and fill in one
sequence; `left-to-right` masks nothing and is only there to be compared on the same bars. `--preset lines` cuts
windows so that no line has more than 50 tokens, `bars` takes `--window_bars` bars of all tracks.

Ends with the best model by validation loss, a card, `infilling.json` with what masked bars of the test split cost, and
`loss.png` in the output folder; an adapter alone lies in `adapter/`.
"""

import json
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict
from transformers import set_seed

from symbolic_music._command import shown_command
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.loading import load_model
from symbolic_music.hub.cards.filler import INFILLING_FILE
from symbolic_music.hub.cards.runs.infilling import infilling_card
from symbolic_music.metrics.intervals import from_to
from symbolic_music.tokenization.build import build_word_level_tokenizer
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.adaptation.lora import ADAPTER_FOLDER, add_adapter, count_parameters, save_adapted
from symbolic_music.training.arguments import ModelArguments, MusicTrainingArguments, TrainingError, one_line_errors
from symbolic_music.training.callbacks import show_progress
from symbolic_music.training.evaluation.bits_per_note import bootstrap_difference
from symbolic_music.training.infilling.examples import InfillCollator, InfillFormat, MaskSettings, build_examples
from symbolic_music.training.infilling.trainer import InfillTrainer, score_examples, summarise_examples
from symbolic_music.training.parsing import parse_as
from symbolic_music.training.preparation import (
    build_infill_model,
    checkpoint_to_resume,
    choose_split,
    load_splits,
    load_text_model,
)
from symbolic_music.training.summary import git_commit, hash_of_splits, machine_class

PRESETS = {"bars": None, "lines": 50}
SPLITS = ("train", "validation", "test")


@dataclass
class InfillArguments:
    """The data, the masks and the model."""

    dataset: str = field(default="", metadata={"help": "Dataset folder or Hub id with all three splits."})
    style: str = field(default=str(InfillFormat.SEQ2SEQ), metadata={"help": "seq2seq, causal or left-to-right."})
    model: str = field(default="", metadata={"help": "A trained model that fills, to be adapted with LoRA."})
    base_model: str = field(default="", metadata={"help": "Or a text model, such as facebook/bart-base."})
    window_bars: int = field(default=8, metadata={"help": "Bars of a window."})
    preset: str = field(default="bars", metadata={"help": "bars, or lines: none with more than 50 tokens."})
    max_masks: int = field(default=64, metadata={"help": "Bars of lines that can be masked at once."})
    masks_per_window: int = field(default=4, metadata={"help": "Examples of each window, with other masks."})
    whole_windows: float = field(
        default=0.25, metadata={"help": "Share of the training examples in which every bar is masked."}
    )
    context_length: int = field(
        default=512, metadata={"help": "Tokens that the model holds; longer ones are left out."}
    )
    transpositions: list[int] = field(
        default_factory=lambda: [0], metadata={"help": "Semitones by which each training piece is shifted."}
    )
    encoder_layers: int | None = field(
        default=None, metadata={"help": "Layers of a BART's encoder; as many as its decoder's when left out."}
    )
    sources: list[str] = field(
        default_factory=list, metadata={"help": "Take the pieces of these sources of the dataset alone."}
    )
    max_train_pieces: int | None = field(default=None, metadata={"help": "Train on N pieces, evenly spaced."})
    max_validation_pieces: int | None = field(default=None, metadata={"help": "Validate on N pieces, evenly spaced."})
    max_test_pieces: int | None = field(default=None, metadata={"help": "Score N held-out pieces, evenly spaced."})
    rank: int = field(default=16, metadata={"help": "Rank of the adapters; 0 trains all weights instead."})
    alpha: float | None = field(default=None, metadata={"help": "Scale of the adapters; twice the rank if left out."})
    lora_dropout: float = field(default=0.05, metadata={"help": "Dropout of what goes into an adapter."})

    def __post_init__(self) -> None:
        if not self.dataset:
            raise TrainingError("--dataset is missing: give a folder or a Hub id")
        if self.style not in list(InfillFormat):
            raise TrainingError(f"--style is {self.style!r}; expected one of {', '.join(InfillFormat)}")
        if self.preset not in PRESETS:
            raise TrainingError(f"--preset is {self.preset!r}; expected one of {', '.join(PRESETS)}")
        if self.model and self.base_model:
            raise TrainingError("give --model, a model that fills, or --base_model, a text model, not both")
        for name, least in (("window_bars", 1), ("max_masks", 1), ("masks_per_window", 1), ("context_length", 16)):
            if getattr(self, name) < least:
                raise TrainingError(f"--{name} is {getattr(self, name)}; expected {least} or more")
        for name in ("encoder_layers", *(f"max_{split}_pieces" for split in SPLITS)):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise TrainingError(f"--{name} is {value}; expected 1 or more")
        if self.encoder_layers is not None and (self.style != InfillFormat.SEQ2SEQ or self.model or self.base_model):
            raise TrainingError("--encoder_layers is of a BART that is trained from scratch: leave it out")
        if not 0 <= self.whole_windows <= 1:
            raise TrainingError(f"--whole_windows is {self.whole_windows}; expected a share from 0 to 1")


def build_model(arguments: InfillArguments, sizes: ModelArguments, use_cpu: bool) -> tuple[Any, Any, list[int] | None]:
    """Model, processor and, for a pretrained one, the rows that its adapter trains whole."""
    style = InfillFormat(arguments.style)
    if arguments.model:
        model, processor = load_model(arguments.model, "cpu" if use_cpu else None)
        rows: list[int] | None = []
    elif arguments.base_model:
        settings = TrackTextSettings(max_bars=arguments.window_bars, max_masks=arguments.max_masks)
        model, processor, rows = load_text_model(
            arguments.base_model, settings, encoder_decoder=style == InfillFormat.SEQ2SEQ
        )
    else:
        settings = TrackTextSettings(max_bars=arguments.window_bars, max_masks=arguments.max_masks)
        processor = build_word_level_tokenizer(TrackTextCodec(settings), arguments.context_length)
        model = build_infill_model(
            sizes, processor, arguments.context_length, style == InfillFormat.SEQ2SEQ, arguments.encoder_layers
        )
        rows = None
    if bool(model.config.is_encoder_decoder) != (style == InfillFormat.SEQ2SEQ):
        raise TrainingError(f"--style {style} does not fit a {model.config.model_type}")
    return model, processor, rows


def build_all_examples(
    arguments: InfillArguments, splits: DatasetDict, processor: MusicProcessor, context_length: int, tell: bool
) -> tuple[dict[str, Dataset], dict[str, dict[str, int]]]:
    """The examples of each split, and what was left out of it; only the training split is shifted."""
    examples, left_out = {}, {}
    for name in SPLITS:
        trains = name == "train"
        whole_share = arguments.whole_windows if trains else 0.0
        masks = MaskSettings(PRESETS[arguments.preset], arguments.masks_per_window, whole_share)
        examples[name], left_out[name] = build_examples(
            choose_split(splits, name, arguments.dataset, getattr(arguments, f"max_{name}_pieces")),
            processor,
            InfillFormat(arguments.style),
            masks,
            context_length,
            arguments.transpositions if trains else [0],
        )
        if tell:
            print(f"{name}: {len(examples[name]):,} examples; left out: {left_out[name] or 'none'}", flush=True)
    return examples, left_out


def build_trainer(
    model: Any, args: MusicTrainingArguments, processor: MusicProcessor, examples: dict[str, Dataset]
) -> InfillTrainer:
    """The trainer and what it shows."""
    trainer = InfillTrainer(
        model=model.train(),
        args=args,
        processing_class=processor,
        data_collator=InfillCollator(processor.tokenizer.pad_token_id),
        train_dataset=examples["train"],
        eval_dataset=examples["validation"],
    )
    show_progress(trainer, trainer.budget)
    return trainer


def save_all(trainer: InfillTrainer, processor: MusicProcessor, base: str, result: dict[str, Any]) -> None:
    """Weights, for an adapter itself and merged; the result; a card for each."""
    output = Path(str(trainer.args.output_dir))
    if base:
        save_adapted(trainer.model, processor, output, base)
    else:
        trainer.save_model()
    (output / INFILLING_FILE).write_text(json.dumps(result, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    (output / "README.md").write_text(infilling_card(result), encoding="utf-8")
    if base:
        (output / ADAPTER_FOLDER / "README.md").write_text(infilling_card(result, "peft"), encoding="utf-8")


def main() -> None:
    """Mask, train, score, save."""
    started, commit = time.monotonic(), git_commit()
    arguments, sizes, args = parse_as(
        (InfillArguments, ModelArguments, MusicTrainingArguments), "Train a model to fill masked bars."
    )
    args.refuse_shards()
    checkpoint = checkpoint_to_resume(args)
    set_seed(args.seed)
    splits = load_splits(arguments.dataset, arguments.sources)
    model, processor, rows = build_model(arguments, sizes, args.use_cpu)
    adapts = rows is not None and arguments.rank > 0
    if adapts:
        model = add_adapter(model, arguments.rank, arguments.alpha, arguments.lora_dropout, rows)
        args.muon = False  # it makes whole matrices orthogonal, which an adapter's factors are not
    context = min(arguments.context_length, model.config.max_position_embeddings)
    examples, left_out = build_all_examples(arguments, splits, processor, context, args.process_index == 0)
    trainer = build_trainer(model, args, processor, examples)
    collator = trainer.data_collator
    scores_before = None
    if arguments.model:
        with model.disable_adapter() if adapts else nullcontext():
            scores_before = score_examples(model, examples["test"], collator)
    training_started = time.monotonic()
    trainer.train(resume_from_checkpoint=checkpoint)
    minutes = (time.monotonic() - training_started) / 60
    scores = score_examples(trainer.model, examples["test"], collator)
    after = summarise_examples(scores, args.seed)
    if not trainer.is_world_process_zero():
        return trainer.end()
    result = {
        "command": shown_command(),
        "commit": commit,
        "split_hash": hash_of_splits(splits),
        "arguments": asdict(arguments),
        "examples": {name: len(split) for name, split in examples.items()},
        "left_out": left_out,
        "parameters": count_parameters(trainer.model),
        "before": summarise_examples(scores_before, args.seed) if scores_before else None,
        "test": after,
        "cheaper_by": bootstrap_difference(scores, scores_before, args.seed) if scores_before else None,
        "steps": trainer.state.global_step,
        "training_minutes": minutes,
        "minutes": (time.monotonic() - started) / 60,
        "machine": machine_class(trainer.model.device),
        "seed": args.seed,
    }
    save_all(trainer, processor, arguments.model or arguments.base_model if adapts else "", result)
    interval = after["bits_per_note_interval"]
    between = f" ({from_to(interval, '{:.3f}')})" if interval else ""
    print(f"masked bars of the test split: {after['bits_per_note']:.3f} bits/note{between}, {minutes:.1f} minutes")
    trainer.end()


if __name__ == "__main__":
    with one_line_errors():
        main()
