"""A report's main figures in the form that Hub pages show beside a model: the `model-index` of its card."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from huggingface_hub import EvalResult, ModelCardData


def measured(
    name: str, value: float, pieces: str = "held-out pieces", split: str = "test", task: str = "text-generation"
) -> EvalResult:
    """One figure of held-out pieces, or of what else was held out."""
    return EvalResult(
        task_type=task,
        dataset_type="symbolic-music",
        dataset_name=f"{pieces} by near-duplicate group",
        dataset_split=split,
        metric_type=name,
        metric_value=round(value, 4),
    )


def eval_results(figures: Mapping[str, Any]) -> list[EvalResult]:
    """The figures that a Hub page lists: loss, validity, likeness to human pieces and copying."""
    loss, valid = figures["loss"], figures["sampling"]["with_grammar"]
    values = {
        "bits_per_note": loss["bits_per_note"],
        "bits_per_bar": loss["bits_per_bar"],
        "decode_validity": valid["share"],
        "mean_distance_to_human": mean_distance(figures),
        "mean_overlapping_area": mean_overlap(figures),
        "covered_by_copies": figures["memorisation"]["samples"]["covered"]["mean"],
        "covered_by_copies_in_human_pieces": figures["memorisation"]["human"]["covered"]["mean"],
    }
    return [measured(name, value, split=loss["split"]) for name, value in values.items()]


def mean_distance(figures: Mapping[str, Any]) -> float:
    """How many human standard deviations the means lie apart, averaged over the statistics."""
    return float(np.mean([abs(row["distance"]["value"]) for row in figures["statistics"].values()]))


def mean_overlap(figures: Mapping[str, Any]) -> float:
    """The overlapping area, averaged over the statistics."""
    return float(np.mean([row["overlapping_area"]["value"] for row in figures["statistics"].values()]))


def model_index_yaml(title: str, figures: Mapping[str, Any]) -> str:
    """The `model-index` alone, as the YAML that stands at the head of a card.

    Args:
        title: of the model.
        figures: of its report.
    """
    return ModelCardData(model_name=title, eval_results=eval_results(figures)).to_yaml() + "\n"
