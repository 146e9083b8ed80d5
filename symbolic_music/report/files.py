"""A report as files: figures, text, plots, and the sampled pieces with pictures of three of them."""

import json
from pathlib import Path
from typing import Any

from symbolic_music.hub.cards.filler import COMPARISON_FILE, FILLING_FILE, fills_table, losses_table
from symbolic_music.hub.cards.model_index import model_index_yaml
from symbolic_music.hub.cards.sections import (
    PIECE_LOSSES_FILE,
    PLOTS,
    REPORT_FILE,
    measured_sections,
    memorisation_section,
    statistics_table,
)
from symbolic_music.report.evaluate import FillerReport, Report
from symbolic_music.report.piece_losses import write_piece_losses
from symbolic_music.report.plots import draw_distributions, draw_loss_by_bar
from symbolic_music.report.typical import choose_pieces, distances_to_human
from symbolic_music.score.midi.io import write_midi
from symbolic_music.score.render.pictures import write_piano_roll

TEXT_FILE = "report.md"
MODEL_INDEX_FILE = "model_index.yaml"
SAMPLES_FOLDER = "samples"
_WHY_SHOWN = {
    "typical": "The sample whose statistics are as far from human ones as most samples' are (the median distance)",
    "best": "The sample whose statistics are nearest to the human mean",
    "worst": "The sample whose statistics are farthest from it",
}


def write_report(report: Report, folder: Path, about: dict[str, Any]) -> None:
    """Write the figures and the text; and of the parts that the report has: what each held-out piece cost, plots, and
    `samples/` with every piece as MIDI.

    Args:
        report: what was measured.
        folder: where to; files of an earlier report of the same name are written over.
        about: added to the figures, such as the command.
    """
    figures = report.figures | about
    if report.losses:
        draw_loss_by_bar(figures["loss"]["by_bar"], folder / PLOTS["loss"])
        write_piece_losses(report.losses, folder / PIECE_LOSSES_FILE)
    if report.measured:
        figures["shown"] = _write_samples(report, folder)
    _write_json(folder / REPORT_FILE, figures)
    (folder / TEXT_FILE).write_text(report_text(figures), encoding="utf-8")
    if {"loss", "statistics", "memorisation"} <= figures.keys():
        name = Path(figures["settings"]["model"]).name
        (folder / MODEL_INDEX_FILE).write_text(model_index_yaml(name, figures), encoding="utf-8")


def _write_samples(report: Report, folder: Path) -> dict[str, dict[str, Any]]:
    """The sampled pieces, a plot of their statistics and pictures of three of them, which are returned."""
    samples = folder / SAMPLES_FOLDER
    samples.mkdir(parents=True, exist_ok=True)
    for number, score in enumerate(report.pieces):
        write_midi(score, samples / f"sample_{number:04d}.mid")
    sampled, human = report.measured["sampled"], report.measured["human"]
    distances = distances_to_human(sampled, human)
    chosen = choose_pieces(distances)
    for name, number in chosen.items():
        write_piano_roll(report.pieces[number], folder / f"{name}.png", f"sample {number}: {name}")
    statistics = report.figures["statistics"]
    overlaps = {name: row["overlapping_area"]["value"] for name, row in statistics.items()}
    draw_distributions(sampled, human, folder / PLOTS["distributions"], overlaps)
    return {
        name: {
            "sample": number,
            "distance": float(distances[number]),
            "file": f"{SAMPLES_FOLDER}/sample_{number:04d}.mid",
        }
        for name, number in chosen.items()
    }


def report_text(figures: dict[str, Any]) -> str:
    """The report in words, for people."""
    settings = figures["settings"]
    held = f"held against the `{settings['split']}` split of {settings['dataset']}."
    if "codec" in figures:
        held = (
            f"A {figures['model_type']} of {figures['parameters']:,} parameters that writes {figures['codec']}, {held}"
        )
    sections = [
        f"# {settings['samples'] or settings['model'] or settings['dataset']}",
        held[0].upper() + held[1:],
        f"```\n{figures['command']}\n```",
        *measured_sections(figures),
    ]
    if "shown" in figures:
        sections += ["## Three of the samples", *(_shown(name, row) for name, row in figures["shown"].items())]
    return "\n\n".join(section for section in sections if section) + "\n"


def write_filler_report(report: FillerReport, folder: Path, about: dict[str, Any]) -> None:
    """Write `beside.json` and `filling.json`, of the parts that were measured, and both as text.

    Args:
        report: what was measured.
        folder: where to; files of an earlier report of the same name are written over.
        about: added to the figures, such as the command.
    """
    for name, figures in ((COMPARISON_FILE, report.beside), (FILLING_FILE, report.filling)):
        if figures is not None:
            _write_json(folder / name, figures | about)
    (folder / TEXT_FILE).write_text(filler_text(report, about), encoding="utf-8")


def filler_text(report: FillerReport, about: dict[str, Any]) -> str:
    """The report on a model that fills masked bars in words, for people."""
    beside, filling = report.beside, report.filling
    sections = ["# A model that fills bars", f"```\n{about['command']}\n```"]
    if beside is not None:
        names = "\n".join(f"{number}. {row['model']}" for number, row in enumerate(beside["models"], 1))
        sections += ["## What masked bars cost", names, losses_table(beside["models"])]
    if filling is not None:
        sections += ["## Fills of held-out pieces", fills_table(filling)]
        if "statistics" in filling:
            sections += ["## Beside what people wrote there", statistics_table(filling["statistics"])]
        if "memorisation" in filling:
            sections.append(memorisation_section(filling["memorisation"]))
    return "\n\n".join(sections) + "\n"


def _write_json(path: Path, figures: dict[str, Any]) -> None:
    path.write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _shown(name: str, row: dict[str, Any]) -> str:
    return (
        f"{_WHY_SHOWN[name]}: [{row['file']}]({row['file']}), {row['distance']:.2f} human standard deviations in the "
        f"mean over the statistics.\n\n![Piano roll of the {name} sample]({name}.png)"
    )
