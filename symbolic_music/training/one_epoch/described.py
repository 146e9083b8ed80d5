"""What a study keeps of a run that has ended, and what happens on the way: the curve, the progress, checkpoints."""

import math
import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState

from symbolic_music._command import shown_command
from symbolic_music.training.summary import machine_class
from symbolic_music.training.trainer import MusicTrainer

_VERSIONS = ("symbolic-music-hf", "torch", "transformers", "accelerate", "numpy")


class CurveCallback(TrainerCallback):
    """Logs the last step too, whatever `logging_steps` is, and tells the progress."""

    def __init__(self, on_progress: Callable[[int, int, float], None] | None):
        self.on_progress = on_progress

    def on_step_end(self, args, state: TrainerState, control: TrainerControl, **kwargs) -> TrainerControl:
        """See that the last step is logged."""
        control.should_log = control.should_log or state.global_step == state.max_steps
        return control

    def on_log(self, args, state: TrainerState, control, logs: Mapping[str, float] | None = None, **kwargs) -> None:
        """Tell the progress."""
        nats = (logs or {}).get("nats_per_token")
        if self.on_progress is not None and state.is_world_process_zero and nats is not None:
            self.on_progress(state.global_step, state.max_steps, nats)


def describe_run(trainer: MusicTrainer, train_seconds: float, evaluation: Mapping[str, float]) -> dict[str, Any]:
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
