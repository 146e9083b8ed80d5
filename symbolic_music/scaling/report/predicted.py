"""What was said before a study's runs were made, losses and hours, and what came: sections of its report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symbolic_music.metrics.intervals import in_brackets
from symbolic_music.scaling.fits.intervals import BOOTSTRAP_SAMPLES, fit_with_intervals
from symbolic_music.scaling.fits.laws import FitError, Points
from symbolic_music.scaling.fits.predictions import (
    PREDICTIONS_FILE,
    Prediction,
    outcomes,
    predict_runs,
    r2_of_outcomes,
    read_predictions,
)
from symbolic_music.scaling.grid.budget import plan_kept
from symbolic_music.scaling.grid.runs import PlannedRun
from symbolic_music.scaling.grid.study import FAMILIES


def points_of(runs: Sequence[Mapping[str, Any]], count: str) -> Points:
    """The points that runs with a finite loss are to the fits."""
    columns = {name: np.array([run[name] for run in runs], dtype=float) for name in (count, "tokens", "unique_tokens")}
    losses = np.array([run["validation_nats_per_token"] for run in runs])
    return Points(columns[count], columns["tokens"], losses, columns["unique_tokens"])


def predict_unfinished(
    plans: Sequence[PlannedRun],
    runs: Sequence[Mapping[str, Any]],
    context: int,
    count: str,
    samples: int = BOOTSTRAP_SAMPLES,
) -> tuple[list[Prediction], list[str]]:
    """Predictions of the runs that have not ended, each family from its own runs that have.

    Args:
        plans: the grid.
        runs: lines of the log.
        context: tokens per block.
        count: what N is.
        samples: bootstrap replicates.

    Returns:
        The predictions, and why there are none of a family.
    """
    done = {line["run"] for line in runs}
    found, reasons = [], []
    for family in FAMILIES:
        wanted = [
            {"run": plan.run.name, "tokens": plan.num_blocks * context, count: getattr(plan, count)}
            for plan in plans
            if plan.run.family == family and plan.run.name not in done
        ]
        own = [line for line in runs if line["family"] == family and line["validation_nats_per_token"] is not None]
        if not wanted:
            continue
        try:
            if not own:
                raise FitError("no run has ended")
            result = fit_with_intervals("size_tokens", points_of(own, count), samples)
            found += predict_runs(result, own, wanted, count)
        except FitError as error:
            reasons.append(f"{family}: {error}")
    return found, reasons


def predicted_section(folder: Path, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Predictions beside outcomes, by family; nothing where nothing was predicted."""
    rows = outcomes(read_predictions(folder / PREDICTIONS_FILE), runs)
    if not rows:
        return []
    lines = [
        "## Predicted before they were run",
        "",
        "The last prediction of each run that was written down before it ended, from the runs that had: nats per "
        "token, with the 95% interval of one run (the law's and a seed's).",
        "",
        "| run | from runs | predicted | measured | error | inside |",
        "|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        predicted = f"{row['loss']:.4f} {in_brackets(row, '{:.4f}')}"
        lines.append(
            f"| {row['run']} | {row['fitted_runs']} | {predicted} | {row['measured']:.4f} | {row['error']:+.2%} "
            f"| {'yes' if row['inside'] else 'no'} |"
        )
    return [*lines, "", *_summary(rows, runs), ""]


def _summary(rows: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for family in FAMILIES:
        own = [row for row in rows if row["family"] == family]
        names = {row["run"] for row in own}
        fitted = [
            line["validation_nats_per_token"]
            for line in runs
            if line["family"] == family and line["run"] not in names and line["validation_nats_per_token"] is not None
        ]
        if not own:
            continue
        r2 = r2_of_outcomes(own, float(np.mean(fitted))) if fitted else None
        said = "" if r2 is None else f", R2 {r2:.3f}"
        inside = sum(row["inside"] for row in own)
        lines.append(f"{family}: {inside} of {len(own)} lie inside their interval{said}.")
    return lines


def budget_section(folder: Path, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Hours planned beside hours used; nothing where nothing was planned."""
    kept = plan_kept(folder, runs)
    if kept is None:
        return []
    ratio = kept["used_hours"] / kept["planned_hours"]
    return [
        "## Hours planned and used",
        "",
        f"{kept['runs']} runs that `--plan --hours` gave {kept['planned_hours']:.2f} hours of a job took "
        f"{kept['used_hours']:.2f}: {ratio:.2f} times as many.",
        "",
    ]
