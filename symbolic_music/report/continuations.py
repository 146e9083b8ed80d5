"""The part of a report on how a model goes on with held-out pieces. Puts the training layer's measures together."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.report.errors import ReportError
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.evaluation.continuation_figures import judge_continuations
from symbolic_music.training.evaluation.continuations import (
    FEWEST,
    ContinuationSettings,
    choose_prompts,
    continue_pieces,
)
from symbolic_music.training.evaluation.copies import Pieces
from symbolic_music.training.evaluation.kinds import kinds_of


def measure_continuations(
    model: PreTrainedModel,
    processor: MusicProcessor,
    human: Pieces,
    settings: ContinuationSettings,
    options: SamplingOptions,
    kinds: Mapping[str, str],
    path: Path,
    about: dict[str, Any],
    on_piece: Callable[[int], Any] | None = None,
) -> dict[str, Any]:
    """Have held-out pieces continued, and judge what comes.

    Args:
        model: a causal model.
        processor: of the model.
        human: held-out pieces as the codec writes them.
        settings: how many pieces and bars.
        options: how to sample.
        kinds: the kind of each source; may be empty.
        path: the file that keeps the samples.
        about: what else the samples depend on.
        on_piece: called with 1 after each piece.

    Returns:
        "settings", "asked", "sources" (pieces asked of each) and "refused" (by reason), with what
        `training.held_out.continuation_figures.judge_continuations` gives.

    Raises:
        TrainingError: when there is nothing to continue, or the model cannot.
        ReportError: when fewer than three pieces came.
    """
    chosen = choose_prompts(human.scores, human.groups, human.sources, settings, options.seed)
    sources = [human.sources[number] for number in chosen]
    continued, refused = continue_pieces(
        model, processor, human.scores, chosen, settings, options, path, about, on_piece
    )
    if len(continued) < FEWEST:
        raise ReportError(
            f"{len(continued)} of {len(chosen)} pieces were continued ({dict(refused)}); expected {FEWEST} or more"
        )
    own = [human.sources[piece.number] for piece in continued]
    labels = {"source": own} | ({"kind": kinds_of(own, kinds)} if kinds else {})
    return {
        "settings": asdict(settings),
        "asked": len(chosen),
        "sources": {source: sources.count(source) for source in sorted(set(sources))},
        "refused": dict(sorted(refused.items())),
        **judge_continuations(continued, labels, options.seed),
    }
