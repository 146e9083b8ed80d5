"""What a training run was: the file `training_summary.json`, from which a model card can be written.

Knows the ended Trainer's state, file hashes and versions; decides nothing.
"""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset

from symbolic_music._command import shown_command
from symbolic_music.data.preparation.pieces import content_digest
from symbolic_music.data.preparation.splits import split_hash
from symbolic_music.score.midi.io import read_midi
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.trainer import MusicTrainer

SUMMARY_FILE = "training_summary.json"
_PACKAGES = (
    "symbolic-music-hf",
    "torch",
    "transformers",
    "accelerate",
    "datasets",
    "tokenizers",
    "miditok",
    "symusic",
)


def training_summary(
    trainer: MusicTrainer, data: Mapping[str, Any], wall_seconds: float, commit: str | None
) -> dict[str, Any]:
    """Everything needed to repeat a run and to quote its figures.

    Args:
        trainer: after training.
        data: `describe_splits` of the dataset.
        wall_seconds: of this process, from its start to here.
        commit: `git_commit()` when the process started; the tree may have moved on since.
    """
    state, args, model = trainer.state, trainer.args, trainer.model
    ends = [entry for entry in state.log_history if "train_loss" in entry]
    return {
        "command": shown_command(),
        "commit": commit,
        **{name: data[name] for name in ("split_hash", "pieces")},
        "tokenizer_hash": tokenizer_hash(trainer.processing_class),
        "model_type": model.config.model_type,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "steps": state.global_step,
        "epochs": state.epoch,
        "tokens_seen": int(state.num_input_tokens_seen),
        "tokens_per_second": _tokens_per_second(trainer, ends),
        "wall_seconds": wall_seconds,
        # With a time budget the clock runs on through resumed sessions.
        "training_seconds": trainer.budget.elapsed() if trainer.budget is not None else wall_seconds,
        "best": _best_validation(state.log_history),
        "final": _last_with(state.log_history, "eval_loss"),
        "final_train_nats_per_token": _last_with(state.log_history, "nats_per_token").get("nats_per_token"),
        "label_smoothing": args.label_smoothing,
        "structural_loss_weight": args.structural_loss_weight,
        "seed": args.seed,
        "data_seed": args.data_seed,
        "num_processes": trainer.accelerator.num_processes,
        "bf16": args.bf16,
        "torch_compile": args.torch_compile,
        "machine": machine_class(args.device),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
    }


def write_summary(summary: dict[str, Any], output_dir: Path) -> Path:
    """Write `training_summary.json`; returns its path."""
    path = output_dir / SUMMARY_FILE
    path.write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return path


def describe_splits(splits: Mapping[str, Dataset]) -> dict[str, Any]:
    """What a run says of its dataset: its split hash and how many pieces each split has.

    Args:
        splits: all of the dataset, whole.

    Raises:
        TrainingError: see `hash_of_splits`.
    """
    return {
        "split_hash": hash_of_splits(splits),
        "pieces": {name: len(split) for name, split in sorted(splits.items())},
    }


def hash_of_splits(splits: Mapping[str, Dataset]) -> str:
    """The split hash that the dataset's card quotes, taken again from the pieces: `data.splits.split_hash`.

    Raises:
        TrainingError: when a split holds no `midi` column.
    """
    names, digests = [], []
    for name, pieces in splits.items():
        if "midi" not in pieces.column_names:
            raise TrainingError(f"split {name!r} has no column 'midi'; it has {', '.join(pieces.column_names)}")
        names += [name] * len(pieces)
        digests += [content_digest(read_midi(midi)) for midi in pieces["midi"]]
    return split_hash(names, digests)


def tokenizer_hash(processor: Any) -> str:
    """SHA-256 of the tokenizer's JSON."""
    return hashlib.sha256(processor.tokenizer.backend_tokenizer.to_str().encode("utf-8")).hexdigest()


def git_commit(folder: Path | None = None) -> str | None:
    """The commit a folder's code is at, with "+changes" when the tree differs from it; None outside a repository.

    Args:
        folder: this package's when left out.
    """
    folder = folder or Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+changes" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def machine_class(device: torch.device) -> str:
    """The kind of machine, in words, without its name."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} x{torch.cuda.device_count()}"
    return f"{_cpu_name()}, {os.cpu_count()} cores"


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _tokens_per_second(trainer: MusicTrainer, ends: list[dict[str, Any]]) -> float | None:
    """Tokens of this session over its training time, validation and checkpoints included."""
    if not ends:
        return None
    tokens = trainer.state.num_input_tokens_seen - trainer._initial_num_input_tokens_seen
    return tokens / ends[-1]["train_runtime"]


def _best_validation(log_history: list[dict[str, Any]]) -> dict[str, Any]:
    evaluations = [entry for entry in log_history if "eval_loss" in entry]
    return min(evaluations, key=lambda entry: entry["eval_loss"], default={})


def _last_with(log_history: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next((entry for entry in reversed(log_history) if name in entry), {})
