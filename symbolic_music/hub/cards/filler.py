"""The card of a shipped model that fills masked bars, generated from what training and evaluation wrote."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData
from transformers import PreTrainedModel

from symbolic_music.hub.cards.composer import ModelFacts, list_files
from symbolic_music.hub.cards.model_index import mean_distance, mean_overlap, measured
from symbolic_music.hub.cards.samples import ShownSamples
from symbolic_music.hub.cards.sections import statistics_table
from symbolic_music.hub.cards.template import render_card
from symbolic_music.metrics.intervals import from_to, in_brackets
from symbolic_music.metrics.memorisation.report import copies_table
from symbolic_music.models.hub_code import is_own

INFILLING_FILE = "infilling.json"
FILLING_FILE = "filling.json"
COMPARISON_FILE = "beside.json"
_STYLES = {
    "seq2seq": "a BART, which reads the masked window in its encoder",
    "causal": "another that reads the masked window, then goes on with what the masks stand for",
    "left-to-right": "one that reads from left to right, and knows nothing of what comes behind a note",
}


def filler_card(
    template: Path,
    facts: ModelFacts,
    model: PreTrainedModel,
    training: dict[str, Any],
    filling: dict[str, Any],
    beside: dict[str, Any],
    samples: Sequence[ShownSamples] = (),
) -> str:
    """The text of a card.

    Args:
        template: what it says around the figures, such as `model_cards/template_infill.md`.
        facts: what the files do not know.
        model: whether its code goes with it, and what it is a task of.
        training: `infilling.json`, which `train/train_infill.py` wrote.
        filling: `filling.json`, which `symbolic-music evaluate` wrote.
        beside: `beside.json`, which it wrote too, this model first.
        samples: what `symbolic-music infill` wrote.

    Raises:
        PublishError: when the template cannot be read or asks for a value that nobody knows.
    """
    test = beside["models"][0]
    return render_card(
        template,
        card_data=_metadata(facts, model, training, filling).to_yaml(),
        is_stock=not is_own(model),
        model_class=type(model).__name__,
        samples=[_shown(facts, shown) for shown in samples],
        losses=losses_table(beside["models"]),
        fills=fills_table(filling),
        **{name: f"{filling['settings'][name]:g}" for name in ("temperature", "top_p")},
        notes_per_second=f"{filling['with_grammar']['notes_per_second']:,.0f}",
        statistics=statistics_table(filling["statistics"]),
        memorisation=copies_table(filling["memorisation"]),
        training_pieces=f"{filling['memorisation']['training_pieces']:,}",
        **{
            name: f"{test[key]:,}" for name, key in (("notes", "notes"), ("windows", "examples"), ("groups", "groups"))
        },
        **facts.words(),
        **_made(training),
    )


def _metadata(
    facts: ModelFacts, model: PreTrainedModel, training: dict[str, Any], filling: dict[str, Any]
) -> ModelCardData:
    task = "text2text-generation" if model.config.is_encoder_decoder else "text-generation"
    results = {
        "bits_per_note": training["test"]["bits_per_note"],
        "fill_validity": filling["with_grammar"]["share"],
        "mean_distance_to_human": mean_distance(filling),
        "mean_overlapping_area": mean_overlap(filling),
        "covered_by_copies": filling["memorisation"]["samples"]["covered"]["mean"],
        "covered_by_copies_in_human_pieces": filling["memorisation"]["human"]["covered"]["mean"],
    }
    return ModelCardData(
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag=task,
        tags=["music", "midi", "symbolic-music", "music-infilling"],
        model_name=facts.title,
        eval_results=[
            measured(name, value, "masked bars of held-out pieces", task=task) for name, value in results.items()
        ],
    )


def _shown(facts: ModelFacts, shown: ShownSamples) -> dict[str, str]:
    told = shown.summary
    command = f"symbolic-music infill {told['file']} --bars {told['bars']} --model {facts.repository}"
    command += f" {shown.sampling_flags}"
    return {"command": command, "files": "\n".join(list_files(facts.repository, shown))}


def losses_table(models: Sequence[dict[str, Any]]) -> str:
    """What masked bars cost several models, the first of which the others are set beside."""
    lines = [
        "| model | parameters | steps | minutes | bits per note | this one is cheaper by |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    return "\n".join([*lines, *(_row(row, is_first=row is models[0]) for row in models)])


def _row(row: dict[str, Any], is_first: bool) -> str:
    name = "**this model**" if is_first else _STYLES[row["style"]]
    interval = row["bits_per_note_interval"]
    cost = f"{row['bits_per_note']:.3f} {in_brackets(interval) if interval else ''}".rstrip()
    less = row["first_is_cheaper_by"]
    cheaper = "itself" if is_first else "too few pieces"
    if less is not None and not is_first:
        cheaper = f"{less['bits_per_note']:.3f} {in_brackets(less)}"
    steps, minutes = (
        "unknown" if value is None else pattern.format(value)
        for value, pattern in ((row["steps"], "{:,}"), (row["training_minutes"], "{:.0f}"))
    )
    return f"| {name} | {row['parameters']:,} | {steps} | {minutes} | {cost} | {cheaper} |"


def fills_table(filling: dict[str, Any]) -> str:
    """How many fills of held-out pieces last as long as their bars, with the grammar and without."""
    lines = ["| sampled | as long as their bars (95% interval) | all else untouched |", "|---|---|---|"]
    for name, title in (("with_grammar", "with the grammar"), ("without_grammar", "without")):
        found = filling[name]
        lines.append(
            f"| {title} | {found['valid']} of {found['samples']} ({from_to(found['interval'])}) "
            f"| {found['untouched']} of {found['valid']} |"
        )
    return "\n".join(lines)


def _made(training: dict[str, Any]) -> dict[str, str]:
    return {
        "window_bars": str(training["arguments"]["window_bars"]),
        "examples": ", ".join(f"{count:,} {name}" for name, count in training["examples"].items()),
        "split_hash": training["split_hash"],
        "training_minutes": f"{training['training_minutes']:.0f}",
        "machine": training["machine"],
        "seed": str(training["seed"]),
    }
