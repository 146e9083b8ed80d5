"""The plots of a report, as PNG files whose bytes depend on the figures alone. Decides nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symbolic_music._extras import require

# Okabe and Ito's, told apart by the colour-blind; filled against outlined for those who see none.
_SAMPLED = "#0072B2"
_HUMAN = "#D55E00"
_BINS = 24
_COLUMNS = 4
# A bar that fewer pieces reach says more of them than of the model.
_FEWEST_PIECES = 3
# A few strange pieces would squeeze all others into one bin.
_SHOWN = (0.005, 0.995)


def draw_distributions(
    sampled: Mapping[str, np.ndarray], human: Mapping[str, np.ndarray], path: Path, overlaps: Mapping[str, float]
) -> None:
    """One small histogram for each statistic, sampled pieces over human ones, with the means as lines.

    Args:
        sampled: by statistic, (pieces,); nan for pieces without it.
        human: likewise.
        path: the PNG.
        overlaps: by statistic, the overlapping area; statistics without one are not drawn.
    """
    rows = -(-len(overlaps) // _COLUMNS)
    figure = require("matplotlib.figure").Figure(figsize=(3 * _COLUMNS, 2.2 * rows + 0.4), layout="constrained")
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).flatten()
    for axis, name in zip(axes, overlaps, strict=False):
        _draw_histogram(axis, *(values[name][np.isfinite(values[name])] for values in (sampled, human)))
        axis.set_title(f"{name} (OA {overlaps[name]:.2f})", fontsize=9)
    for axis in axes[len(overlaps) :]:
        axis.set_axis_off()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _draw_histogram(axis: Any, sampled: np.ndarray, human: np.ndarray) -> None:
    both = np.concatenate([sampled, human])
    low, high = np.quantile(both, _SHOWN)
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    for values, colour, filled, label in ((human, _HUMAN, True, "human"), (sampled, _SAMPLED, False, "sampled")):
        shares = np.full(len(values), 1 / len(values))
        kind = {"histtype": "stepfilled", "alpha": 0.35} if filled else {"histtype": "step", "linewidth": 1.6}
        axis.hist(np.clip(values, edges[0], edges[-1]), edges, weights=shares, color=colour, label=label, **kind)
        axis.axvline(values.mean(), color=colour, linewidth=1, linestyle="-" if filled else "--")
    axis.tick_params(labelsize=7)
    axis.set_yticks([])


def draw_loss_by_bar(by_bar: Mapping[str, Any], path: Path) -> None:
    """Bits per note by bar of the piece: what a model gains from having heard more of it.

    Bars that fewer than three pieces reach are not drawn, unless all are so.

    Args:
        by_bar: what `training.evaluation.tables.bits_per_note_by_single_bar` gives.
        path: the PNG.
    """
    figure = require("matplotlib.figure").Figure(figsize=(7, 3.4), layout="constrained")
    axis = figure.subplots()
    everything, long = by_bar["all"], by_bar["long"]
    _draw_curve(axis, everything["rows"], _SAMPLED, "o", f"all {everything['pieces']:,} pieces, as far as they go")
    if long["rows"]:
        label = f"the {long['pieces']:,} of {long['at_least_bars']} bars or more"
        _draw_curve(axis, long["rows"], _HUMAN, "s", label)
    axis.set_xlabel("bar of the piece")
    axis.set_ylabel("bits per note (95% interval)")
    axis.set_xlim(left=0)
    axis.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _draw_curve(axis: Any, rows: Sequence[Mapping[str, Any]], colour: str, marker: str, label: str) -> None:
    rows = [row for row in rows if row["pieces"] >= _FEWEST_PIECES] or rows
    bars = [row["bar"] for row in rows]
    axis.plot(bars, [row["bits_per_note"] for row in rows], color=colour, marker=marker, markersize=3, label=label)
    if rows and rows[0]["low"] is not None:
        low, high = ([row[side] for row in rows] for side in ("low", "high"))
        axis.fill_between(bars, low, high, color=colour, alpha=0.2, linewidth=0)
