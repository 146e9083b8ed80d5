"""What a queue is: its jobs, as one YAML file says them, checked.

    data: …                      (of each job: the name of a packed folder)
    jobs:
      - name: remi-30m
        data: remi
        minutes: 8
        model: {model_type: music_transformer, hidden_size: 512, …}

Knows names and numbers, nothing of models or data.
"""

import difflib
import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from symbolic_music._yaml import read_mapping
from symbolic_music.training.queue.data.packed import QueueError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Job:
    """A model to be trained.

    Args:
        name: of its folder, and what others call it.
        data: name of the packed folder.
        model: `model_type` and the arguments of its configuration; what depends on the vocabulary is filled in.
        minutes: of the whole training, start and validation included; the learning rate reaches zero when they are up.
        least_minutes: fewer are not worth a start: loading, compiling, some steps, and writing weights.
        tokens: end after so many tokens instead, the learning rate following them; `minutes` is then only a limit.
        epochs: the same in passes over the data.
        fraction: of the training blocks, from the beginning.
        transposed: whether each epoch moves each piece to another key.
        context: tokens of a block; for an encoder-decoder, of the longest source or target.
        batch_tokens: tokens a step, of targets and sources together.
        micro_tokens: tokens a forward pass at most; a step's when left out.
        learning_rate: the peak.
        warmup: share of the training in which it is reached.
        muon: whether hidden matrices are trained by Muon, the rest by AdamW; else AdamW alone.
        weight_decay: not on norms, biases and embeddings.
        adam_beta2: decay of AdamW's second moment.
        max_grad_norm: gradients are clipped to this norm.
        seed: of weights and order.
        validate_minutes: between validations.
        save_minutes: between checkpoints.
        validation_tokens: tokens that are validated on at most.
        compile: whether torch.compile is tried.
        precision: of the weights that are written, bf16 or float32.
    """

    name: str
    data: str
    model: Mapping[str, Any]
    minutes: float
    least_minutes: float = 1.5
    tokens: int | None = None
    epochs: float | None = None
    fraction: float = 1.0
    transposed: bool = True
    context: int = 1024
    batch_tokens: int = 131_072
    micro_tokens: int | None = None
    learning_rate: float = 2e-3
    warmup: float = 0.02
    muon: bool = True
    weight_decay: float = 0.1
    adam_beta2: float = 0.95
    max_grad_norm: float = 1.0
    seed: int = 0
    validate_minutes: float = 2.0
    save_minutes: float = 2.0
    validation_tokens: int = 500_000
    compile: bool = True
    precision: str = "bf16"
    labels: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise QueueError(f"job {self.name!r}: expected a name of letters, digits, '.', '_' and '-'")
        if not isinstance(self.model, Mapping) or "model_type" not in self.model:
            raise QueueError(f"job {self.name}: expected a model with a model_type, found {self.model!r}")
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if value is None and name in ("tokens", "epochs", "micro_tokens"):
                continue
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
                raise QueueError(f"job {self.name}: {name} is {value!r}; expected {least:g} to {most:g}")
        if self.precision not in ("bf16", "float32"):
            raise QueueError(f"job {self.name}: precision is {self.precision!r}; expected bf16 or float32")
        if self.tokens is not None and self.epochs is not None:
            raise QueueError(f"job {self.name}: give tokens or epochs, not both")

    @property
    def seconds(self) -> float:
        """Of the whole training."""
        return 60 * self.minutes

    @property
    def fingerprint(self) -> str:
        """A short hash of all that the weights depend on; minutes may be changed while a job waits."""
        facts = asdict(self)
        for name in ("minutes", "least_minutes", "validate_minutes", "save_minutes", "compile", "precision"):
            del facts[name]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


_COUNT = 2.0**40
_RANGES = (
    ("minutes", 1e-3, 1e6),
    ("least_minutes", 0, 1e6),
    ("tokens", 1, _COUNT),
    ("epochs", 1e-6, 1e6),
    ("fraction", 1e-6, 1),
    ("context", 2, 2.0**20),
    ("batch_tokens", 1, _COUNT),
    ("micro_tokens", 1, _COUNT),
    ("learning_rate", 0, 1e3),
    ("warmup", 0, 1),
    ("weight_decay", 0, 1e3),
    ("adam_beta2", 0, math.nextafter(1, 0)),
    ("max_grad_norm", math.nextafter(0, 1), math.inf),
    ("seed", 0, 2.0**32 - 1),
    ("validate_minutes", 1e-3, 1e6),
    ("save_minutes", 1e-3, 1e6),
    ("validation_tokens", 1, _COUNT),
)


def read_jobs(path: Path) -> list[dict[str, Any]]:
    """The entries of a queue's file, with what `defaults` says filled in.

    Raises:
        QueueError: when it is missing, no YAML, or no list of jobs.
    """
    content = read_mapping(path, "a mapping with a list of jobs", QueueError)
    if not isinstance(content.get("jobs"), list) or not content["jobs"]:
        raise QueueError(f"{path}: expected a mapping with a list of jobs")
    _check_keys(content, ("defaults", "jobs"), str(path))
    entries = [{**(content.get("defaults") or {}), **entry} for entry in content["jobs"] if isinstance(entry, dict)]
    if len(entries) < len(content["jobs"]):
        raise QueueError(f"{path}: every job is a mapping of settings")
    return entries


def build_jobs(entries: list[dict[str, Any]]) -> list[Job]:
    """Jobs from entries.

    Raises:
        QueueError: for an unknown or missing setting, a wrong value, or two jobs of one name.
    """
    names = [each.name for each in fields(Job)]
    jobs: list[Job] = []
    for entry in entries:
        what = f"job {entry.get('name', '?')}"
        _check_keys(entry, names, what)
        missing = [name for name in ("name", "data", "model", "minutes") if name not in entry]
        if missing:
            raise QueueError(f"{what}: {missing[0]} is missing")
        jobs.append(Job(**{name: _number(name, value) for name, value in entry.items()}))
        if jobs[-1].name in {job.name for job in jobs[:-1]}:
            raise QueueError(f"{what}: there are two jobs of this name")
    return jobs


def _number(name: str, value: Any) -> Any:
    """YAML reads 3e-3, which has no point, as text."""
    if isinstance(value, str) and name in {numeric for numeric, _, _ in _RANGES}:
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _check_keys(given: Mapping[str, Any], known: Any, what: str) -> None:
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(str(key), sorted(known), n=1)
            raise QueueError(f"{what}: unknown setting {key!r}" + (f", did you mean {close[0]!r}?" if close else ""))
