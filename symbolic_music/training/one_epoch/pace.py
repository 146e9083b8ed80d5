"""How fast a model trains and validates here: a few steps, before a study of many hours begins."""

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from datasets import Dataset
from transformers import (
    PreTrainedConfig,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)

from symbolic_music.data.blocks.collate import BlockCollator
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.one_epoch.memory import free_memory
from symbolic_music.training.one_epoch.run import study_arguments, study_trainer

# The first steps allocate, and choose kernels.
_WARM_UP_STEPS, _TIMED_STEPS = 2, 4
_VALIDATION_BATCHES = 4


def measure_pace(
    config: PreTrainedConfig,
    train: Dataset,
    validation: Dataset,
    processor: MusicProcessor,
    batch_size: int,
    micro_batch_size: int | None,
    arguments: Mapping[str, Any],
) -> dict[str, float]:
    """Train a few steps and validate a few batches.

    Args:
        config: of the model.
        train: blocks; at least six steps' worth.
        validation: blocks.
        processor: whose ids they are.
        batch_size: blocks per step.
        micro_batch_size: blocks per forward pass at most.
        arguments: of `MusicTrainingArguments`.

    Returns:
        "seconds_per_token" of training (the median step's), "validation_seconds" of the whole validation split, and
        "start_seconds" until the first step began.
    """
    began = time.perf_counter()
    steps = _WARM_UP_STEPS + _TIMED_STEPS
    with TemporaryDirectory() as folder:
        sizes = steps, batch_size, micro_batch_size, 1
        args = study_arguments(Path(folder), *sizes, max_steps=steps, **arguments)
        few_blocks = train.select(range(min(len(train), steps * batch_size)))
        trainer = study_trainer(config, args, processor, BlockCollator(processor), few_blocks, validation)
        clock = _Clock()
        trainer.add_callback(clock)
        trainer.train()
        few = validation.select(range(min(len(validation), _VALIDATION_BATCHES * args.per_device_eval_batch_size)))
        validating = time.perf_counter()
        trainer.evaluate(few)
        validated = time.perf_counter() - validating
    free_memory()
    seconds = [end - start for start, end in zip(clock.begins, clock.ends, strict=True)][_WARM_UP_STEPS:]
    return {
        "seconds_per_token": median(seconds) / (batch_size * len(train[0]["input_ids"])),
        "validation_seconds": validated / len(few) * len(validation),
        "start_seconds": clock.begins[0] - began,
    }


class _Clock(TrainerCallback):
    """When steps begin and end."""

    def __init__(self) -> None:
        self.begins: list[float] = []
        self.ends: list[float] = []

    def on_step_begin(self, args, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        self.begins.append(time.perf_counter())

    def on_step_end(self, args, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        self.ends.append(time.perf_counter())
