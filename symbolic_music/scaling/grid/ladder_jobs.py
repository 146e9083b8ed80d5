"""A scaling study's runs as jobs of a queue, for machines where the study itself cannot run, and back.

Knows the study's file and the ladder, nothing of how a queue works.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from symbolic_music.models import auto
from symbolic_music.scaling.grid.ladder import (
    LadderError,
    lstm_config,
    parameter_count,
    training_flops_per_token,
    transformer_config,
)
from symbolic_music.scaling.grid.study import Run, StudyError, StudySettings, read_settings

auto.register_configs()

_SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "embedding_size", "position_encoding")
# What the order of a job's blocks depends on, besides the pieces.
_ORDER = ("context", "micro_tokens", "fraction", "seed")
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


def ladder_runs(
    entries: Sequence[Mapping[str, Any]], state: Mapping[str, Mapping[str, Any]], packed: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The complete jobs of a ladder as lines of a study's log, for its report.

    Args:
        entries: of `ladder_jobs`.
        state: of the queue, by name.
        packed: description of the packed data.
    """
    complete = [entry for entry in entries if state.get(entry["name"], {}).get("status") == "complete"]
    return [_run_line(entry, state[entry["name"]], packed) for entry in complete]


def _run_line(entry: Mapping[str, Any], facts: Mapping[str, Any], packed: Mapping[str, Any]) -> dict[str, Any]:
    settings, vocab_size = dict(entry["model"]), packed["vocab_size"]
    config = AutoConfig.for_model(settings.pop("model_type"), vocab_size=vocab_size, **settings)
    counted, flops = parameter_count(config), training_flops_per_token(config, entry["context"])
    sessions, tokens = [session for session in facts["sessions"] if "steps" in session], facts["total_tokens"]
    last, validation = sessions[-1], facts["validations"][-1]
    return {
        **entry["labels"],
        "run": entry["name"],
        "model": {"vocab_size": vocab_size, **settings},
        "parameters": counted.total,
        "parameters_without_embeddings": counted.without_embeddings,
        "flops_per_token": flops,
        "flops": flops * tokens,
        "context": entry["context"],
        "blocks": tokens // entry["context"],
        "settings_hash": facts["fingerprint"],
        "curve": facts["curve"],
        "steps": facts["total_steps"],
        "batch_tokens": entry["batch_tokens"],
        "tokens": tokens,
        "unique_tokens": tokens,
        "train_seconds": sum(session["train_seconds"] for session in sessions),
        "tokens_per_second": last["tokens_per_second"],
        "utilisation": last["utilisation"],
        "wall_seconds": facts["seconds"],
        # Of a CPU it is not measured.
        "peak_memory_bytes": last["peak_memory_bytes"] or 0,
        "memory_before_bytes": 0,
        "memory_kind": "allocated on the GPU",
        "validation_tokens": validation["validation_tokens"],
        "validation_nats_per_token": validation["nats_per_token"],
        "validation_bits_per_note": validation["bits_per_note"],
        "learning_rate": entry["learning_rate"],
        "optimizer": "muon" if entry["muon"] else "adamw",
        "bf16": last["bf16"],
        "compiled": last["compiled"],
        "num_processes": 1,
        "command": last["command"],
        "commit": packed["commit"],
        "data_hash": packed["pieces_hash"],
        "tokenizer_hash": packed["tokenizer_hash"],
        "order_hash": _order_hash(entry, packed),
        "machine": last["device"],
        "versions": last["versions"],
    }


def _order_hash(entry: Mapping[str, Any], packed: Mapping[str, Any]) -> str:
    facts = [packed["pieces_hash"], *(entry[name] for name in _ORDER)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
