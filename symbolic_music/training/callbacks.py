"""What happens beside training: the time budget, a line per log, live samples and the loss plot.

Callbacks know the Trainer's state and logs; they never change what a training step computes. Only the time budget
decides anything, and only when there is one.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import torch
from accelerate.utils import broadcast_object_list
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.integrations.integration_utils import TensorBoardCallback, default_logdir
from transformers.utils import logging

from symbolic_music._extras import require
from symbolic_music.training.optimization.schedule import TimeBudget
from symbolic_music.training.parallel.shards import is_in_shards, whole_copy

logger = logging.get_logger(__name__)

SAMPLES_FOLDER = "samples"
LOSS_PLOT = "loss.png"


def show_progress(trainer: Trainer, budget: TimeBudget | None) -> None:
    """Give a trainer what every training script has: a line for each log, a plot of losses, and an end in time.

    Args:
        trainer: whose own printing is taken away.
        budget: of time; None for none.
    """
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(ProgressLineCallback(budget))
    trainer.add_callback(LossPlotCallback())
    if budget is not None:
        trainer.add_callback(TimeBudgetCallback(budget, trainer.accelerator.num_processes))
    _log_beside_the_model(trainer)


def _log_beside_the_model(trainer: Trainer) -> None:
    """Tell TensorBoard's callback its folder, which it learns when training begins: an evaluation before that would
    be logged to `runs/` in the current folder (transformers 5.23).
    """
    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, TensorBoardCallback) and callback.logging_dir is None:
            callback.logging_dir = str(Path(trainer.args.output_dir or ".", default_logdir()))


class TimeBudgetCallback(TrainerCallback):
    """Stops training when the budget is spent, with a last validation and checkpoint inside it.

    All processes follow the clock of process 0, since they must take the same number of steps.
    """

    def __init__(self, budget: TimeBudget, num_processes: int = 1):
        self.budget = budget
        self.num_processes = num_processes

    def on_train_begin(self, args, state, control: TrainerControl, **kwargs) -> None:
        """Start the clock, or let it go on from what a resumed run has spent; loading the data is not counted."""
        self.budget.start(self.budget.now)

    def on_step_begin(self, args, state, control: TrainerControl, **kwargs) -> None:
        """Keep what lay between the steps."""
        self.budget.step_begins()

    def on_optimizer_step(self, args, state, control: TrainerControl, **kwargs) -> None:
        """Read the clock once per step, before the schedule asks for the share that is spent."""
        clock = [(self.budget.elapsed(), self.budget.longest_pause)]
        if self.num_processes > 1:
            broadcast_object_list(clock, from_process=0)
        self.budget.now, self.budget.longest_pause = clock[0]

    def on_step_end(self, args, state, control: TrainerControl, **kwargs) -> TrainerControl:
        """Stop when the next step would run into the time the last validation needs."""
        self.budget.step_ended()
        if self.budget.progress() >= 1.0:
            control.should_training_stop = True
            control.should_log = control.should_evaluate = control.should_save = True
        return control


class ProgressLineCallback(TrainerCallback):
    """One line that a human reads for each log, on process 0.

    Args:
        budget: when given, the line tells the minutes spent of it.
        stream: where to; standard output when None.
    """

    def __init__(self, budget: TimeBudget | None = None, stream: TextIO | None = None):
        self.budget = budget
        self.stream = stream

    def on_log(self, args, state: TrainerState, control, logs: dict[str, float] | None = None, **kwargs) -> None:
        """Print the line; logs that are neither training nor validation losses are left to the trackers."""
        parts = progress_parts(logs or {})
        if not state.is_world_process_zero or not parts:
            return
        head = f"step {state.global_step}/{state.max_steps}"
        if self.budget is not None:
            head += f"  {self.budget.elapsed() / 60:.1f}/{self.budget.seconds / 60:.1f} min"
        print(f"{head} | {' | '.join(parts)}", file=self.stream or sys.stdout, flush=True)


def progress_parts(logs: dict[str, float]) -> list[str]:
    """The parts of a progress line, with their units."""
    formats = {
        "nats_per_token": "train {:.4f} nats/token",
        "eval_loss": "validation {:.4f} nats/token",
        "eval_bits_per_note": "{:.3f} bits/note",
        "eval_bits_per_bar": "{:.2f} bits/bar",
        "structural_loss": "structural {:.5f}",
        "eval_structural_loss": "structural {:.5f}",
        "learning_rate": "rate {:.2e}",
        "grad_norm": "gradient {:.2f}",
        "train_tokens_per_second": "{:,.0f} tokens/s",
    }
    return [text.format(logs[name]) for name, text in formats.items() if name in logs]


class LiveSamplesCallback(TrainerCallback):
    """Writes a sample as MIDI after every N-th validation, so that one can hear the training.

    The random states are put back afterwards: a run with samples is the run without them.

    Args:
        write_sample: called with the model, a seed and the path of the file to write.
        output_dir: where `samples/step-000250.mid` go.
        every: N.
        seed: of the first sample; later ones count up with the step.
    """

    def __init__(
        self, write_sample: Callable[[PreTrainedModel, int, Path], None], output_dir: Path, every: int, seed: int
    ):
        self.write_sample = write_sample
        self.folder = output_dir / SAMPLES_FOLDER
        self.every = every
        self.seed = seed
        self.num_evaluations = 0

    def on_evaluate(self, args, state: TrainerState, control, **kwargs) -> None:
        """Write the sample; a sampler that fails is reported and does not end the training."""
        self.num_evaluations += 1
        if self.num_evaluations % self.every:
            return
        with torch.random.fork_rng():
            # What is in shards is put together by all processes.
            model = whole_copy(kwargs["model"]) if is_in_shards(kwargs["model"]) else kwargs["model"]
            if state.is_world_process_zero and model is not None:
                self._write(model, state.global_step)

    def _write(self, model: PreTrainedModel, step: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                self.write_sample(model, self.seed + step, self.folder / f"step-{step:06d}.mid")
        except ValueError as error:
            logger.warning(f"no sample at step {step}: {error}")
        finally:
            model.train(was_training)


class LossPlotCallback(TrainerCallback):
    """Draws `loss.png` into the output folder when training ends."""

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control, **kwargs) -> None:
        """Draw on process 0."""
        if state.is_world_process_zero:
            plot_losses(state.log_history, Path(str(args.output_dir)) / LOSS_PLOT)


def loss_curves(log_history: list[dict[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """(step, value) pairs of each curve: "train" and "validation" in nats per token, "bits_per_note" of validation."""
    names = {"train": "nats_per_token", "validation": "eval_loss", "bits_per_note": "eval_bits_per_note"}
    return {
        curve: [(entry["step"], entry[name]) for entry in log_history if name in entry]
        for curve, name in names.items()
    }


def plot_losses(log_history: list[dict[str, Any]], path: Path) -> None:
    """Training and validation curves in nats per token, with validation's bits per note on the second axis.

    Both axes show the same validation curve, since bits per note are nats per token times a constant of the split.

    Args:
        log_history: the Trainer's logs.
        path: the PNG to write.
    """
    curves = loss_curves(log_history)
    figure = require("matplotlib.figure").Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, marker in (("train", ""), ("validation", "o")):
        if curves[name]:
            axes.plot(*zip(*curves[name], strict=True), label=name, marker=marker, markersize=3)
    axes.set(xlabel="step", ylabel="nats per token")
    axes.grid(alpha=0.3)
    axes.legend()
    if curves["bits_per_note"] and curves["validation"]:
        factor = curves["bits_per_note"][-1][1] / curves["validation"][-1][1]
        second = axes.secondary_yaxis("right", functions=(lambda nats: nats * factor, lambda bits: bits / factor))
        second.set_ylabel("bits per note (validation)")
    figure.savefig(path, dpi=120, metadata={"Software": None})
