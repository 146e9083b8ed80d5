"""A trained model that composes, to the folder that its Hub repository holds."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from symbolic_music.generation.loading import load_whole
from symbolic_music.hub.assembly.parts import WEIGHT_DTYPES, folder_to_make, read_json, write_folder, write_results
from symbolic_music.hub.cards.composer import PLOTS_FOLDER, ModelFacts, model_card
from symbolic_music.hub.cards.samples import read_samples
from symbolic_music.hub.cards.sections import PIECE_LOSSES_FILE, PLOTS, REPORT_FILE
from symbolic_music.hub.errors import PublishError
from symbolic_music.tokenization.processing_music import MusicProcessor

TRAINING_FILE = "training_summary.json"


def assemble_model(
    checkpoint: Path,
    report: Path,
    output: Path,
    facts: ModelFacts,
    template: Path,
    dtype: str = "bfloat16",
    samples: Sequence[Path] = (),
) -> None:
    """Write the folder of a Hub repository.

    Args:
        checkpoint: a folder that `train/pretrain.py` wrote, with `training_summary.json`.
        report: a folder that `symbolic-music evaluate` wrote, with `report.json` and its plots.
        output: the folder to write; must not exist.
        facts: what the card says and no file knows.
        template: of the card.
        dtype: "bfloat16" or "float32".
        samples: folders that `symbolic-music generate` wrote, for the card; their first pieces go with it.

    Raises:
        PublishError: when the checkpoint lacks a file or a figure, or the output exists.
    """
    if output.exists():
        raise PublishError(f"{output} exists; expected a folder to make")
    training, figures = read_json(checkpoint / TRAINING_FILE), read_json(report / REPORT_FILE)
    shown = [read_samples(folder) for folder in samples]
    model = load_whole(str(checkpoint), WEIGHT_DTYPES[dtype])
    processor = MusicProcessor.from_pretrained(checkpoint)
    try:
        card = model_card(template, facts, model, processor, training, figures, shown)
    except KeyError as error:
        raise PublishError(f"{report}: the card needs the figure {error}, which no result file holds") from error
    with folder_to_make(output) as partial:
        write_folder(checkpoint, partial, model, processor, card, facts, figures["sampling"]["options"])
        write_results(partial, {TRAINING_FILE: training, REPORT_FILE: figures})
        _copy_plots(report, partial / PLOTS_FOLDER)
        if (report / PIECE_LOSSES_FILE).exists():  # reports of earlier versions have none
            shutil.copy(report / PIECE_LOSSES_FILE, partial)
        for sample in shown:
            sample.copy_to(partial)


def _copy_plots(report: Path, folder: Path) -> None:
    folder.mkdir()
    for name in PLOTS.values():
        if not (report / name).exists():
            raise PublishError(f"{report / name} is missing; the card shows it")
        shutil.copy(report / name, folder)
