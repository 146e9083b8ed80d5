"""The part of a report on what a model samples: pieces kept as they come, so that a report that was cut short goes on
where it was; the share that is music; and what they are like beside human pieces.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from symusic.core import ScoreTick
from transformers import PreTrainedModel

from symbolic_music.generation.compose import Composition, SamplingOptions, compose, composition_of
from symbolic_music.generation.kept_batches import kept_batches
from symbolic_music.metrics.ensembles.by_label import distance_by_label
from symbolic_music.metrics.ensembles.instruments import instrument_shares, lineup_of
from symbolic_music.metrics.rests import describe_rests
from symbolic_music.metrics.statistics import compare_measured, left_out, measure_pieces
from symbolic_music.report.errors import ReportError
from symbolic_music.report.parts.run import Run, progress_bar
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.evaluation.sampling import readability, sampled_rests, validity
from symbolic_music.training.summary import machine_class

# Pieces are sampled so many batches at a time: only at the end of these are there fewer than a batch.
_BATCHES_IN_A_LINE = 4


@dataclass(frozen=True)
class SampledPieces:
    """What was sampled, and what it took.

    Attributes:
        pieces: in the order of their numbers.
        seconds: of sampling, loading left out.
    """

    pieces: list[Composition]
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """New tokens of all pieces."""
        return sum(len(piece.ids) - piece.num_prompt_tokens for piece in self.pieces) / self.seconds

    @property
    def notes_per_second(self) -> float:
        """Notes of all pieces: unlike tokens, the same for every tokenizer."""
        return sum(piece.num_notes for piece in self.pieces) / self.seconds


def sample_pieces(
    model: PreTrainedModel,
    processor: MusicProcessor,
    num_samples: int,
    options: SamplingOptions,
    path: Path,
    on_batch: Callable[[int], Any] | None = None,
) -> SampledPieces:
    """Sample pieces from nothing, some at a time, which are kept as a line of a file; what is there is read.

    Args:
        model: a causal model.
        processor: of the model.
        num_samples: how many.
        options: how.
        path: the file of batches; see `generation.kept_batches`.
        on_batch: called with how many pieces are there since the last call.

    Raises:
        KeptBatchesError: when the file holds samples of other options.
    """

    size = _BATCHES_IN_A_LINE * options.batch_size
    told: list[int] = []

    def tell(count: int) -> None:
        if told:  # piece by piece, while they were made
            told.pop()
        elif on_batch is not None:
            on_batch(count)

    def make(number: int, count: int) -> dict[str, Any]:
        started = time.perf_counter()
        pieces = compose(model, processor, count, options=options, on_batch=on_batch, first=number * size)
        told.append(count)
        return {"seconds": time.perf_counter() - started, "ids": [piece.ids for piece in pieces]}

    batches = kept_batches(path, asdict(options), num_samples, size, make, tell)
    pieces = [composition_of(processor, ids, 1) for batch in batches for ids in batch["ids"]]
    return SampledPieces(pieces, sum(batch["seconds"] for batch in batches))


def sample_model(run: Run, use_grammar: bool) -> SampledPieces:
    """The model's own pieces, kept in the report's folder."""
    kind, settings = "with" if use_grammar else "without", run.settings
    count = settings.num_samples if use_grammar else settings.num_free_samples
    return sample_pieces(
        run.model,
        run.processor,
        count,
        replace(settings.sampling, use_grammar=use_grammar),
        run.data.parts / f"samples-{kind}-grammar.jsonl",
        progress_bar(f"sample {kind} the grammar", count),
    )


def decoded(sampled: SampledPieces) -> list[ScoreTick]:
    """The pieces that are music.

    Raises:
        ReportError: when none is.
    """
    scores = [piece.score for piece in sampled.pieces if piece.score is not None]
    if not scores:
        raise ReportError(f"not one of {len(sampled.pieces)} samples is music")
    return scores


def measure_samples(
    run: Run, constrained: SampledPieces, scores: Sequence[ScoreTick]
) -> tuple[dict[str, Any], dict[str, dict[str, np.ndarray]]]:
    """What samples are like: their validity and speed, their statistics beside human ones, and who plays.

    Args:
        run: the model and the human pieces.
        constrained: sampled under the grammar.
        scores: of them that are music.

    Returns:
        "sampling", "statistics", "statistics_left_out", "instruments" and "lineups"; and by "sampled" and "human", by
        statistic, a value for each piece.
    """
    seed, human = run.settings.sampling.seed, run.data.human
    free = sample_model(run, use_grammar=False)
    measured = {
        name: measure_pieces(pieces, on_piece=progress_bar(f"measure {name} pieces", len(pieces)))
        for name, pieces in (("sampled", scores), ("human", human.scores))
    }
    lineups = [[lineup_of(score) for score in pieces] for pieces in (scores, human.scores)]
    figures = {
        "sampling": _describe({"with_grammar": constrained, "without_grammar": free}, run)
        | {"machine": machine_class(run.model.device)},
        "statistics": compare_measured(measured["sampled"], measured["human"], seed),
        "statistics_left_out": left_out(measured["sampled"], measured["human"]),
        "instruments": {"sampled": instrument_shares(scores), "human": instrument_shares(human.scores)},
        "lineups": distance_by_label(measured["sampled"], lineups[0], measured["human"], lineups[1], seed),
    }
    return figures, measured


def _describe(kinds: dict[str, SampledPieces], run: Run) -> dict[str, Any]:
    """Validity, rests and speed of what was sampled."""
    settings, processor, constrained = run.settings, run.processor, kinds["with_grammar"]
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
        human = [processor.codec.encode(score) for score in run.data.human.scores]
        described["human_rests"] = describe_rests(human, seed)
        for name, sampled in kinds.items():
            described[name]["rests"] = sampled_rests(sampled.pieces, processor, seed)
    return described
