"""A report on a model: its parts are measured one after the other, those alone that were asked for. How figures read
is the business of `hub.cards`.

What takes long is kept in the report's folder when it is done, and is not done again for the same settings.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict
from symusic.core import ScoreTick
from transformers import PreTrainedModel

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.report.asked.controls import measure_control
from symbolic_music.report.parts.continuations import measure_continuations
from symbolic_music.report.parts.copies import measure_copies
from symbolic_music.report.parts.fills import measure_fills
from symbolic_music.report.parts.loss import measure_loss
from symbolic_music.report.parts.masked_bars import measure_masked_bars
from symbolic_music.report.parts.run import PARTS_FOLDER, Data, Run, progress_bar
from symbolic_music.report.parts.samples import decoded, measure_samples, sample_model
from symbolic_music.report.piece_losses import PieceLoss, gather_pieces
from symbolic_music.report.settings import ReportSettings
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.evaluation.copies import Pieces, folder_pieces
from symbolic_music.training.summary import machine_class


@dataclass(frozen=True)
class Report:
    """A report's figures, and the pieces they are of.

    Attributes:
        figures: JSON.
        pieces: that were sampled under the grammar and decode.
        measured: by "sampled" and "human", by statistic, a value for each piece; empty when samples are no part.
        losses: what each held-out piece cost; empty when the loss is no part.
    """

    figures: dict[str, Any]
    pieces: list[ScoreTick] = field(default_factory=list)
    measured: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    losses: list[PieceLoss] = field(default_factory=list)


@dataclass(frozen=True)
class FillerReport:
    """Figures on a model that fills masked bars.

    Attributes:
        beside: what masked bars cost it and others, see `parts.masked_bars`; None when the loss is no part.
        filling: what it fills in, see `parts.fills`; None when neither samples nor copies are parts.
    """

    beside: dict[str, Any] | None
    filling: dict[str, Any] | None


def evaluate_model(
    model: PreTrainedModel, processor: MusicProcessor, splits: DatasetDict, settings: ReportSettings, output: Path
) -> Report:
    """Measure what a report on a model that composes says.

    Args:
        model: a causal model.
        processor: of the model.
        splits: of the dataset; those of `settings.split` and "train".
        settings: what to measure.
        output: the report's folder; what lies there of the same settings is taken as it is.

    Returns:
        The report; its figures have "settings", "parameters", "model_type", "codec" and "machine", and of its parts
        "loss"; "sampling", "statistics", "statistics_left_out", "instruments", "lineups"; "memorisation"; "control";
        "continuations" (None when none were asked for); and "pieces", how many there were.

    Raises:
        ReportError: when the folder holds a report of other settings, or there is nothing to measure.
    """
    settings = replace(settings, sampling=settings.sampling.for_model(model))
    run = Run(model, processor, _open(splits, settings, output, processor.codec))
    data = run.data
    figures: dict[str, Any] = {
        "settings": _shown(settings),
        "parameters": model.num_parameters(),
        "model_type": model.config.model_type,
        "codec": processor.codec.codec_type,
        "machine": machine_class(model.device),
    }
    scores: list[ScoreTick] = []
    losses: list[PieceLoss] = []
    measured: dict[str, dict[str, np.ndarray]] = {}
    if "loss" in settings.parts:
        figures["loss"] = measure_loss(run)
        losses = gather_pieces(figures["loss"].pop("per_piece"))
    if {"samples", "copies"} & set(settings.parts):
        constrained = sample_model(run, use_grammar=True)
        scores = decoded(constrained)
        figures["pieces"] = _count(scores, data.human)
    if "samples" in settings.parts:
        described, measured = measure_samples(run, constrained, scores)
        figures |= described
    if "copies" in settings.parts:
        figures["memorisation"] = measure_copies(data, scores)
    if "control" in settings.parts:
        figures["control"] = _control(run)
    if "continuations" in settings.parts:
        asked = settings.continuations
        figures["continuations"] = measure_continuations(run, asked) if asked else None
    return Report(figures, scores, measured, losses)


def evaluate_filler(
    model: PreTrainedModel,
    processor: MusicProcessor,
    splits: DatasetDict,
    settings: ReportSettings,
    output: Path,
    others: Sequence[str] = (),
    device: str | None = None,
) -> FillerReport:
    """Measure what masked bars cost a model that fills them, and what it fills in.

    Args:
        model: that fills masked bars.
        processor: of the model.
        splits: of the dataset; those of `settings.split` and "train".
        settings: what to measure.
        output: the report's folder; what lies there of the same settings is taken as it is.
        others: folders or Hub ids of models whose loss on the same bars is set beside it.
        device: of the others.

    Raises:
        ReportError: when the folder holds a report of other settings, or there is nothing to measure.
    """
    settings = replace(settings, sampling=settings.sampling.for_model(model))
    run = Run(model, processor, _open(splits, settings, output))
    fills = {"samples", "copies"} & set(settings.parts)
    return FillerReport(
        measure_masked_bars(run, others, device) if "loss" in settings.parts else None,
        measure_fills(run) if fills else None,
    )


def evaluate_pieces(
    splits: DatasetDict, settings: ReportSettings, output: Path, codec: ScoreCodec | None = None
) -> Report:
    """Look for copies in a folder of pieces, or in none: what held-out human pieces share with training.

    Args:
        splits: of the dataset; those of `settings.split` and "train".
        settings: what to measure, and the folder.
        output: the report's folder.
        codec: the grid on which all pieces are compared; None leaves them as they are.
    """
    data = _open(splits, settings, output, codec)
    pieces = folder_pieces(Path(settings.samples)) if settings.samples else Pieces()
    figures = {
        "settings": _shown(settings),
        "pieces": _count(pieces.scores, data.human, pieces),
        "memorisation": measure_copies(data, pieces.scores),
    }
    return Report(figures)


def _shown(settings: ReportSettings) -> dict[str, Any]:
    """Settings as a report says them: where the index lies is nobody's business."""
    shown = asdict(settings)
    del shown["copies"]["index"]
    return shown


def _open(splits: DatasetDict, settings: ReportSettings, output: Path, codec: ScoreCodec | None = None) -> Data:
    parts = output / PARTS_FOLDER
    data = Data(splits, settings, parts, codec)
    data.scored()  # a split that is not there is told before anything is written
    parts.mkdir(parents=True, exist_ok=True)
    return data


def _count(scores: Sequence[ScoreTick], human: Pieces, read: Pieces | None = None) -> dict[str, Any]:
    """How many pieces were judged, and were left out by reason."""
    counts: dict[str, Any] = {"sampled": len(scores), "human": len(human.scores)}
    counts["refused"] = dict(sorted(human.refused.items()))
    return counts if read is None else counts | {"refused_samples": dict(sorted(read.refused.items()))}


def _control(run: Run) -> dict[str, Any]:
    asked = run.about | {"sampling": asdict(run.settings.sampling)}
    on_piece = progress_bar("ask for things", None)
    scores, options = run.data.human.scores, run.settings.sampling

    def measure() -> dict[str, Any]:
        return measure_control(run.model, run.processor, scores, options, on_piece=on_piece)

    return run.data.kept("control.json", asked, measure)
