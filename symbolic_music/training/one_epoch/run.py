"""One epoch that sees every training block exactly once, measured: curve, speed, memory and validation loss.

For studies that compare runs. Knows configurations, blocks and arguments; nothing of why a run is made.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, PreTrainedConfig, PrinterCallback, set_seed

from symbolic_music.data.blocks.collate import BlockCollator
from symbolic_music.models import auto
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import MusicTrainingArguments, TrainingError
from symbolic_music.training.one_epoch.counting import BLOCK_COLUMN, CountingCollator, check_one_epoch, count_tokens
from symbolic_music.training.one_epoch.described import CurveCallback, describe_run
from symbolic_music.training.one_epoch.memory import PeakMemory
from symbolic_music.training.summary import git_commit
from symbolic_music.training.trainer import MusicTrainer

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
    steps = num_blocks // batch_size
    return study_arguments(folder, steps, batch_size, micro_batch_size, curve_points, num_train_epochs=1, **arguments)


def study_arguments(
    folder: Path, steps: int, batch_size: int, micro_batch_size: int | None, curve_points: int, **arguments: Any
) -> MusicTrainingArguments:
    """Arguments of a study's run of so many steps: nothing is validated or saved on the way; see above.

    Raises:
        TrainingError: when the blocks of a step cannot be dealt evenly.
    """
    made = MusicTrainingArguments(
        output_dir=str(folder),
        eval_strategy="no",
        save_strategy="no",
        load_best_model_at_end=False,
        logging_steps=max(1, steps // curve_points),
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


def study_trainer(
    config: PreTrainedConfig,
    arguments: MusicTrainingArguments,
    processor: MusicProcessor,
    collator: Callable[..., Any],
    train: Dataset,
    validation: Dataset,
) -> MusicTrainer:
    """A fresh model, from the arguments' seed, and the trainer of a study's run, which prints nothing of its own."""
    set_seed(arguments.seed)
    trainer = MusicTrainer(
        model=AutoModelForCausalLM.from_config(config),
        args=arguments,
        processing_class=processor,
        data_collator=collator,
        train_dataset=train,
        eval_dataset=validation,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


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
    collator = CountingCollator(BlockCollator(processor), len(train))
    numbered = train.add_column(BLOCK_COLUMN, np.arange(len(train)))
    trainer = study_trainer(config, arguments, processor, collator, numbered, validation)
    trainer.add_callback(CurveCallback(on_progress))
    train_seconds = trainer.train().metrics["train_runtime"]
    _check_seen_once(trainer, collator, train)
    evaluation = trainer.evaluate()
    bytes_used = torch.tensor([memory.peak(), memory.before], device=arguments.device)
    peak, before = trainer.accelerator.reduce(bytes_used, "sum").tolist()
    tokens = count_tokens(train, processor.tokenizer.pad_token_id)
    return describe_run(trainer, train_seconds, evaluation) | {
        "commit": commit,
        "tokens": tokens,
        "unique_tokens": tokens,
        "order_hash": collator.order_hash(),
        "peak_memory_bytes": peak,
        "memory_before_bytes": before,
        "memory_kind": memory.kind,
        "wall_seconds": time.monotonic() - started,
    }


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
