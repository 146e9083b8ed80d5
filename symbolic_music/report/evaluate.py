"""A report on a model: what held-out music costs it, and what the pieces it samples are like. Measures and keeps
figures; how they read is `hub.sections`' business.

Each part is kept in the report's folder when it is done, and is not done again for the same settings.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import DatasetDict
from symusic.core import ScoreTick
from tqdm import tqdm
from transformers import PreTrainedModel

from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.metrics.ensembles.by_label import distance_by_label
from symbolic_music.metrics.ensembles.instruments import instrument_shares, lineup_of
from symbolic_music.metrics.memorisation_report import compare_copies
from symbolic_music.metrics.rests import describe_rests
from symbolic_music.metrics.statistics import compare_measured, left_out, measure_pieces
from symbolic_music.report.asked.controls import measure_control
from symbolic_music.report.continuations import measure_continuations
from symbolic_music.report.errors import ReportError
from symbolic_music.report.piece_losses import PieceLoss, gather_pieces
from symbolic_music.report.samples import SampledPieces, sample_pieces
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.evaluation import evaluate_split
from symbolic_music.training.held_out.continuations import ContinuationSettings
from symbolic_music.training.memorisation_evaluation import Pieces, split_pieces, training_index
from symbolic_music.training.preparation import choose_split
from symbolic_music.training.sampling_evaluation import readability, sampled_rests, validity
from symbolic_music.training.summary import dataset_hash, machine_class, tokenizer_hash

PARTS_FOLDER = "parts"


@dataclass(frozen=True)
class ReportSettings:
    """What a report is of.

    Attributes:
        model: folder or Hub id.
        dataset: folder or Hub id, with the split to hold the model against and the one it was trained on.
        split: held-out pieces.
        num_samples: pieces to sample under the grammar.
        num_free_samples: pieces to sample without it.
        sampling: how to sample.
        read_as_abc: whether abc2midi and music21 are to read the samples.
        kinds: the kind of each source of the dataset, for tables by kind; see `training.held_out.kinds`.
        loss_pieces: score so many held-out pieces, evenly spaced; None for all.
        continuations: how many held-out pieces the model is to continue; None for none.
    """

    model: str
    dataset: str
    split: str = "test"
    num_samples: int = 500
    num_free_samples: int = 100
    sampling: SamplingOptions = field(default_factory=lambda: SamplingOptions(max_length=512, batch_size=50))
    read_as_abc: bool = False
    kinds: dict[str, str] = field(default_factory=dict)
    loss_pieces: int | None = None
    continuations: ContinuationSettings | None = None


@dataclass(frozen=True)
class Report:
    """A report's figures, and the pieces they are of.

    Attributes:
        figures: JSON.
        pieces: that were sampled under the grammar and decode.
        measured: by "sampled" and "human", by statistic, a value for each piece.
        losses: what each held-out piece cost.
    """

    figures: dict[str, Any]
    pieces: list[ScoreTick]
    measured: dict[str, dict[str, np.ndarray]]
    losses: list[PieceLoss]


def evaluate_model(
    model: PreTrainedModel, processor: MusicProcessor, splits: DatasetDict, settings: ReportSettings, output: Path
) -> Report:
    """Measure everything that a report says.

    Args:
        model: a causal model.
        processor: of the model.
        splits: of the dataset; `settings.split` and "train".
        settings: what to measure.
        output: the report's folder; what lies there of the same settings is taken as it is.

    Returns:
        The report; its figures have "settings", "parameters", "loss", "sampling", "statistics", "instruments",
        "lineups", "memorisation", "control", "continuations" (None when none were asked for) and "pieces".

    Raises:
        ReportError: when the folder holds a report of other settings, or there is nothing to measure.
    """
    settings = replace(settings, sampling=settings.sampling.for_model(model))
    parts = output / PARTS_FOLDER
    parts.mkdir(parents=True, exist_ok=True)
    about = {
        "model": settings.model,
        "dataset": settings.dataset,
        "split": settings.split,
        "split_hash": dataset_hash(splits),
        "tokenizer_hash": tokenizer_hash(processor),
    }
    human = split_pieces(splits, [settings.split], settings.dataset, processor.codec)
    loss_of = about | {"kinds": settings.kinds, "loss_pieces": settings.loss_pieces}
    loss = _kept(parts / "loss.json", loss_of, lambda: _measure_loss(model, processor, splits, settings))
    losses = gather_pieces(loss.pop("per_piece"))
    free = _sample(model, processor, settings, parts, use_grammar=False)
    constrained = _sample(model, processor, settings, parts, use_grammar=True)
    scores = [piece.score for piece in constrained.pieces if piece.score is not None]
    if not scores:
        raise ReportError(f"not one of {settings.num_samples} samples is music")
    sampling = _describe_samples({"with_grammar": constrained, "without_grammar": free}, processor, human, settings)
    measured = {
        name: measure_pieces(pieces, on_piece=_bar(f"measure {name} pieces", len(pieces)))
        for name, pieces in (("sampled", scores), ("human", human.scores))
    }
    asked = about | {"sampling": asdict(settings.sampling)}
    figures = {
        "settings": asdict(settings),
        "parameters": model.num_parameters(),
        "model_type": model.config.model_type,
        "codec": processor.codec.codec_type,
        "loss": loss | about,
        "sampling": sampling | {"machine": machine_class(model.device)},
        "statistics": compare_measured(measured["sampled"], measured["human"], settings.sampling.seed),
        "statistics_left_out": left_out(measured["sampled"], measured["human"]),
        **_describe_instruments(scores, human.scores, measured, settings.sampling.seed),
        "memorisation": _measure_copies(splits, about["split_hash"], processor, scores, human, settings, parts),
        "control": _kept(parts / "control.json", asked, lambda: _measure_control(model, processor, human, settings)),
        "continuations": _continue(model, processor, human, settings, about, parts)
        if settings.continuations
        else None,
        "pieces": {"sampled": len(scores), "human": len(human.scores), "refused": dict(sorted(human.refused.items()))},
    }
    return Report(figures, scores, measured, losses)


def _measure_loss(
    model: PreTrainedModel, processor: MusicProcessor, splits: DatasetDict, settings: ReportSettings
) -> dict[str, Any]:
    pieces = choose_split(splits, settings.split, settings.dataset, settings.loss_pieces)
    on_batch = _bar("score held-out pieces", None, "window")
    return evaluate_split(model, processor, pieces, on_batch=on_batch, kinds=settings.kinds)


def _measure_copies(
    splits: DatasetDict,
    split_hash: str,
    processor: MusicProcessor,
    scores: Sequence[ScoreTick],
    human: Pieces,
    settings: ReportSettings,
    parts: Path,
) -> dict[str, Any]:
    """What the samples copy from the training split, and the human pieces share with it; single pieces left out."""
    index = training_index(
        splits,
        settings.dataset,
        split_hash,
        parts / "training_index.safetensors",
        processor.codec,
        _bar("index training pieces", None),
    )
    found = compare_copies(
        index,
        scores,
        human.scores,
        human_groups=human.groups,
        seed=settings.sampling.seed,
        on_piece=_bar("look for copies", len(scores) + len(human.scores)),
    )
    for side in ("samples", "human"):
        found[side].pop("per_piece")
    return found


def _measure_control(
    model: PreTrainedModel, processor: MusicProcessor, human: Pieces, settings: ReportSettings
) -> dict[str, Any]:
    return measure_control(model, processor, human.scores, settings.sampling, on_piece=_bar("ask for things", None))


def _describe_instruments(
    scores: Sequence[ScoreTick],
    human: Sequence[ScoreTick],
    measured: dict[str, dict[str, np.ndarray]],
    seed: int,
) -> dict[str, Any]:
    """Who plays, and how far the samples of each line-up lie from human pieces of the same."""
    lineups = [[lineup_of(score) for score in pieces] for pieces in (scores, human)]
    return {
        "instruments": {"sampled": instrument_shares(scores), "human": instrument_shares(human)},
        "lineups": distance_by_label(measured["sampled"], lineups[0], measured["human"], lineups[1], seed),
    }


def _continue(
    model: PreTrainedModel,
    processor: MusicProcessor,
    human: Pieces,
    settings: ReportSettings,
    about: dict[str, Any],
    parts: Path,
) -> dict[str, Any] | None:
    asked = settings.continuations
    if asked is None:
        return None
    path, bar = parts / "continuations.jsonl", _bar("continue held-out pieces", asked.num_pieces)
    return measure_continuations(model, processor, human, asked, settings.sampling, settings.kinds, path, about, bar)


def _sample(
    model: PreTrainedModel, processor: MusicProcessor, settings: ReportSettings, parts: Path, use_grammar: bool
) -> SampledPieces:
    kind = "with" if use_grammar else "without"
    count = settings.num_samples if use_grammar else settings.num_free_samples
    return sample_pieces(
        model,
        processor,
        count,
        replace(settings.sampling, use_grammar=use_grammar),
        parts / f"samples-{kind}-grammar.jsonl",
        _bar(f"sample {kind} the grammar", count),
    )


def _describe_samples(
    kinds: dict[str, SampledPieces], processor: MusicProcessor, human: Pieces, settings: ReportSettings
) -> dict[str, Any]:
    """Validity, rests and speed of what was sampled."""
    constrained = kinds["with_grammar"]
    described: dict[str, Any] = {
        "options": asdict(settings.sampling),
        "tokens_per_second": constrained.tokens_per_second,
        "notes_per_second": constrained.notes_per_second,
        "seconds": constrained.seconds,
        "human_rests": None,
    }
    for name, sampled in kinds.items():
        described[name] = validity(sampled.pieces, processor)
        if settings.read_as_abc:
            described[name]["as_abc"] = readability(sampled.pieces)
    if processor.grammar().count_per_token("Rest").any():
        seed = settings.sampling.seed
        described["human_rests"] = describe_rests([processor.codec.encode(score) for score in human.scores], seed)
        for name, sampled in kinds.items():
            described[name]["rests"] = sampled_rests(sampled.pieces, processor, seed)
    return described


def _kept(path: Path, asked: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Figures that were measured before, or else those that are measured now and kept."""
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["asked"] != asked:
            raise ReportError(f"{path} was measured for {kept['asked']}; give another --output")
        return kept["figures"]
    figures = measure()
    path.write_text(json.dumps({"asked": asked, "figures": figures}) + "\n", encoding="utf-8")
    return figures


def _bar(what: str, total: int | None, unit: str = "piece") -> Callable[[int], Any]:
    """A progress bar, as what is called with how many more are done."""
    return tqdm(total=total, desc=what, unit=unit, disable=None).update
