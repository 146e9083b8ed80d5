"""The card of a model as training left it: what validation said, and that nothing has been tested. Knows no model.

It has no `model-index`, so that `symbolic-music publish` does not take it for the card of an evaluated model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from huggingface_hub import ModelCardData


@dataclass(frozen=True)
class RunFacts:
    """What a card says of a run.

    Attributes:
        title: the card's heading.
        parameters: how many the model has.
        step: optimiser steps taken.
        max_steps: optimiser steps that were planned.
        finished: whether the run has come to its end.
        log_history: the Trainer's logs.
        seed: of the run.
    """

    title: str
    parameters: int
    step: int
    max_steps: int
    finished: bool
    log_history: Sequence[dict[str, Any]]
    seed: int


def run_card(facts: RunFacts) -> str:
    """A README for what a Trainer pushes, front matter included."""
    data = ModelCardData(
        library_name="transformers",
        tags=["music", "symbolic-music", "music-generation", "not-evaluated"],
    )
    state = "The run has ended" if facts.finished else "**The run goes on**: these weights are not final"
    return f"""---
{data.to_yaml()}
---

# {facts.title}

A symbolic music model of {facts.parameters:,} parameters. {state}; step {facts.step:,} of {facts.max_steps:,}, seed
{facts.seed}.

**Not evaluated.** No test piece was scored, and no sample counted as valid or not. What follows is validation loss,
by which the weights were chosen, on blocks cut from validation pieces.

{_validation_table(facts.log_history)}
"""


def _validation_table(log_history: Sequence[dict[str, Any]]) -> str:
    found = [entry for entry in log_history if math.isfinite(entry.get("eval_loss", math.nan))]
    if not found:
        return "There was no validation yet."
    best = min(found, key=lambda entry: entry["eval_loss"])
    rows = [f"| {name} | {_row(entry)} |" for name, entry in (("best", best), ("last", found[-1]))]
    return "\n".join(["| validation | step | nats per token | bits per note |", "|---|---:|---:|---:|", *rows])


def _row(entry: dict[str, Any]) -> str:
    bits = f"{entry['eval_bits_per_note']:.3f}" if "eval_bits_per_note" in entry else "no notes"
    return f"{entry['step']:,} | {entry['eval_loss']:.4f} | {bits}"
