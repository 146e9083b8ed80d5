"""Several amounts of data from one run: a trunk at a constant rate, and for each amount a branch that decays.

A run of D tokens under a warm-up, stable, decay schedule (Hu et al. 2024, MiniCPM; Hägele et al. 2024) is a trunk of
0.8 D tokens at a constant rate and a decay over the rest. Trunks of different D begin alike, so runs of D/16, D/8 …, D
share one trunk and cost their decays: 1.19 D tokens with the five of them, where separate runs cost 1.94 D.

What a branch ends with is what a run of its own would: it has seen the trunk's blocks and then its own, each once.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    PreTrainedConfig,
    TrainerCallback,
    TrainerControl,
    TrainerState,
)

from symbolic_music.data.blocks.collate import BlockCollator
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import MusicTrainingArguments, TrainingError
from symbolic_music.training.checkpoints import find_checkpoints
from symbolic_music.training.one_epoch.counting import BLOCK_COLUMN, CountingCollator, check_one_epoch, count_tokens
from symbolic_music.training.one_epoch.described import CurveCallback, describe_run
from symbolic_music.training.one_epoch.memory import PeakMemory
from symbolic_music.training.one_epoch.run import study_arguments, study_trainer
from symbolic_music.training.optimization.schedule import DECAY_SHARE
from symbolic_music.training.summary import git_commit
from symbolic_music.training.trainer import MusicTrainer

_SECONDS_BETWEEN_CHECKPOINTS = 600.0
_SPENT_FILE = "spent.json"


def branch_step(steps: int) -> int:
    """Where the decay of a run of so many steps begins: the trunk's steps, of which the rest are a fifth or more."""
    return int((1 - DECAY_SHARE) * steps + 1e-9)


@dataclass(frozen=True)
class Trajectory:
    """A model, its blocks and how it is trained: all that runs of different length share.

    Attributes:
        config: of the model.
        train: blocks of `pack_split`; a run of n steps sees the first n batches of one random order.
        validation: blocks.
        processor: whose ids they are.
        folder: for the trunk, the branch at work and their checkpoints; of this trajectory alone.
        batch_size: blocks per step, of all processes together.
        micro_batch_size: blocks per process and forward pass at most.
        curve_points: how often the loss is logged, about.
        arguments: of `MusicTrainingArguments`; `warmup_steps` is a number of steps, for a share would differ from run
            to run.
    """

    config: PreTrainedConfig
    train: Dataset
    validation: Dataset
    processor: MusicProcessor
    folder: Path
    batch_size: int
    micro_batch_size: int | None
    curve_points: int
    arguments: dict[str, Any]

    def __post_init__(self):
        warmup = self.arguments.get("warmup_steps", 0)
        if warmup != int(warmup):
            raise TrainingError(
                f"warmup_steps is {warmup}; expected a number of steps, which runs of different length can share"
            )


def train_to_horizon(
    trajectory: Trajectory, steps: int, on_progress: Callable[[int, int, float], None] | None = None
) -> dict[str, Any]:
    """Train a model for so many steps, from as far as its trunk has come, and describe the run.

    All processes call this together. Cut short, it goes on from its last checkpoint, ten minutes back at the most. The
    trunk stays where this run left it: a longer run goes on from there, a shorter one starts it again.

    Args:
        trajectory: what is trained.
        steps: of the whole run, trunk and decay.
        on_progress: called on process 0 at each log with the step, the number of steps and nats per token.

    Returns:
        What `train_one_epoch` returns, of a run of this length; besides, "steps_trained": those that were trained for
        it and for no shorter run, and "train_seconds", "wall_seconds" of these, of all sessions together.

    Raises:
        RuntimeError: when a block was not seen once.
        TrainingError: when a run of so few steps has no trunk, or the data hold fewer.
    """
    branch = branch_step(steps)
    if not branch >= 1 or steps * trajectory.batch_size > len(trajectory.train):
        raise TrainingError(f"{steps} steps of {trajectory.batch_size} blocks: expected 2 to what the data hold")
    started = time.monotonic()
    memory = PeakMemory(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    trunk = _Leg(trajectory, "trunk", branch, {"lr_scheduler_type": "constant_with_warmup"})
    trunk_start = trunk.last_checkpoint_step(at_most=branch)
    if trunk_start < branch:
        trunk.train(trunk.checkpoint(trunk_start), on_progress, steps, save_at=branch)
    decay = _Leg(trajectory, f"branch-{steps}", steps, {"lr_scheduler_type": "warmup_stable_decay"})
    begun = decay.last_checkpoint_step(at_most=steps)
    origin = decay.checkpoint(begun) if begun > branch else trunk.checkpoint(branch)
    trainer, collator = decay.train(origin, on_progress, steps)
    evaluation = trainer.evaluate()
    seen = _seen_once(trainer, collator, trajectory, steps)
    spent = {name: trunk.spent[name] + decay.spent[name] for name in trunk.spent}
    bytes_used = torch.tensor([memory.peak(), memory.before], device=trainer.args.device)
    peak, before = trainer.accelerator.reduce(bytes_used, "sum").tolist()
    tokens = count_tokens(trajectory.train.select(seen), trajectory.processor.tokenizer.pad_token_id)
    line = describe_run(trainer, spent["seconds"], evaluation) | {
        "commit": git_commit(),
        "tokens": tokens,
        "unique_tokens": tokens,
        "tokens_per_second": spent["steps"] * trajectory.batch_size * _context(trajectory) / spent["seconds"],
        "order_hash": collator.order_hash(),
        "peak_memory_bytes": peak,
        "memory_before_bytes": before,
        "memory_kind": memory.kind,
        "steps_trained": spent["steps"],
        "wall_seconds": spent["seconds"] + time.monotonic() - started - trunk.seconds_now - decay.seconds_now,
    }
    for leg in (trunk, decay):
        leg.forget_spent()
    if trainer.is_world_process_zero():
        shutil.rmtree(decay.folder, ignore_errors=True)
    return line


def _context(trajectory: Trajectory) -> int:
    return len(trajectory.train[0]["input_ids"])


class _Leg:
    """A part of a run at one schedule: the trunk up to a step, or a branch from there on; resumable."""

    def __init__(self, trajectory: Trajectory, name: str, steps: int, schedule: dict[str, str]):
        self.trajectory = trajectory
        self.folder = trajectory.folder / name
        self.steps = steps
        self.schedule = schedule
        self.seconds_now = 0.0
        self.spent = self._read_spent()

    def checkpoint(self, step: int) -> Path | None:
        """The checkpoint of a step; None for step 0."""
        return self.folder / f"checkpoint-{step}" if step else None

    def last_checkpoint_step(self, at_most: int) -> int:
        complete, _ = find_checkpoints(self.folder)
        return max((step for path in complete if (step := _step_of(path)) <= at_most), default=0)

    def train(
        self,
        origin: Path | None,
        on_progress: Callable[[int, int, float], None] | None,
        whole: int,
        save_at: int | None = None,
    ) -> tuple[MusicTrainer, CountingCollator]:
        """Go on from a checkpoint, of this leg or of the trunk, to this leg's last step.

        Args:
            origin: the checkpoint; None begins a fresh model.
            on_progress: see `train_to_horizon`.
            whole: steps of the whole run, for the progress.
            save_at: a step to save at.
        """
        trajectory = self.trajectory
        args = study_arguments(
            self.folder,
            self.steps,
            trajectory.batch_size,
            trajectory.micro_batch_size,
            trajectory.curve_points,
            max_steps=self.steps,
            save_total_limit=1,
            **({"warmup_steps": 0} | trajectory.arguments | self.schedule),
        )
        collator = CountingCollator(BlockCollator(trajectory.processor), len(trajectory.train))
        done = _step_of(origin) if origin else 0
        if origin:
            collator.resume(np.load(_order_file(origin, args.process_index)))
        numbered = trajectory.train.add_column(BLOCK_COLUMN, np.arange(len(trajectory.train)))
        trainer = study_trainer(
            trajectory.config, args, trajectory.processor, collator, numbered, trajectory.validation
        )
        told = None if on_progress is None else lambda step, _, nats: on_progress(step, whole, nats)
        trainer.add_callback(CurveCallback(told))
        trainer.add_callback(_Checkpoints(self, collator, done, save_at))
        began = time.monotonic()
        trainer.train(resume_from_checkpoint=str(origin) if origin else None)
        self.seconds_now = time.monotonic() - began
        self.spent = self._with_this_session(self.seconds_now, self.steps - done)
        self._write_spent(self.spent)
        return trainer, collator

    def note_spent(self, seconds: float, steps: int) -> None:
        """Keep what was spent up to a checkpoint, so that a session that goes on from it can add its own."""
        self._write_spent(self._with_this_session(seconds, steps))

    def forget_spent(self) -> None:
        """The run that it was spent on has ended."""
        (self.folder / _SPENT_FILE).unlink(missing_ok=True)

    def _with_this_session(self, seconds: float, steps: int) -> dict[str, float]:
        return {"seconds": self.spent["seconds"] + seconds, "steps": self.spent["steps"] + steps}

    def _read_spent(self) -> dict[str, float]:
        try:
            return json.loads((self.folder / _SPENT_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"seconds": 0.0, "steps": 0}

    def _write_spent(self, spent: dict[str, float]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{_SPENT_FILE}"
        partial.write_text(json.dumps(spent), encoding="utf-8")
        partial.replace(self.folder / _SPENT_FILE)


class _Checkpoints(TrainerCallback):
    """Saves now and then and at a given step, with the order in which blocks were seen and what has been spent."""

    def __init__(self, leg: _Leg, collator: CountingCollator, done: int, save_at: int | None):
        self.leg, self.collator, self.done, self.save_at = leg, collator, done, save_at
        self.began = self.saved = time.monotonic()

    def on_step_end(self, args, state: TrainerState, control: TrainerControl, **kwargs) -> TrainerControl:
        is_due = time.monotonic() - self.saved > _SECONDS_BETWEEN_CHECKPOINTS and state.global_step < self.leg.steps
        if is_due or state.global_step == self.save_at:
            control.should_save = True
            self.saved = time.monotonic()
            checkpoint = self.leg.folder / f"checkpoint-{state.global_step}"
            self._write_order(checkpoint, state.global_step, args)
        return control

    def on_save(self, args, state: TrainerState, control: TrainerControl, **kwargs) -> None:
        if state.is_world_process_zero:
            self.leg.note_spent(time.monotonic() - self.began, state.global_step - self.done)

    def _write_order(self, checkpoint: Path, step: int, args: MusicTrainingArguments) -> None:
        """Before the checkpoint is written, which is marked as complete with all that lies in its folder."""
        checkpoint.mkdir(parents=True, exist_ok=True)
        # The next batch is handed out before it is trained on.
        seen = self.collator.order[: step * self.leg.trajectory.batch_size // args.world_size]
        np.save(_order_file(checkpoint, args.process_index), np.array(seen, dtype=np.int64))


def _order_file(checkpoint: Path, process: int) -> Path:
    return checkpoint / f"order-{process}.npy"


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _seen_once(trainer: MusicTrainer, collator: CountingCollator, trajectory: Trajectory, steps: int) -> np.ndarray:
    """The blocks that the processes saw, by number; there must be as many as the run has, none of them twice."""
    order = np.array(collator.order[: steps * trajectory.batch_size // trainer.args.world_size])
    own = torch.from_numpy(np.bincount(order, minlength=len(trajectory.train))).to(trainer.args.device)
    counts = trainer.accelerator.reduce(own, "sum").cpu().numpy()
    tokens = int(trainer.state.num_input_tokens_seen)
    check_one_epoch(counts[counts > 0], trainer.state.global_step, trajectory.batch_size, tokens, _context(trajectory))
    return np.flatnonzero(counts)
