"""What a study found, from the lines of its runs: a Markdown report, the fits as JSON, and plots.

Every sentence is computed from the runs. Knows lines and fits; nothing of models or training. Equal lines give equal
bytes.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from symbolic_music.scaling.fits.intervals import CONFIDENCE, Interval, fit_with_intervals
from symbolic_music.scaling.fits.laws import FitError
from symbolic_music.scaling.grid.study import FAMILIES, StudyError
from symbolic_music.scaling.report.facts import FORMULAS, FamilyFit, facts, label, short_number
from symbolic_music.scaling.report.frontier import frontier_section
from symbolic_music.scaling.report.plots import draw_plots, run_memory
from symbolic_music.scaling.report.predicted import budget_section, points_of, predicted_section

REPORT_FILE = "report.md"
FITS_FILE = "fits.json"
# What N is: all parameters (Hoffmann et al. 2022), or those besides the embeddings (Kaplan et al. 2020).
COUNTS = ("parameters", "parameters_without_embeddings")


def write_report(
    runs: Sequence[dict[str, Any]],
    folder: Path,
    count: str = COUNTS[0],
    samples: int = 1000,
    num_planned: int | None = None,
) -> Path:
    """Fit, draw and write.

    Args:
        runs: lines of the log.
        folder: where `report.md`, `fits.json` and the plots go.
        count: one of COUNTS: what the fits take for N.
        samples: bootstrap replicates.
        num_planned: runs of the whole grid, when known.

    Returns:
        The path of the report.

    Raises:
        StudyError: without a single run.
    """
    if not runs:
        raise StudyError(f"{folder} holds no finished run to report")
    # Runs come in the order they were trained; the report must not depend on it.
    runs = sorted(runs, key=lambda run: (_family_order(run), run["parameters"], run["fraction"], run["seed"]))
    finite = [run for run in runs if run["validation_nats_per_token"] is not None]
    fits = fit_families(finite, count, samples)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FITS_FILE).write_text(json.dumps(fits_as_json(fits, count), indent=2, sort_keys=True) + "\n")
    plots = draw_plots(finite, fits, folder, count) if finite else []
    path = folder / REPORT_FILE
    laws = {fit.family: fit.result for fit in fits if fit.form == "size_tokens" and fit.result is not None}
    more = [
        *frontier_section(finite, laws, folder, count),
        *predicted_section(folder, runs),
        *budget_section(folder, runs),
    ]
    path.write_text(report_text(runs, fits, plots, count, num_planned, more), encoding="utf-8")
    return path


def _family_order(run: Mapping[str, Any]) -> int:
    return FAMILIES.index(run["family"])


# ---- fits -----------------------------------------------------------------------------------------------------------


def fit_families(runs: Sequence[dict[str, Any]], count: str, samples: int) -> list[FamilyFit]:
    """Each family's law in N at each fraction, and in N and D; with repeated tokens where runs have them."""
    fits = []
    for family in FAMILIES:
        own = [run for run in runs if run["family"] == family]
        for fraction in sorted({run["fraction"] for run in own}, reverse=True):
            same = [run for run in own if run["fraction"] == fraction]
            fits.append(_fit_or_reason(family, "size", fraction, same, count, samples))
        if own:
            fits.append(_fit_or_reason(family, "size_tokens", None, own, count, samples))
        if any(run["tokens"] > run["unique_tokens"] for run in own):
            fits.append(_fit_or_reason(family, "repeated", None, own, count, samples))
    return fits


def _fit_or_reason(
    family: str, form: str, fraction: float | None, runs: Sequence[dict[str, Any]], count: str, samples: int
) -> FamilyFit:
    try:
        return FamilyFit(family, form, fraction, fit_with_intervals(form, points_of(runs, count), samples))
    except FitError as error:
        return FamilyFit(family, form, fraction, None, str(error))


def fits_as_json(fits: Sequence[FamilyFit], count: str) -> dict[str, Any]:
    """The fits without their replicates."""
    rows = []
    for fit in fits:
        row: dict[str, Any] = {"family": fit.family, "form": fit.form, "fraction": fit.fraction, "reason": fit.reason}
        if fit.result is not None:
            parts = {name: value for name, value in vars(fit.result).items() if name not in ("replicates", "law")}
            parts["intervals"] = {name: asdict(interval) for name, interval in fit.result.intervals.items()}
            parts["extrapolation"] = asdict(fit.result.extrapolation) if fit.result.extrapolation else None
            row |= parts | {"coefficients": dict(fit.result.law.coefficients), "huber_sum": fit.result.law.objective}
        rows.append(row)
    return {"N": count, "confidence": CONFIDENCE, "fits": rows}


# ---- the report -----------------------------------------------------------------------------------------------------


def report_text(
    runs: Sequence[dict[str, Any]],
    fits: Sequence[FamilyFit],
    plots: Sequence[tuple[str, str]],
    count: str,
    num_planned: int | None,
    more: Sequence[str] = (),
) -> str:
    """The report in Markdown.

    Args:
        runs: all finished runs, sorted.
        fits: of `fit_families`.
        plots: (file name, caption) of each.
        count: what N is.
        num_planned: runs of the whole grid, when known.
        more: lines of further sections.
    """
    parts = ["# Scaling study", "", *_origin(runs, num_planned), ""]
    parts += ["## What these runs can and cannot say", "", *(f"- {fact}" for fact in facts(runs, fits)), ""]
    parts += ["## Fits", "", *_fit_legend(count), "", *_table(*_fit_rows(fits)), ""]
    parts += ["### Prediction of the largest size by the others", "", *_extrapolation_legend(), ""]
    parts += [*_table(*_extrapolation_rows(fits)), ""]
    notes = [f"- {label(fit)}: {note}" for fit in fits for note in (fit.result.notes if fit.result else ())]
    if notes:
        parts += ["### Notes to the fits", "", *notes, ""]
    parts += more
    parts += ["## Plots", ""]
    for name, caption in plots:
        parts += [f"![{caption}]({name})", "", caption, ""]
    parts += ["## Time and memory", "", *_cost_legend(), "", *_table(*_cost_rows(runs)), ""]
    parts += ["## Runs", "", *_table(*_run_rows(runs)), ""]
    return "\n".join(parts)


def _origin(runs: Sequence[dict[str, Any]], num_planned: int | None) -> list[str]:
    rows = [["runs", f"{len(runs)}" + (f" of {num_planned} planned" if num_planned else "")]]
    names = {
        "command": "command",
        "commit": "commit",
        "data hash": "data_hash",
        "tokenizer hash": "tokenizer_hash",
        "machine": "machine",
        "processes": "num_processes",
    }
    for title, name in names.items():
        values = sorted({str(run[name]) for run in runs})
        rows.append([title, "; ".join(f"`{value}`" for value in values)])
    versions = sorted({f"{name} {value}" for run in runs for name, value in run["versions"].items()})
    rows.append(["versions", ", ".join(versions)])
    return _table(["", ""], rows)


def _fit_legend(count: str) -> list[str]:
    return [
        f"N is `{count}`, D the training tokens, the loss validation nats per token. Brackets: {CONFIDENCE:.0%} "
        "bootstrap intervals; `>` and `<` mark an end that the runs do not bound. *Misfit*: how many times further "
        "the settings lie from the law than the seeds' spread explains. *Leave one out*: alpha of the fits without "
        "one of the sizes."
    ]


def _fit_rows(fits: Sequence[FamilyFit]) -> tuple[list[str], list[list[str]]]:
    header = ["family", "law", "data", "runs", "sizes", "seeds", "E", "A", "alpha", "B", "beta", "R2", "misfit"]
    rows = []
    for fit in fits:
        data = "all" if fit.fraction is None else f"{fit.fraction:g}"
        row = [fit.family, FORMULAS[fit.form], data]
        result = fit.result
        if result is None:
            rows.append([*row, *["-"] * (len(header) - 3), "-"])
            continue
        low, high = result.seeds
        row += [str(result.num_points), str(result.num_sizes), str(low) if low == high else f"{low}-{high}"]
        for name in ("E", "A", "alpha", "B", "beta"):
            value = result.law.coefficients.get(name)
            row.append("" if value is None else f"{short_number(value)} {_interval(result.intervals.get(name))}")
        row.append("exact fit" if result.r2 is None else f"{result.r2:.4f}")
        row.append("-" if result.misfit is None else f"{result.misfit:.2f}")
        left = result.leave_one_size_out
        rows.append([*row, "-" if left is None else f"{left[0]:.3f} to {left[1]:.3f}"])
    return [*header, "leave one out"], rows


def _extrapolation_legend() -> list[str]:
    return [
        "R2 is against the mean loss of the fitted runs, skill against the loss of the largest fitted size at the "
        "same tokens: 0 is no better than to expect no gain from size."
    ]


def _extrapolation_rows(fits: Sequence[FamilyFit]) -> tuple[list[str], list[list[str]]]:
    header = ["family", "law", "data", "sizes fitted", "held out N", "predicted", "measured", "error", "R2", "skill"]
    rows = []
    for fit in fits:
        data = "all" if fit.fraction is None else f"{fit.fraction:g}"
        found = fit.result.extrapolation if fit.result else None
        row = [fit.family, FORMULAS[fit.form], data]
        if found is None:
            rows.append([*row, *["-"] * 7])
            continue
        sizes = f"{found.num_sizes}{' (exact fit)' if found.exact else ''}"
        skill = "-" if found.skill is None else f"{found.skill:.3f}"
        row += [sizes, short_number(found.parameters), f"{found.predicted:.4f}", f"{found.measured:.4f}"]
        rows.append([*row, f"{found.relative_error:+.2%}", f"{found.r2:.3f}", skill])
    return header, rows


def _cost_legend() -> list[str]:
    return [
        "Means over the runs of a size. Memory is the peak of all processes together, with what was there before the "
        "run in brackets (on a CPU the interpreter and its libraries); per million parameters, the difference."
    ]


def _cost_rows(runs: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    header = [
        "family",
        "size",
        "parameters",
        "tokens/s",
        "s per million tokens",
        "s per million tokens and parameters",
    ]
    header += ["peak memory (MiB)", "MiB per million parameters", "FLOP/s"]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        groups[run["family"], run["size"]].append(run)
    rows = []
    for (family, size), own in groups.items():
        millions = own[0]["parameters"] / 1e6
        speed = float(np.mean([run["tokens_per_second"] for run in own]))
        peak, before = (np.mean([run[name] for run in own]) / 2**20 for name in _MEMORY)
        growth = np.mean([run_memory(run) for run in own]) / 2**20
        flops = np.mean([run["flops"] / run["train_seconds"] for run in own])
        row = [family, size, f"{own[0]['parameters']:,}", f"{speed:,.0f}", f"{1e6 / speed:.1f}"]
        row += [f"{1e6 / speed / millions:.3f}", f"{peak:,.0f} ({before:,.0f})", f"{growth / millions:,.1f}"]
        rows.append([*row, f"{flops:.2e}"])
    return header, rows


_MEMORY = ("peak_memory_bytes", "memory_before_bytes")


def _run_rows(runs: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    header = [
        "run",
        "parameters",
        "without embeddings",
        "tokens",
        "tokens per parameter",
        "FLOPs",
        "rate",
        "optimizer",
    ]
    header += ["wall time (s)", "validation nats/token", "validation bits/note"]
    rows = []
    for run in runs:
        row = [run["run"], f"{run['parameters']:,}", f"{run['parameters_without_embeddings']:,}", f"{run['tokens']:,}"]
        row += [short_number(run["tokens"] / run["parameters"]), f"{run['flops']:.2e}", f"{run['learning_rate']:.1e}"]
        row += [run["optimizer"], f"{run['wall_seconds']:.1f}"]
        for name, digits in (("validation_nats_per_token", 4), ("validation_bits_per_note", 3)):
            value = run[name]
            row.append("-" if value is None else f"{value:.{digits}f}")
        rows.append(row)
    return header, rows


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return "[not known]"
    low = ("<" if interval.low_is_open else "") + short_number(interval.low)
    high = (">" if interval.high_is_open else "") + short_number(interval.high)
    return f"[{low}, {high}]"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
