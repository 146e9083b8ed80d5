"""One table of many reports, in units that no tokenizer changes. Reads figures, measures nothing."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from symbolic_music.hub.model_index import mean_distance, mean_overlap
from symbolic_music.hub.sections import REPORT_FILE
from symbolic_music.report.errors import ReportError


def read_reports(folders: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The figures of reports, by the name of their folder, in this order.

    Raises:
        ReportError: when a folder holds none.
    """
    reports = {}
    for folder in folders:
        path = folder / REPORT_FILE
        try:
            reports[folder.name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ReportError(
                f"{path}: expected the figures that `symbolic-music evaluate` writes ({error})"
            ) from error
    return reports


def comparison_text(reports: Mapping[str, Mapping[str, Any]], command: str) -> str:
    """A page that sets models side by side.

    Args:
        reports: figures, by the model's name.
        command: that writes the page.
    """
    rows = {name: _summary(figures) for name, figures in reports.items()}
    columns = list(next(iter(rows.values())))
    lines = [
        "# The models, side by side",
        "",
        "Each row is the report of one model (`symbolic-music evaluate`), its command in the model's `report.json`. "
        "Bits per note and notes per second do not depend on a tokenizer. Losses compare only where the held-out "
        "pieces are the same: see the column of the data. Distances are of means, in standard deviations of the human "
        "pieces, absolute and averaged over all statistics; the overlapping area (OA) likewise. Intervals are 95%.",
        "",
        f"| model | {' | '.join(columns)} |",
        "|---|" + "---|" * len(columns),
        *(f"| [{name}]({name}) | {' | '.join(row.values())} |" for name, row in rows.items()),
        "",
        *_distances(reports),
        "",
        "```",
        command,
        "```",
    ]
    return "\n".join(lines) + "\n"


def _summary(figures: Mapping[str, Any]) -> dict[str, str]:
    loss, sampling = figures["loss"], figures["sampling"]
    valid, free = sampling["with_grammar"], sampling["without_grammar"]
    return {
        "parameters": f"{figures['parameters'] / 1e6:.2f}M",
        "held-out pieces": f"{loss['pieces']:,}, split `{loss['split_hash'][:8]}`",
        "bits per note": _with_interval(loss["bits_per_note"], loss["bits_per_note_interval"]),
        "valid": f"{valid['valid']:,} of {valid['pieces']:,}",
        "valid without the grammar": f"{free['valid']:,} of {free['pieces']:,}",
        "distance to human": f"{mean_distance(figures):.2f}",
        "OA": f"{mean_overlap(figures):.2f}",
        "covered by copies (human)": _copies(figures["memorisation"], "covered", "mean", "{:.1%}"),
        "copied in alarming runs (human)": _copies(figures["memorisation"], "alarm_share", None, "{:.1%}"),
        "notes/s": f"{sampling['notes_per_second']:,.0f}",
    }


def _copies(memorisation: Mapping[str, Any], name: str, kind: str | None, pattern: str) -> str:
    """A figure of the samples, with the human one in brackets."""
    sides = (memorisation[side][name] for side in ("samples", "human"))
    ours, human = (pattern.format(value[kind] if kind else value) for value in sides)
    return f"{ours} ({human})"


def _with_interval(value: float, interval: Mapping[str, float] | None) -> str:
    return f"{value:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]" if interval else f"{value:.3f}"


def _distances(reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A row for each statistic: how far each model's samples lie from the human pieces."""
    statistics = list(dict.fromkeys(name for figures in reports.values() for name in figures["statistics"]))
    lines = [
        "## Distance to human music, by statistic",
        "",
        "How many standard deviations of the human pieces the mean of the samples lies above theirs (below: -).",
        "",
        f"| statistic | {' | '.join(reports)} |",
        "|---|" + "---|" * len(reports),
    ]
    for name in statistics:
        cells = []
        for figures in reports.values():
            row = figures["statistics"].get(name)
            distance = row["distance"] if row else None
            cells.append(
                f"{distance['value']:+.2f} [{distance['low']:+.2f}, {distance['high']:+.2f}]" if distance else "-"
            )
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines
