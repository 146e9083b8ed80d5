"""What a number of FLOPs is best spent on, by each family's law: a table, a plot, and how far the runs bear it out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from symbolic_music.scaling.fits.frontier import Frontier, find_frontier
from symbolic_music.scaling.fits.intervals import FitResult
from symbolic_music.scaling.fits.laws import FitError
from symbolic_music.scaling.report.look import LOOK, new_figure

FRONTIER_PLOT = "frontier.png"
_ROWS, _CURVE_POINTS = 5, 60


def frontier_section(
    runs: Sequence[Mapping[str, Any]], laws: Mapping[str, FitResult], folder: Path, count: str
) -> list[str]:
    """The section, and its plot in the folder.

    Args:
        runs: with finite losses.
        laws: each family's fit in N and D.
        folder: for the plot.
        count: what N is.

    Returns:
        Lines of Markdown; none without a law.
    """
    if not laws:
        return []
    lines = [
        "## Where compute is best spent",
        "",
        "By each family's law in N and D, at C = 6 N D FLOPs (Hoffmann et al. 2022): the size and the tokens of the "
        "least loss, with 95% intervals. A row says whether both lie within what was trained; elsewhere it is an "
        "extrapolation.",
        "",
        "| family | FLOPs | N | D | tokens per parameter | nats per token | trained there |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    curves, notes = {}, []
    for family, result in laws.items():
        own = [run for run in runs if run["family"] == family]
        ends = [(min(run[name] for run in own), max(run[name] for run in own)) for name in (count, "tokens")]
        most, least = 6 * ends[0][1] * ends[1][1], 6 * ends[0][0] * ends[1][0]
        try:
            rows = find_frontier(result, np.geomspace(least, most, _ROWS), *ends)
            curves[family] = find_frontier(result, np.geomspace(least, most, _CURVE_POINTS), *ends)
        except FitError as error:
            notes.append(f"{family}: {error}.")
            continue
        lines += [_row(family, rows, place) for place in range(_ROWS)]
        value, low, high = rows.size_exponent
        notes.append(
            f"{family}: the best size grows as C^{value:.2f} [{low:.2f}, {high:.2f}]; "
            f"{sum(rows.within)} of {_ROWS} rows lie within what was trained."
        )
    if curves:
        _draw(runs, curves, count).savefig(folder / FRONTIER_PLOT, dpi=120, metadata={"Software": None})
        notes.append("")
        notes.append(f"![The best size by FLOPs, with 95% bands; small points are the sizes trained]({FRONTIER_PLOT})")
    return [*lines, "", *notes, ""]


def _row(family: str, found: Frontier, place: int) -> str:
    ratio = found.tokens[0, place] / found.parameters[0, place]
    loss, low, high = found.losses[:, place]
    cells = [
        family,
        f"{found.flops[place]:.1e}",
        _millions(found.parameters[:, place]),
        _millions(found.tokens[:, place]),
        f"{ratio:.1f}",
        f"{loss:.3f} [{low:.3f}, {high:.3f}]",
        "yes" if found.within[place] else "no",
    ]
    return f"| {' | '.join(cells)} |"


def _millions(values: np.ndarray) -> str:
    value, low, high = values / 1e6
    return f"{value:.3g}M [{low:.3g}M, {high:.3g}M]"


def _draw(runs: Sequence[Mapping[str, Any]], curves: Mapping[str, Frontier], count: str) -> Any:
    figure, axis = new_figure()
    axis.set_yscale("log")
    for family, found in curves.items():
        look = LOOK[family]
        axis.plot(found.flops, found.parameters[0], color=look["color"], linestyle=look["linestyle"], label=family)
        axis.fill_between(found.flops, *found.parameters[1:], color=look["color"], alpha=0.15, linewidth=0)
        own = [run for run in runs if run["family"] == family]
        flops = [6 * run[count] * run["tokens"] for run in own]
        axis.scatter(flops, [run[count] for run in own], s=8, marker=look["marker"], color=look["color"])
    axis.set(xlabel="training FLOPs (6 N D)", ylabel="best number of parameters")
    axis.legend(fontsize="small")
    return figure
