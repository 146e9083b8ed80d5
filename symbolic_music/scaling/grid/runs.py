"""What is planned and what is finished of a study: each run's model and size, and the log of finished runs.

Knows configurations and lines of JSON; nothing of how a model is trained.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from filelock import BaseFileLock, FileLock, Timeout
from transformers import PreTrainedConfig

from symbolic_music.scaling.grid.ladder import (
    LadderError,
    lstm_config,
    parameter_count,
    training_flops_per_token,
    transformer_config,
)
from symbolic_music.scaling.grid.study import Run, StudyError, StudySettings
from symbolic_music.tokenization.processing_music import MusicProcessor

RUNS_FILE = "runs.jsonl"
_CONFIG_OF_FAMILY: dict[str, Callable[..., PreTrainedConfig]] = {
    "transformer": transformer_config,
    "lstm": lstm_config,
}
_SIZES_KEPT = ("hidden_size", "num_hidden_layers", "num_attention_heads", "embedding_size", "vocab_size")


@dataclass(frozen=True)
class StudyData:
    """What every run of a study is trained and validated on.

    Args:
        train: blocks of `pack_split`, untransposed; a fraction is its beginning, whole pieces in a random order.
        validation: blocks.
        processor: whose ids they are.
        data_hash: of the dataset's splits.
        tokenizer_hash: of the tokenizer.
    """

    train: Dataset
    validation: Dataset
    processor: MusicProcessor
    data_hash: str
    tokenizer_hash: str


@dataclass(frozen=True)
class PlannedRun:
    """A run with all that is known before it is trained.

    Args:
        run: its key.
        config: of its model.
        learning_rate: the peak.
        num_blocks: trained on; a multiple of the blocks per step, so that no block is seen twice to fill a step up.
        num_left_out: blocks of the fraction that fill no step.
        parameters, parameters_without_embeddings: of the model.
        flops_per_token: of training.
        settings: short hash of all the figures depend on besides the key.
        lock: what a job holds while it trains the run; runs that share a trunk have one lock.
        trained_share: of the run's tokens that are trained for it, and for no shorter run whose trunk it goes on from.
    """

    run: Run
    config: PreTrainedConfig
    learning_rate: float
    num_blocks: int
    num_left_out: int
    parameters: int
    parameters_without_embeddings: int
    flops_per_token: float
    settings: str
    lock: str
    trained_share: float = 1.0

    def flops(self, context: int) -> float:
        """Training FLOPs of the whole run."""
        return self.flops_per_token * self.num_blocks * context

    def flops_to_train(self, context: int) -> float:
        """Those of them that are spent on this run."""
        return self.trained_share * self.flops(context)

    def describe(self, context: int) -> dict[str, Any]:
        """What a line of the log says of the run besides what was measured."""
        return {
            "run": self.run.name,
            "family": self.run.family,
            "size": self.run.size,
            "fraction": self.run.fraction,
            "seed": self.run.seed,
            "model": {name: getattr(self.config, name) for name in _SIZES_KEPT if hasattr(self.config, name)},
            "parameters": self.parameters,
            "parameters_without_embeddings": self.parameters_without_embeddings,
            "flops_per_token": self.flops_per_token,
            "flops": self.flops(context),
            "flops_trained": self.flops_to_train(context),
            "context": context,
            "blocks": self.num_blocks,
            "blocks_left_out": self.num_left_out,
            "settings_hash": self.settings,
        }


def model_config(run: Run, settings: StudySettings, processor: MusicProcessor) -> PreTrainedConfig:
    """The configuration of a run's model, for a processor's ids."""
    tokenizer, rung = processor.tokenizer, settings.sizes[run.size]
    config = _CONFIG_OF_FAMILY[run.family](rung, len(tokenizer), settings.context, settings.position_encoding)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(config, name, getattr(tokenizer, name))
    config.dropout = 0.0  # each token is seen once: there is nothing to learn by heart
    return config


def plan_run(
    run: Run, settings: StudySettings, data: StudyData, branch_step: Callable[[int], int] | None = None
) -> PlannedRun:
    """All that is known of a run before it is trained.

    Args:
        run: of the grid.
        settings: of the study.
        data: of the study.
        branch_step: where a run of so many steps leaves its trunk; needed where runs share trunks.

    Raises:
        StudyError: when the fraction holds less than one step's blocks, or the size has no LSTM that matches it.
    """
    try:
        config = model_config(run, settings, data.processor)
    except LadderError as error:
        raise StudyError(f"{run.name}: {error}") from error
    available = round(run.fraction * len(data.train))
    num_blocks = available - available % settings.batch_size
    if not num_blocks:
        raise StudyError(
            f"{run.name}: {available} of {len(data.train)} blocks do not fill a step of {settings.batch_size}; "
            "use a larger fraction or a smaller batch_size"
        )
    learning_rate = settings.learning_rate[run.family].at(run.size, config.hidden_size)
    facts = {
        "config": {name: value for name, value in config.to_diff_dict().items() if name != "transformers_version"},
        "learning_rate": learning_rate,
        "muon": settings.muon[run.family],
        "num_blocks": num_blocks,
        "context": settings.context,
        "batch_size": settings.batch_size,
        "max_validation_pieces": settings.max_validation_pieces,
        "training": dict(settings.training or {}),
        "data_hash": data.data_hash,
        "tokenizer_hash": data.tokenizer_hash,
    }
    if settings.share_trunks:
        facts["trunk_blocks"] = trunk_blocks(settings, data)  # one random order of all of them
    counted = parameter_count(config)
    return PlannedRun(
        run=run,
        config=config,
        learning_rate=learning_rate,
        num_blocks=num_blocks,
        num_left_out=available - num_blocks,
        parameters=counted.total,
        parameters_without_embeddings=counted.without_embeddings,
        flops_per_token=training_flops_per_token(config, settings.context),
        settings=settings_hash(facts),
        lock=run.trunk_name if settings.share_trunks else run.name,
        trained_share=_trained_share(run, settings, data, branch_step) if settings.share_trunks else 1.0,
    )


def trunk_blocks(settings: StudySettings, data: StudyData) -> int:
    """The blocks that runs which share a trunk are dealt from: those of the largest fraction, in whole steps."""
    available = round(max(settings.fractions) * len(data.train))
    return available - available % settings.batch_size


def _trained_share(
    run: Run, settings: StudySettings, data: StudyData, branch_step: Callable[[int], int] | None
) -> float:
    if branch_step is None:
        raise ValueError("runs share trunks: where does one leave its own?")
    shorter, whole = (
        round(fraction * len(data.train)) // settings.batch_size
        for fraction in (settings.shorter(run.fraction), run.fraction)
    )
    return 1 - branch_step(shorter) / whole


# ---- the log of finished runs ---------------------------------------------------------------------------------------


def settings_hash(facts: Mapping[str, Any]) -> str:
    """A short hash of all that a run's figures depend on besides its key."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def read_runs(path: Path) -> list[dict[str, Any]]:
    """The finished runs of a log; a last line that was cut while it was written is left out.

    Raises:
        StudyError: for any other line that is no run.
    """
    if not path.exists():
        return []
    runs = []
    # What follows the last line's end was being written when the study was stopped.
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], start=1):
        try:
            run = json.loads(line)
            if not isinstance(run, dict) or "run" not in run:
                raise ValueError("no run")
        except ValueError as error:
            raise StudyError(f"{path}, line {number}: not a finished run ({error})") from None
        runs.append(run)
    return runs


def append_run(path: Path, run: Mapping[str, Any]) -> None:
    """Add a finished run; a line that was cut before is cut off first, so that lines stay whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")), path.open("a+b") as file:
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.write(json.dumps(run, sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


class Claims:
    """Which run of a study this job is at, so that several jobs can work on one study.

    A claim is a lock on a file, which the system lets go when the job that holds it ends, however it ends.

    Args:
        output: folder of the log.
    """

    def __init__(self, output: Path):
        self.log = output / RUNS_FILE
        self.folder = output / ".claims"
        self._held: BaseFileLock | None = None

    def take(self, locks: Mapping[str, str]) -> str | None:
        """Hold the first of these runs that is neither finished nor held by another job; None when there is none.

        Args:
            locks: by the run's name, what a job holds while it trains it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        done = {run["run"] for run in read_runs(self.log)}
        for name, held in locks.items():
            if name in done:
                continue
            lock = FileLock(self.folder / f"{held}.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                continue
            # Only now: another job may have finished it, and let go, a moment ago.
            if name not in {run["run"] for run in read_runs(self.log)}:
                self._held = lock
                return name
            lock.release()
        return None

    def __enter__(self) -> None:
        """The run is being trained."""

    def __exit__(self, *exception: object) -> None:
        if self._held is not None:
            self._held.release()
            self._held = None


def runs_to_do(planned: Mapping[str, str], finished: Sequence[Mapping[str, Any]], path: Path) -> list[str]:
    """Names of the planned runs that are not finished.

    Args:
        planned: settings hash by name.
        finished: lines of the log.
        path: of the log, for the message.

    Raises:
        StudyError: when a finished run was made with other settings: two studies in one log would be compared as one.
    """
    done = {run["run"]: run["settings_hash"] for run in finished}
    for name, settings in planned.items():
        if done.get(name, settings) != settings:
            raise StudyError(
                f"{path} holds {name} trained with other settings ({done[name]}, now {settings}); "
                "choose another --output"
            )
    return [name for name in planned if name not in done]


def seconds_left(to_do: Sequence[tuple[str, float]], finished: Sequence[Mapping[str, Any]]) -> float | None:
    """An estimate of the time that runs will take, by the seconds per FLOP of the finished ones.

    Of those of the same family the latest is taken, since runs come by ascending size and larger models use a machine
    better; without one of the family, the latest of any.

    Args:
        to_do: (family, FLOPs) of each run.
        finished: lines of the log.

    Returns:
        Seconds, or None when nothing is finished.
    """
    if not finished:
        return None
    pace = {run["family"]: run["wall_seconds"] / trained_flops(run) for run in finished}
    latest = finished[-1]["wall_seconds"] / trained_flops(finished[-1])
    return sum(flops * pace.get(family, latest) for family, flops in to_do)


def trained_flops(line: Mapping[str, Any]) -> float:
    """FLOPs that were spent on a finished run; logs of earlier versions knew no shared trunks."""
    return line.get("flops_trained", line["flops"])


def format_minutes(seconds: float | None) -> str:
    """A duration for a progress line."""
    if seconds is None:
        return "not known yet"
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
