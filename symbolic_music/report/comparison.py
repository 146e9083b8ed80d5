"""One table of many reports, in units that no tokenizer changes. Reads figures, measures nothing."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from symbolic_music.hub.cards.adapted import ADAPTATION_FILE, Adaptation
from symbolic_music.hub.cards.filler import FILLING_FILE, INFILLING_FILE
from symbolic_music.hub.cards.model_index import mean_distance, mean_overlap
from symbolic_music.hub.cards.sections import PIECE_KINDS, PIECE_LOSSES_FILE, REPORT_FILE
from symbolic_music.hub.contents import ADAPTER_CONFIG
from symbolic_music.metrics.intervals import in_brackets
from symbolic_music.report.errors import ReportError
from symbolic_music.report.piece_losses import PieceLoss, compare_on_same_pieces, read_piece_losses


def read_reports(folders: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The figures of reports, by the name of their folder, in this order; of a filler, what its folder holds instead.

    Folders of adapted models, which `read_adaptations` reads, and of adapters alone are passed over.

    Raises:
        ReportError: when another folder holds neither.
    """
    whole = [folder for folder in folders if not _is_adapted(folder)]
    return {folder.name: _read_filler(folder) or _read_json(folder / REPORT_FILE) for folder in whole}


def read_adaptations(folders: Sequence[Path]) -> dict[str, Adaptation]:
    """The figures of models that were adapted, by the name of the merged model's folder.

    Raises:
        ReportError: when they lack one.
    """
    found = {}
    for folder in folders:
        for name in (ADAPTATION_FILE, INFILLING_FILE):
            if _is_adapted(folder) and (folder / name).exists():
                try:
                    found[folder.name] = Adaptation.read(name, _read_json(folder / name))
                except KeyError as error:
                    raise ReportError(f"{folder / name} lacks the figure {error}") from error
    return found


def _is_adapted(folder: Path) -> bool:
    if (folder / ADAPTER_CONFIG).exists() or (folder / ADAPTATION_FILE).exists():
        return True
    judged = (folder / REPORT_FILE).exists() or (folder / FILLING_FILE).exists()
    return (folder / INFILLING_FILE).exists() and not judged


def _read_filler(folder: Path) -> dict[str, Any] | None:
    """The figures of a model that fills masked bars, under the names that a report has for them."""
    if (folder / REPORT_FILE).exists() or not (folder / FILLING_FILE).exists():
        return None
    training, filling = _read_json(folder / INFILLING_FILE), _read_json(folder / FILLING_FILE)
    test = training["test"]
    loss = {name: test[name] for name in ("bits_per_note", "bits_per_note_interval")}
    with_grammar = filling["with_grammar"]
    return {
        "parameters": training["parameters"]["all"],
        "fills": True,
        "loss": loss | {"pieces": test["examples"], "split_hash": training["split_hash"]},
        "sampling": {
            **{name: filling[name] | {"pieces": filling[name]["samples"]} for name in PIECE_KINDS},
            **{name: with_grammar[name] for name in ("notes_per_second", "tokens_per_second")},
        },
        "statistics": filling["statistics"],
        "memorisation": filling["memorisation"],
    }


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}: expected the figures that `symbolic-music evaluate` writes ({error})") from error


def read_losses(folders: Sequence[Path]) -> dict[str, list[PieceLoss]]:
    """What held-out pieces cost, by the name of the folder, of those that hold it.

    Raises:
        ReportError: when a table cannot be read.
    """
    paths = {folder.name: folder / PIECE_LOSSES_FILE for folder in folders}
    return {name: read_piece_losses(path) for name, path in paths.items() if path.exists()}


def comparison_text(
    reports: Mapping[str, Mapping[str, Any]],
    losses: Mapping[str, Sequence[PieceLoss]],
    command: str,
    adapted: Mapping[str, Adaptation] | None = None,
) -> str:
    """A page that sets models side by side.

    Args:
        reports: figures, by the model's name.
        losses: of pieces, by the model's name, where they are known.
        command: that writes the page.
        adapted: models that were adapted, by the merged model's name.
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
        *_on_fillers(reports),
        "",
        f"| model | {' | '.join(columns)} |",
        "|---|" + "---|" * len(columns),
        *(f"| [{name}]({name}) | {' | '.join(row.values())} |" for name, row in rows.items()),
        "",
        *_on_same_pieces(reports, losses),
        *_adapted(adapted or {}),
        *_distances(reports),
        "",
        "```",
        command,
        "```",
    ]
    return "\n".join(lines) + "\n"


def _on_fillers(reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    if not any("fills" in figures for figures in reports.values()):
        return []
    return [
        "",
        "A model that fills was asked for one to four bars of held-out pieces (`symbolic-music evaluate`): its loss "
        "is that of masked bars of held-out windows, with what stands around them to read; its fills are set beside "
        "what people wrote in the same bars; and it fills one piece at a time, where the others compose many at once.",
    ]


def _summary(figures: Mapping[str, Any]) -> dict[str, str]:
    loss, sampling = figures["loss"], figures["sampling"]
    valid, free = sampling["with_grammar"], sampling["without_grammar"]
    return {
        "task": "fills bars" if "fills" in figures else "composes",
        "parameters": f"{figures['parameters'] / 1e6:.2f}M",
        "held out": f"{loss['pieces']:,} {'windows' if 'fills' in figures else 'pieces'}, "
        f"split `{loss['split_hash'][:8]}`",
        "bits per note": _with_interval(loss["bits_per_note"], loss["bits_per_note_interval"]),
        "valid": f"{valid['valid']:,} of {valid['pieces']:,}",
        "valid without the grammar": f"{free['valid']:,} of {free['pieces']:,}",
        "distance to human": f"{mean_distance(figures):.2f}",
        "OA": f"{mean_overlap(figures):.2f}",
        "covered by copies (human)": _copies(figures["memorisation"], "covered", "mean", "{:.1%}"),
        "copied in alarming runs (human)": _copies(figures["memorisation"], "alarm_share", None, "{:.1%}"),
        "notes/s": f"{sampling['notes_per_second']:,.0f}",
        "tokens/s": f"{sampling['tokens_per_second']:,.0f}",
    }


def _copies(memorisation: Mapping[str, Any], name: str, kind: str | None, pattern: str) -> str:
    """A figure of the samples, with the human one in brackets."""
    sides = (memorisation[side][name] for side in ("samples", "human"))
    ours, human = (pattern.format(value[kind] if kind else value) for value in sides)
    return f"{ours} ({human})"


def _with_interval(value: float, interval: Mapping[str, float] | None) -> str:
    return f"{value:.3f} {in_brackets(interval)}" if interval else f"{value:.3f}"


def _on_same_pieces(reports: Mapping[str, Mapping[str, Any]], losses: Mapping[str, Sequence[PieceLoss]]) -> list[str]:
    """A table for each split that at least two models were scored on."""
    by_split: dict[str, dict[str, Sequence[PieceLoss]]] = {}
    for name, rows in losses.items():
        by_split.setdefault(reports[name]["loss"]["split_hash"], {})[name] = rows
    found = {split: compare_on_same_pieces(models) for split, models in by_split.items()}
    tables = {split: compared for split, compared in found.items() if compared}
    if not tables:
        return []
    lines = [
        "## On the same held-out pieces",
        "",
        "Bits per note of the pieces that all models of a table were scored on, the cheapest model first; by how much "
        "each of the others is dearer, on the same resamples of near-duplicate groups; and the bits per note of each "
        "kind of music. A notation that rounds time writes a few notes fewer: each model pays for its own.",
        "",
    ]
    for split, compared in sorted(tables.items()):
        lines += [*_same_pieces_table(split, compared, reports), ""]
    return lines


def _same_pieces_table(split: str, compared: Mapping[str, Any], reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    kinds = sorted({kind for row in compared["models"] for kind in row["by_kind"]})
    head = ["writes", "parameters", "bits per note", "dearer by", "tokens per note", *kinds]
    lines = [
        f"Split `{split[:8]}`: {compared['pieces']:,} pieces in {compared['groups']:,} groups.",
        "",
        f"| model | {' | '.join(head)} |",
        "|---|" + "---|" * len(head),
    ]
    for row in compared["models"]:
        figures = reports[row["model"]]
        cells = [
            figures["codec"],
            f"{figures['parameters'] / 1e6:.2f}M",
            _with_interval(row["bits_per_note"], row),
            _with_interval(row["dearer_by"]["bits_per_note"], row["dearer_by"]) if row["dearer_by"] else "-",
            f"{row['tokens_per_note']:.2f}",
            *(f"{row['by_kind'][kind]:.2f}" if kind in row["by_kind"] else "-" for kind in kinds),
        ]
        lines.append(f"| [{row['model']}]({row['model']}) | {' | '.join(cells)} |")
    return lines


def _adapted(adapted: Mapping[str, Adaptation]) -> list[str]:
    if not adapted:
        return []
    lines = [
        "## Adapted models",
        "",
        "Bits per note of held-out pieces of the music that each was adapted to, before and after, and the paired "
        "difference; of a model that fills, of masked bars.",
        "",
        "| model | task | trained parameters | minutes | before | after | cheaper by |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in adapted.items():
        less = found.cheaper_by
        cells = [
            "fills bars" if found.fills else "composes",
            f"{found.parameters['trained'] / 1e6:.2f}M of {found.parameters['all'] / 1e6:.2f}M",
            f"{found.minutes:.0f}",
            *(
                _with_interval(row["bits_per_note"], row["bits_per_note_interval"])
                for row in (found.before, found.after)
            ),
            _with_interval(less["bits_per_note"], less) if less else "too few pieces",
        ]
        lines.append(f"| [{name}]({name}) | {' | '.join(cells)} |")
    return [*lines, ""]


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
            cells.append(f"{distance['value']:+.2f} {in_brackets(distance, '{:+.2f}')}" if distance else "-")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines
