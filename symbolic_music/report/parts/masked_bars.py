"""The part of a report on what masked bars cost a model that fills them, and others beside it on the same bars.

Scored are the windows that all of them can hold; how many more each could is said.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import RemoteEntryNotFoundError
from transformers import PreTrainedModel

from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.generation.loading import load_model
from symbolic_music.hub.cards.filler import INFILLING_FILE
from symbolic_music.report.errors import ReportError
from symbolic_music.report.parts.run import Run
from symbolic_music.report.settings import ReportSettings
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.adaptation.lora import count_parameters
from symbolic_music.training.evaluation.bits_per_note import PieceScores, bootstrap_difference, summarise_scores
from symbolic_music.training.infilling.examples import InfillCollator, InfillFormat, MaskSettings, build_examples
from symbolic_music.training.infilling.trainer import score_examples


def fills_bars(processor: MusicProcessor) -> bool:
    """Whether a model of this vocabulary fills masked bars; others compose."""
    codec = processor.codec
    return isinstance(codec, TrackTextCodec) and codec.settings.max_masks > 0


def describe_filler(name: str, model: PreTrainedModel) -> dict[str, Any]:
    """How a model that fills was trained: its style, parameters, steps and minutes.

    A model without `infilling.json`, such as an adapter, reads the masks as all of its kind do, and its steps and
    minutes are None.

    Raises:
        ReportError: when the file is another's.
    """
    path = _find_training(name)
    if path is None:
        style = InfillFormat.SEQ2SEQ if model.config.is_encoder_decoder else InfillFormat.CAUSAL
        parameters = count_parameters(model)["all"]
        return {"style": str(style), "parameters": parameters, "steps": None, "training_minutes": None}
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        told = {name: result[name] for name in ("steps", "training_minutes")}
        return {
            "style": str(InfillFormat(result["arguments"]["style"])),
            "parameters": result["parameters"]["all"],
        } | told
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{path}: expected what `train_infill.py` writes: {error}") from error


def _find_training(name: str) -> Path | None:
    folder = Path(name)
    if folder.is_dir():
        return folder / INFILLING_FILE if (folder / INFILLING_FILE).exists() else None
    try:
        return Path(hf_hub_download(name, INFILLING_FILE))
    except RemoteEntryNotFoundError:  # the model itself was found
        return None


@dataclass
class Contestant:
    """A model that fills, and the masked windows of the held-out pieces that it can hold."""

    told: dict[str, Any]
    model: PreTrainedModel
    processor: MusicProcessor
    examples: Dataset

    def score(self, windows: set[int], at_once: int) -> list[PieceScores]:
        """What the masked bars of some windows cost it."""
        numbers = [row for row, window in enumerate(self.examples["window"]) if window in windows]
        collator = InfillCollator(self.processor.tokenizer.pad_token_id)
        return score_examples(self.model, self.examples.select(numbers), collator, at_once)


def measure_masked_bars(run: Run, others: Sequence[str], device: str | None) -> dict[str, Any]:
    """What masked bars cost a model and others, and by how much the first is cheaper.

    Args:
        run: the model that fills, and the held-out pieces.
        others: folders or Hub ids of models to set beside it.
        device: of the others.

    Returns:
        "split", "split_hash" and "models", a row for each: "model", "style", "parameters", "steps",
        "training_minutes", "examples", "others_cannot_hold", "notes", "groups", "bits_per_note" with
        "bits_per_note_interval", and "first_is_cheaper_by", on the same resamples.

    Raises:
        ReportError: when a model fills nothing, or no window fits all models.
    """
    settings = run.settings
    asked = run.about | {"beside": list(others), "loss_pieces": settings.loss_pieces}
    asked |= {"bootstrap_seed": settings.sampling.seed}
    return run.data.kept("masked_bars.json", asked, lambda: _compare(run, others, device))


def _compare(run: Run, others: Sequence[str], device: str | None) -> dict[str, Any]:
    settings, split = run.settings, run.data.scored()
    contestants = [_contestant(settings.model, run.model, run.processor, split)]
    for name in others:
        model, processor = load_model(name, device)
        if not fills_bars(processor):
            raise ReportError(f"{name} fills no bars: expected a model that `train_infill.py` trained beside this one")
        contestants.append(_contestant(name, model, processor, split))
    windows = _common_windows(contestants)
    first: list[PieceScores] = []
    rows = []
    for contestant in contestants:
        scores = contestant.score(windows, settings.scored_at_once)
        first = first or scores
        rows.append(_row(contestant, scores, first, settings))
    return {"split": settings.split, "split_hash": run.data.split_hash, "models": rows}


def _contestant(name: str, model: PreTrainedModel, processor: MusicProcessor, split: Dataset) -> Contestant:
    """A model with the examples of its style."""
    told = describe_filler(name, model)
    context = model.config.max_position_embeddings
    examples, _ = build_examples(split, processor, InfillFormat(told["style"]), MaskSettings(), context)
    return Contestant({"model": name, **told}, model, processor, examples)


def _common_windows(contestants: list[Contestant]) -> set[int]:
    """The windows that every model can hold: one sequence of window and fill is longer than either."""
    common = set.intersection(*(set(contestant.examples["window"]) for contestant in contestants))
    if not common:
        raise ReportError("no masked window fits into the contexts of all models")
    return common


def _row(
    contestant: Contestant, scores: list[PieceScores], first: list[PieceScores], settings: ReportSettings
) -> dict[str, Any]:
    seed = settings.sampling.seed
    summary = summarise_scores(scores, seed)
    row = contestant.told | {"examples": len(scores), "others_cannot_hold": len(contestant.examples) - len(scores)}
    row |= {name: summary[name] for name in ("notes", "groups", "bits_per_note", "bits_per_note_interval")}
    try:
        row["first_is_cheaper_by"] = bootstrap_difference(first, scores, seed)
    except ValueError as error:
        others = f"{contestant.told['model']} holds other windows than {settings.model}"
        raise ReportError(f"{others}: {error}") from error
    return row
