"""One epoch that sees every training block exactly once, measured: curve, speed, memory and validation loss.

For studies that compare runs. Knows configurations, blocks and arguments; nothing of why a run is made.
"""

import ctypes
import gc
import hashlib
import math
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    AutoModelForCausalLM,
    PreTrainedConfig,
    PrinterCallback,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    set_seed,
)

from symbolic_music._command import shown_command
from symbolic_music.data.blocks.collate import BlockCollator
from symbolic_music.models import auto
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import MusicTrainingArguments, TrainingError
from symbolic_music.training.summary import git_commit, machine_class
from symbolic_music.training.trainer import MusicTrainer

BLOCK_COLUMN = "block"
_VERSIONS = ("symbolic-music-hf", "torch", "transformers", "accelerate", "numpy")

auto.register_configs()
auto.register_models()


def one_epoch_arguments(
    folder: Path,
    num_blocks: int,
    batch_size: int,
    micro_batch_size: int | None = None,
    curve_points: int = 40,
    **arguments: Any,
) -> MusicTrainingArguments:
    """Arguments of a run of one epoch: no checkpoints, validation at the end only.

    Args:
        folder: for what the Trainer writes, which is nothing that is kept.
        num_blocks: of the training data; a multiple of `batch_size`, or the last step would be filled up with blocks
            that were seen before.
        batch_size: blocks per step, of all processes together.
        micro_batch_size: blocks per process and forward pass at most; a step's share of the process when left out.
        curve_points: how often the loss is logged, about.
        arguments: of `MusicTrainingArguments`.

    Raises:
        TrainingError: when the blocks cannot be dealt evenly; see also `MusicTrainingArguments`.
    """
    if not num_blocks or num_blocks % batch_size:
        raise TrainingError(f"{num_blocks} blocks are no multiple of {batch_size} blocks a step")
    made = MusicTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        eval_strategy="no",
        save_strategy="no",
        load_best_model_at_end=False,
        logging_steps=max(1, num_blocks // batch_size // curve_points),
        report_to="none",
        **arguments,
    )
    share, rest = divmod(batch_size, made.world_size)
    micro = min(micro_batch_size or share, share)
    if rest or not share or share % micro:
        raise TrainingError(
            f"a batch of {batch_size} blocks cannot be dealt evenly to {made.world_size} processes in passes of "
            f"{micro_batch_size or share} blocks"
        )
    made.per_device_train_batch_size = made.per_device_eval_batch_size = micro
    made.gradient_accumulation_steps = share // micro
    return made


def train_one_epoch(
    config: PreTrainedConfig,
    train: Dataset,
    validation: Dataset,
    processor: MusicProcessor,
    arguments: MusicTrainingArguments,
    on_progress: Callable[[int, int, float], None] | None = None,
) -> dict[str, Any]:
    """Train a fresh model on each block once, validate it, and describe the run.

    All processes call this together.

    Args:
        config: of the model.
        train: blocks of `pack_split`.
        validation: the same.
        processor: whose ids they are.
        arguments: of `one_epoch_arguments`.
        on_progress: called on process 0 at each log with the step, the number of steps and nats per token.

    Returns:
        JSON values. "curve": the mean training loss since the point before, by "step" and "tokens";
        "validation_nats_per_token", "validation_bits_per_note", "validation_bits_per_bar": after the last step, None
        when not finite; "tokens": ids that are no padding, all of them distinct occurrences ("unique_tokens");
        "order_hash": of the order in which process 0 saw the blocks; times, memory of all processes together, and
        what it ran on.

    Raises:
        RuntimeError: when a block was not seen exactly once.
    """
    started, commit = time.monotonic(), git_commit()
    memory = PeakMemory(arguments.device)
    set_seed(arguments.seed)
    collator = CountingCollator(BlockCollator(processor), len(train))
    trainer = MusicTrainer(
        model=AutoModelForCausalLM.from_config(config),
        args=arguments,
        processing_class=processor,
        data_collator=collator,
        train_dataset=train.add_column(BLOCK_COLUMN, np.arange(len(train))),
        eval_dataset=validation,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_CurveCallback(on_progress))
    train_seconds = trainer.train().metrics["train_runtime"]
    _check_seen_once(trainer, collator, train)
    evaluation = trainer.evaluate()
    bytes_used = torch.tensor([memory.peak(), memory.before], device=arguments.device)
    peak, before = trainer.accelerator.reduce(bytes_used, "sum").tolist()
    tokens = count_tokens(train, processor.tokenizer.pad_token_id)
    return _describe(trainer, train_seconds, evaluation) | {
        "commit": commit,
        "tokens": tokens,
        "unique_tokens": tokens,
        "order_hash": collator.order_hash(),
        "peak_memory_bytes": peak,
        "memory_before_bytes": before,
        "memory_kind": memory.kind,
        "wall_seconds": time.monotonic() - started,
    }


class CountingCollator:
    """A `BlockCollator` that counts how often each training block was handed out, and in which order.

    Rows without the column `block` (validation's) are not counted.

    Args:
        collator: does the work.
        num_blocks: training blocks.
    """

    def __init__(self, collator: BlockCollator, num_blocks: int):
        self.collator = collator
        self.counts = np.zeros(num_blocks, dtype=np.int64)
        self.order: list[int] = []

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Count, and collate."""
        blocks = [row[BLOCK_COLUMN] for row in rows if BLOCK_COLUMN in row]
        np.add.at(self.counts, blocks, 1)
        self.order += blocks
        return self.collator(rows)

    def order_hash(self) -> str:
        """SHA-256 of the blocks in the order they were handed out, shortened."""
        return hashlib.sha256(np.array(self.order, dtype="<i8").tobytes()).hexdigest()[:16]


def check_one_epoch(counts: np.ndarray, steps: int, blocks_per_step: int, tokens_seen: int, context: int) -> None:
    """Check that each training block was seen exactly once.

    Args:
        counts: (blocks,) how often each was handed out, by all processes together.
        steps: optimizer steps taken.
        blocks_per_step: of all processes together.
        tokens_seen: as the Trainer counts them, padding included.
        context: tokens per block.

    Raises:
        RuntimeError: otherwise; the run's figures would be no figures of one epoch.
    """
    if not (counts == 1).all():
        wrong = np.flatnonzero(counts != 1)
        raise RuntimeError(
            f"{len(wrong)} of {len(counts)} blocks were not seen once, block {wrong[0]} {counts[wrong[0]]} times"
        )
    if steps * blocks_per_step != len(counts):
        raise RuntimeError(f"{steps} steps of {blocks_per_step} blocks are not {len(counts)} blocks")
    if tokens_seen != len(counts) * context:
        raise RuntimeError(f"{tokens_seen} tokens seen, expected {len(counts)} blocks of {context}")


def _check_seen_once(trainer: MusicTrainer, collator: CountingCollator, train: Dataset) -> None:
    """`check_one_epoch` with the counts of all processes."""
    args, counts = trainer.args, torch.from_numpy(collator.counts).to(trainer.args.device)
    blocks_per_step = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
    check_one_epoch(
        trainer.accelerator.reduce(counts, "sum").cpu().numpy(),
        trainer.state.global_step,
        blocks_per_step,
        int(trainer.state.num_input_tokens_seen),
        len(train[0]["input_ids"]),
    )


def count_tokens(blocks: Dataset, pad_token_id: int) -> int:
    """Ids of the blocks that are no padding."""
    ids = blocks.with_format("numpy")
    return sum(int((batch["input_ids"] != pad_token_id).sum()) for batch in ids.iter(batch_size=1024))


def free_memory() -> None:
    """Give back what a run leaves behind, so that the next one's peak is its own."""
    gc.collect()
    torch.compiler.reset()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


class _CurveCallback(TrainerCallback):
    """Logs the last step too, whatever `logging_steps` is, and tells the progress."""

    def __init__(self, on_progress: Callable[[int, int, float], None] | None):
        self.on_progress = on_progress

    def on_step_end(self, args, state: TrainerState, control: TrainerControl, **kwargs) -> TrainerControl:
        control.should_log = control.should_log or state.global_step == state.max_steps
        return control

    def on_log(self, args, state: TrainerState, control, logs: Mapping[str, float] | None = None, **kwargs) -> None:
        nats = (logs or {}).get("nats_per_token")
        if self.on_progress is not None and state.is_world_process_zero and nats is not None:
            self.on_progress(state.global_step, state.max_steps, nats)


class PeakMemory:
    """The most memory that is used from here on: allocated on a GPU, or resident on a CPU.

    A CPU's figure includes the interpreter and its libraries; `before` is what was resident at the start.

    Attributes:
        kind: what `peak` means, in words.
        before: bytes at the start.
    """

    def __init__(self, device: torch.device):
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self.kind = "allocated on the GPU"
            self.before = torch.cuda.memory_allocated(device)
            return
        try:
            # Linux takes the mark of the most resident memory back to the present (man 5 proc, clear_refs).
            Path("/proc/self/clear_refs").write_text("5")
            self.kind = "resident, during the run"
        except OSError:
            self.kind = "resident, of the process so far"
        self.before = self._resident_mark()

    def peak(self) -> int:
        """Bytes, of this process."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        # Linux moves its mark when memory is given back, not for each page: it may fall behind what was read first.
        return max(self.before, self._resident_mark())

    @staticmethod
    def _resident_mark() -> int:
        try:
            status = Path("/proc/self/status").read_text()
            return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024
        except (OSError, StopIteration):
            # In kilobytes, but on macOS in bytes (man getrusage).
            scale = 1 if sys.platform == "darwin" else 1024
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def _describe(trainer: MusicTrainer, train_seconds: float, evaluation: Mapping[str, float]) -> dict[str, Any]:
    """What the ended Trainer knows."""
    args, state = trainer.args, trainer.state
    step_tokens = state.num_input_tokens_seen // state.global_step
    return {
        "steps": state.global_step,
        "batch_tokens": step_tokens,
        # Of the steps since the point before.
        "curve": [
            {
                "step": entry["step"],
                "tokens": entry["step"] * step_tokens,
                "nats_per_token": _finite(entry["nats_per_token"]),
            }
            for entry in state.log_history
            if "nats_per_token" in entry
        ],
        "train_seconds": train_seconds,
        "tokens_per_second": state.num_input_tokens_seen / train_seconds,
        "validation_nats_per_token": _finite(evaluation["eval_loss"]),
        "validation_bits_per_note": _finite(evaluation.get("eval_bits_per_note")),
        "validation_bits_per_bar": _finite(evaluation.get("eval_bits_per_bar")),
        "validation_tokens": int(evaluation["eval_tokens"]),
        "learning_rate": args.learning_rate,
        "optimizer": "muon" if args.muon else "adamw",
        "num_processes": trainer.accelerator.num_processes,
        "bf16": args.bf16,
        "compiled": args.torch_compile,
        "command": shown_command(),
        "machine": machine_class(args.device),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _VERSIONS},
    }


def _finite(value: float | None) -> float | None:
    """JSON knows neither NaN nor infinity, which is what a run that diverged ends with."""
    return float(value) if value is not None and math.isfinite(value) else None
