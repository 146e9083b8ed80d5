"""A trained checkpoint to the folder that its Hub repository holds: weights, code, tokenizer, card. Uploads nothing.

The folder loads two ways: with `symbolic_music` imported, through the registered classes; without the package, with
`trust_remote_code=True`, through the copied model code.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedModel

from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.hub.cards.composer import PLOTS_FOLDER, ModelFacts, model_card
from symbolic_music.hub.cards.filler import FILLING_FILE, INFILLING_FILE, filler_card
from symbolic_music.hub.cards.samples import read_samples
from symbolic_music.hub.cards.sections import PIECE_LOSSES_FILE, PLOTS, REPORT_FILE
from symbolic_music.hub.contents import CARD_FILE
from symbolic_music.hub.errors import PublishError
from symbolic_music.models.hub_code import saving_code
from symbolic_music.tokenization.processing_music import MIDITOK_FILE, MusicProcessor

WEIGHT_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
LOSS_PLOT = "loss.png"
TRAINING_FILE = "training_summary.json"
COMPARISON_FILE = "beside.json"


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
    training, figures = _read_json(checkpoint / TRAINING_FILE), _read_json(report / REPORT_FILE)
    shown = [read_samples(folder) for folder in samples]
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=WEIGHT_DTYPES[dtype])
    processor = MusicProcessor.from_pretrained(checkpoint)
    try:
        card = model_card(template, facts, model.num_parameters(), processor, training, figures, shown)
    except KeyError as error:
        raise PublishError(f"{report}: the card needs the figure {error}, which no result file holds") from error
    with _folder_to_make(output) as partial:
        _write_folder(checkpoint, partial, model, processor, card, figures["sampling"]["options"])
        _write_results(partial, {TRAINING_FILE: training, REPORT_FILE: figures})
        _copy_plots(report, partial / PLOTS_FOLDER)
        if (report / PIECE_LOSSES_FILE).exists():  # reports of earlier versions have none
            shutil.copy(report / PIECE_LOSSES_FILE, partial)
        for sample in shown:
            sample.copy_to(partial)


def assemble_filler(
    checkpoint: Path,
    filling: Path,
    output: Path,
    facts: ModelFacts,
    beside: Path,
    template: Path,
    dtype: str = "bfloat16",
    samples: Sequence[Path] = (),
) -> None:
    """Write the folder of a Hub repository for a causal model that fills masked bars.

    Args:
        checkpoint: a folder that `train/train_infill.py` wrote, with `infilling.json`.
        filling: what `train/evaluate_infill.py` wrote.
        output: the folder to write; must not exist.
        facts: what the card says and no file knows.
        beside: what `train/compare_infill.py` wrote, of this model first.
        template: of the card.
        dtype: "bfloat16" or "float32".
        samples: folders that `symbolic-music infill` wrote.

    Raises:
        PublishError: when a file or a figure is missing, the comparison is of another model, or the output exists.
    """
    if output.exists():
        raise PublishError(f"{output} exists; expected a folder to make")
    training, figures, compared = _read_json(checkpoint / INFILLING_FILE), _read_json(filling), _read_json(beside)
    if any(compared["models"][0][name] != training[name] for name in ("steps", "training_minutes")):
        raise PublishError(f"{beside}: its first model is not {checkpoint}, which was trained otherwise")
    shown = [read_samples(folder) for folder in samples]
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=WEIGHT_DTYPES[dtype])
    processor = MusicProcessor.from_pretrained(checkpoint)
    try:
        card = filler_card(template, facts, training, figures, compared, shown)
    except KeyError as error:
        raise PublishError(f"{checkpoint}: the card needs the figure {error}, which no result file holds") from error
    with _folder_to_make(output) as partial:
        _write_folder(checkpoint, partial, model, processor, card, figures["settings"])
        _write_results(partial, {INFILLING_FILE: training, FILLING_FILE: figures, COMPARISON_FILE: compared})
        for sample in shown:
            sample.copy_to(partial)


@contextmanager
def _folder_to_make(output: Path) -> Iterator[Path]:
    """A folder beside the one to make, which takes its place when all went well and is gone otherwise."""
    partial = output.with_name(f".{output.name}.incomplete")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
        partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_results(folder: Path, results: dict[str, dict[str, Any]]) -> None:
    for name, content in results.items():
        (folder / name).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _write_folder(
    checkpoint: Path,
    folder: Path,
    model: PreTrainedModel,
    processor: MusicProcessor,
    card: str,
    measured_with: Mapping[str, Any],
) -> None:
    with saving_code(model):
        model.save_pretrained(folder)
    processor.save_pretrained(folder)
    as_measured = SamplingOptions(temperature=measured_with["temperature"], top_p=measured_with["top_p"])
    GenerationConfig(
        bos_token_id=processor.tokenizer.bos_token_id,
        eos_token_id=processor.tokenizer.eos_token_id,
        pad_token_id=processor.tokenizer.pad_token_id,
        **as_measured.generate_arguments(),
        max_length=model.config.max_position_embeddings,
    ).save_pretrained(folder)
    for name in (MIDITOK_FILE, LOSS_PLOT):
        if (checkpoint / name).exists():
            shutil.copy(checkpoint / name, folder)
    (folder / CARD_FILE).write_text(card, encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise PublishError(f"{path} is missing; it holds figures that the card quotes")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PublishError(f"{path} is not JSON: {error}") from error


def _copy_plots(report: Path, folder: Path) -> None:
    folder.mkdir()
    for name in PLOTS.values():
        if not (report / name).exists():
            raise PublishError(f"{report / name} is missing; the card shows it")
        shutil.copy(report / name, folder)
