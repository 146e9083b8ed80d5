"""Losses that were predicted before their runs were made, kept, and set beside what came.

Written down for runs that have not ended yet and never changed afterwards, so that a reader sees what was known when.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symbolic_music.scaling.fits.intervals import CONFIDENCE, FitResult

PREDICTIONS_FILE = "predictions.jsonl"


@dataclass(frozen=True)
class Prediction:
    """What a law says of a run that has not ended.

    Attributes:
        run: its name.
        loss, low, high: validation nats per token, with the interval for a single run: of the law and of a seed.
        fitted_runs: that the law was fitted to.
        fitted_hash: of their names and losses.
    """

    run: str
    loss: float
    low: float
    high: float
    fitted_runs: int
    fitted_hash: str


def predict_runs(
    result: FitResult,
    fitted: Sequence[Mapping[str, Any]],
    wanted: Sequence[Mapping[str, Any]],
    count: str,
    seed: int = 0,
) -> list[Prediction]:
    """Predictions of one family's runs from the law of those that have ended.

    Args:
        result: the fit, in N and D.
        fitted: lines of the runs that it was fitted to.
        wanted: rows with "run", "tokens" and `count`.
        count: what N is.
        seed: of the draws.
    """
    sizes, tokens = (np.array([row[name] for row in wanted], dtype=float) for name in (count, "tokens"))
    centre = result.law.predict(sizes, tokens)
    low = high = np.full(len(wanted), np.nan)
    if result.replicates:
        noise = np.random.default_rng(seed).normal(0, result.seed_spread or 0.0, (len(result.replicates), len(wanted)))
        curves = np.stack([law.predict(sizes, tokens) for law in result.replicates]) * np.exp(noise)
        low, high = np.quantile(curves, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    known = _hash_of(fitted)
    return [
        Prediction(row["run"], float(loss), float(least), float(most), len(fitted), known)
        for row, loss, least, most in zip(wanted, centre, low, high, strict=True)
    ]


def _hash_of(lines: Iterable[Mapping[str, Any]]) -> str:
    facts = sorted((line["run"], line["validation_nats_per_token"]) for line in lines)
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def add_predictions(path: Path, predictions: Sequence[Prediction], ended: Iterable[str], **about: Any) -> int:
    """Add those whose run has not ended, and that were not made of the same runs before.

    Args:
        path: of the log.
        predictions: to add.
        ended: names of the runs that have ended, which nobody can predict any more.
        about: such as the commit and the date.

    Returns:
        How many were added.
    """
    done = set(ended)
    known = {(row["run"], row["fitted_hash"]) for row in read_predictions(path)}
    new = [row for row in predictions if row.run not in done and (row.run, row.fitted_hash) not in known]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(row) | about, sort_keys=True) + "\n" for row in new)
    return len(new)


def read_predictions(path: Path) -> list[dict[str, Any]]:
    """All predictions of a log, in the order they were made; a line that was cut at the end is left out."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def outcomes(predictions: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The last prediction of each run that has ended since, with what came.

    Returns:
        Rows with the prediction's values, "measured", "error" (relative) and "inside" (the interval).
    """
    last = {row["run"]: row for row in predictions}
    rows = []
    for line in runs:
        row, measured = last.get(line["run"]), line["validation_nats_per_token"]
        if row is None or measured is None:
            continue
        error, inside = row["loss"] / measured - 1, row["low"] <= measured <= row["high"]
        rows.append({**row, "family": line["family"], "measured": measured, "error": error, "inside": inside})
    return rows


def r2_of_outcomes(rows: Sequence[Mapping[str, Any]], fitted_mean: float) -> float | None:
    """1 - sum (measured - predicted)^2 / sum (measured - m)^2, m being the mean loss of the runs that were fitted."""
    measured, predicted = (np.array([row[name] for row in rows]) for name in ("measured", "loss"))
    spread = ((measured - fitted_mean) ** 2).sum()
    return float(1 - ((measured - predicted) ** 2).sum() / spread) if len(rows) and spread else None
