"""A scaling study's runs as jobs of a queue, for machines where the study itself cannot run.

Knows the study's file and the ladder, nothing of how a queue works.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from symbolic_music.scaling.ladder import LadderError, lstm_config, transformer_config
from symbolic_music.scaling.study import Run, StudyError, StudySettings, read_settings

_SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "embedding_size", "position_encoding")
# What a job calls an argument of the study's training.
_TRAINING = {"warmup_steps": "warmup", "weight_decay": "weight_decay", "max_grad_norm": "max_grad_norm"}


def ladder_jobs(entry: Mapping[str, Any], folder: Path, vocab_size: int) -> list[dict[str, Any]]:
    """Every run of a study as an entry of a queue: one epoch, untransposed.

    Args:
        entry: of a queue's file, with `ladder`, the study's file; all else is for every job.
        folder: that the study's file is named from.
        vocab_size: of the packed data.

    Raises:
        StudyError: for a study that cannot be read, or a size that no LSTM matches.
    """
    shared = {name: value for name, value in entry.items() if name not in ("ladder", "name")}
    settings = read_settings(folder / str(entry["ladder"]))
    prefix = f"{entry['name']}-" if "name" in entry else ""
    return [shared | _job(run, settings, prefix, vocab_size) for run in settings.runs()]


def _job(run: Run, settings: StudySettings, prefix: str, vocab_size: int) -> dict[str, Any]:
    rung, position_encoding = settings.sizes[run.size], settings.position_encoding
    make = {"transformer": transformer_config, "lstm": lstm_config}[run.family]
    try:
        config = make(rung, vocab_size, settings.context, position_encoding)
    except LadderError as error:
        raise StudyError(f"{run.name}: {error}") from error
    sizes = {name: getattr(config, name) for name in _SIZES if hasattr(config, name)}
    training = {_TRAINING[name]: value for name, value in (settings.training or {}).items() if name in _TRAINING}
    micro = settings.micro_batch_size or settings.batch_size
    return {
        "name": f"{prefix}{run.name}",
        "model": {"model_type": config.model_type, **sizes, "tie_word_embeddings": False, "dropout": 0.0},
        "context": settings.context,
        "batch_tokens": settings.batch_size * settings.context,
        "micro_tokens": micro * settings.context,
        "learning_rate": settings.learning_rate[run.family].at(run.size, config.hidden_size),
        "muon": settings.muon[run.family],
        "fraction": run.fraction,
        "seed": run.seed,
        "epochs": 1,
        "transposed": False,
        "labels": {"family": run.family, "size": run.size, "fraction": run.fraction, "seed": run.seed},
        **training,
    }
