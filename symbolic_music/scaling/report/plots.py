"""The plots of a study, as PNG files whose bytes depend on the runs alone.

Knows lines and fits; decides nothing about them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symbolic_music.scaling.fits.intervals import CONFIDENCE
from symbolic_music.scaling.report.look import LOOK, new_figure

_COUNT_LABELS = {
    "parameters": "parameters",
    "parameters_without_embeddings": "parameters besides embeddings",
}
_CURVE_POINTS = 100
_TICKS_APART = 1.15


def draw_plots(runs: Sequence[dict[str, Any]], fits: Sequence[Any], folder: Path, count: str) -> list[tuple[str, str]]:
    """Draw all plots.

    Args:
        runs: with finite losses, sorted.
        fits: `FamilyFit`s.
        folder: where the files go.
        count: what N is, a key of the runs.

    Returns:
        (file name, caption) of each.
    """
    largest = max(run["fraction"] for run in runs)
    drawn = [
        (
            "loss_vs_size.png",
            f"Validation loss against size: points are runs, lines the fits of E + A/N^alpha at {largest:.4g} of the "
            f"data, bands their {CONFIDENCE:.0%} intervals (none where the spread is not known).",
            _loss_vs_size(runs, fits, count, largest),
        ),
        (
            "loss_vs_tokens.png",
            "Training loss against tokens seen, each token for the first time: the mean over seeds, thicker lines for "
            "larger models; markers are validation losses at the end of the runs of each fraction.",
            _loss_vs_tokens(runs, largest),
        ),
        ("loss_vs_flops.png", "Validation loss against training FLOPs, one point a run.", _loss_vs_flops(runs)),
        (
            "cost.png",
            "Training time, and peak memory beyond what was there before the run, per million parameters; means over "
            "the runs of a size.",
            _cost(runs),
        ),
    ]
    for name, _, figure in drawn:
        figure.savefig(folder / name, dpi=120, metadata={"Software": None})
    return [(name, caption) for name, caption, _ in drawn]


def run_memory(run: Mapping[str, Any]) -> int:
    """Bytes at the peak beyond what the processes held before the run."""
    return max(0, run["peak_memory_bytes"] - run["memory_before_bytes"])


def _size_ticks(axis: Any, sizes: Sequence[float]) -> None:
    """Ticks at the measured sizes, one for sizes of like number (the families' of one rung)."""
    kept: list[float] = []
    for size in sorted(set(sizes)):
        if not kept or size > _TICKS_APART * kept[-1]:
            kept.append(size)
    axis.set_xticks(kept, [f"{size / 1e6:.3g}M" for size in kept])
    axis.minorticks_off()


def _legend_beside(figure: Any) -> None:
    """To the right of the axes: inside, it would hide points."""
    figure.legend(loc="outside right upper", fontsize="small")


def _families(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    return [family for family in LOOK if any(run["family"] == family for run in runs)]


def _points(
    axis: Any,
    family: str,
    x: Sequence[float],
    y: Sequence[float],
    fraction: float = 1.0,
    filled: bool = True,
    label: str = "",
) -> None:
    """Markers; runs on less data have smaller ones."""
    look = LOOK[family]
    axis.scatter(
        x,
        y,
        s=36 * np.sqrt(fraction),
        marker=look["marker"],
        edgecolors=look["color"],
        facecolors=look["color"] if filled else "none",
        label=label or None,
        zorder=3,
    )


def _loss_vs_size(runs: Sequence[dict[str, Any]], fits: Sequence[Any], count: str, largest: float) -> Any:
    figure, axis = new_figure()
    for family in _families(runs):
        for fraction in sorted({run["fraction"] for run in runs if run["family"] == family}, reverse=True):
            own = [run for run in runs if (run["family"], run["fraction"]) == (family, fraction)]
            sizes, losses = ([run[name] for run in own] for name in (count, "validation_nats_per_token"))
            label = f"{family}, {fraction:.4g} of the data"
            _points(axis, family, sizes, losses, fraction, fraction == largest, label)
    for fit in fits:
        if fit.form != "size" or fit.fraction != largest or fit.result is None:
            continue
        measured = [run[count] for run in runs if run["family"] == fit.family]
        along = np.geomspace(min(measured), max(measured), _CURVE_POINTS)
        look = LOOK[fit.family]
        axis.plot(along, fit.result.law.predict(along), color=look["color"], linestyle=look["linestyle"])
        band = fit.result.band(along)
        if band is not None:
            axis.fill_between(along, *band, color=look["color"], alpha=0.15, linewidth=0)
    axis.set(xlabel=_COUNT_LABELS[count], ylabel="validation loss (nats per token)")
    _size_ticks(axis, [run[count] for run in runs])
    _legend_beside(figure)
    return figure


def _loss_vs_tokens(runs: Sequence[dict[str, Any]], largest: float) -> Any:
    figure, axis = new_figure()
    for family in _families(runs):
        look = LOOK[family]
        own = [run for run in runs if run["family"] == family]
        sizes = sorted({(run["parameters"], run["size"]) for run in own})
        for place, (parameters, size) in enumerate(sizes):
            same = [run for run in own if run["size"] == size]
            curve = _mean_curve([run for run in same if run["fraction"] == largest])
            if len(curve):
                label = f"{family} {size} ({parameters / 1e6:.3g}M)"
                width = 0.8 + 1.6 * place / max(1, len(sizes) - 1)
                axis.plot(*curve.T, color=look["color"], linestyle=look["linestyle"], linewidth=width, label=label)
            tokens, losses = ([run[name] for run in same] for name in ("tokens", "validation_nats_per_token"))
            _points(axis, family, tokens, losses, fraction=0.2)
    axis.set(xlabel="training tokens", ylabel="loss (nats per token)", yscale="log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}")
    _legend_beside(figure)
    return figure


def _mean_curve(runs: Sequence[dict[str, Any]]) -> np.ndarray:
    """(points, 2) tokens and mean nats per token over runs, at the tokens where all of them have a finite value."""
    losses: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        for point in run["curve"]:
            if point["nats_per_token"] is not None:
                losses[point["tokens"]].append(point["nats_per_token"])
    rows = [(tokens, np.mean(values)) for tokens, values in sorted(losses.items()) if len(values) == len(runs)]
    return np.array(rows).reshape(-1, 2)


def _loss_vs_flops(runs: Sequence[dict[str, Any]]) -> Any:
    figure, axis = new_figure()
    for family in _families(runs):
        own = [run for run in runs if run["family"] == family]
        for size in dict.fromkeys(run["size"] for run in own):
            same = sorted((run for run in own if run["size"] == size), key=lambda run: run["flops"])
            means = defaultdict(list)
            for run in same:
                means[run["flops"]].append(run["validation_nats_per_token"])
            look = LOOK[family]
            axis.plot(
                list(means),
                [np.mean(values) for values in means.values()],
                color=look["color"],
                linestyle=look["linestyle"],
                linewidth=0.8,
            )
            axis.annotate(
                size,
                (same[-1]["flops"], same[-1]["validation_nats_per_token"]),
                xytext=(5, 4),
                textcoords="offset points",
                fontsize="x-small",
            )
        flops, losses = ([run[name] for run in own] for name in ("flops", "validation_nats_per_token"))
        _points(axis, family, flops, losses, label=f"{family} (lines join one size's fractions)")
    axis.set(xlabel="training FLOPs", ylabel="validation loss (nats per token)")
    axis.legend(fontsize="small")
    return figure


def _cost(runs: Sequence[dict[str, Any]]) -> Any:
    figure, (time_axis, memory_axis) = new_figure(columns=2)
    for family in _families(runs):
        look = LOOK[family]
        by_size: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for run in runs:
            if run["family"] == family:
                by_size[run["parameters"]].append(run)
        sizes = sorted(by_size)
        seconds = [np.mean([1e6 / run["tokens_per_second"] for run in by_size[size]]) * 1e6 / size for size in sizes]
        memory = [np.mean([run_memory(run) for run in by_size[size]]) / 2**20 * 1e6 / size for size in sizes]
        for axis, values in ((time_axis, seconds), (memory_axis, memory)):
            axis.plot(sizes, values, **look, label=family)
    time_axis.set(xlabel="parameters", ylabel="seconds per million tokens, per million parameters", ylim=(0, None))
    memory_axis.set(xlabel="parameters", ylabel="memory of the run (MiB per million parameters)", ylim=(0, None))
    for axis in (time_axis, memory_axis):
        _size_ticks(axis, [run["parameters"] for run in runs])
    time_axis.legend(fontsize="small")
    return figure
