"""A report as files: figures, text, plots, and the sampled pieces with pictures of three of them."""

import json
from pathlib import Path
from typing import Any

from symbolic_music.hub.cards.model_index import model_index_yaml
from symbolic_music.hub.cards.sections import PIECE_LOSSES_FILE, PLOTS, REPORT_FILE, measured_sections
from symbolic_music.report.evaluate import Report
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
    """Write the figures, what each held-out piece cost, text, plots, and `samples/` with every piece as MIDI.

    Args:
        report: what was measured.
        folder: where to; files of an earlier report of the same name are written over.
        about: added to the figures, such as the command.
    """
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
    draw_loss_by_bar(report.figures["loss"]["by_bar"], folder / PLOTS["loss"])
    shown = {
        name: {
            "sample": number,
            "distance": float(distances[number]),
            "file": f"{SAMPLES_FOLDER}/sample_{number:04d}.mid",
        }
        for name, number in chosen.items()
    }
    figures = report.figures | about | {"shown": shown}
    (folder / REPORT_FILE).write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    write_piece_losses(report.losses, folder / PIECE_LOSSES_FILE)
    (folder / TEXT_FILE).write_text(report_text(figures), encoding="utf-8")
    name = Path(figures["settings"]["model"]).name
    (folder / MODEL_INDEX_FILE).write_text(model_index_yaml(name, figures), encoding="utf-8")


def report_text(figures: dict[str, Any]) -> str:
    """The report in words, for people."""
    settings = figures["settings"]
    sections = [
        f"# {settings['model']}",
        f"A {figures['model_type']} of {figures['parameters']:,} parameters that writes {figures['codec']}, held "
        f"against the `{settings['split']}` split of {settings['dataset']}.",
        f"```\n{figures['command']}\n```",
        *measured_sections(figures),
        "## Three of the samples",
        *(_shown(name, row) for name, row in figures["shown"].items()),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _shown(name: str, row: dict[str, Any]) -> str:
    return (
        f"{_WHY_SHOWN[name]}: [{row['file']}]({row['file']}), {row['distance']:.2f} human standard deviations in the "
        f"mean over the statistics.\n\n![Piano roll of the {name} sample]({name}.png)"
    )
