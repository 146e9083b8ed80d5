"""How far a job has come."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Progress:
    """How far a job has come; what a checkpoint keeps besides tensors.

    Attributes:
        step: steps taken.
        epoch: being trained on, from 0.
        position: steps taken in that epoch.
        tokens: trained on.
        seconds: that the job has had, until the checkpoint.
        validations: by step: nats a token, bits a note.
        curve: by step: mean nats a token of the training since the one before.
        micro_tokens: of a forward pass, on which the batches depend.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    tokens: int = 0
    seconds: float = 0.0
    micro_tokens: int = 0
    validations: list[dict[str, Any]] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
