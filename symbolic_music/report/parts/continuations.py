"""The part of a report on how a model goes on with held-out pieces. Puts the training layer's measures together."""

from dataclasses import asdict
from typing import Any

from symbolic_music.report.errors import ReportError
from symbolic_music.report.parts.run import Run, progress_bar
from symbolic_music.training.evaluation.continuation_figures import judge_continuations
from symbolic_music.training.evaluation.continuations import (
    FEWEST,
    ContinuationSettings,
    choose_prompts,
    continue_pieces,
)
from symbolic_music.training.evaluation.kinds import kinds_of

_KEPT_FILE = "continuations.jsonl"


def measure_continuations(run: Run, settings: ContinuationSettings) -> dict[str, Any]:
    """Have held-out pieces continued, and judge what comes.

    Args:
        run: the model and the held-out pieces.
        settings: how many pieces and bars.

    Returns:
        "settings", "asked", "sources" (pieces asked of each) and "refused" (by reason), with what
        `training.evaluation.continuation_figures.judge_continuations` gives.

    Raises:
        TrainingError: when there is nothing to continue, or the model cannot.
        ReportError: when fewer than three pieces came.
    """
    human, options, kinds = run.data.human, run.settings.sampling, run.settings.kinds
    path, on_piece = run.data.parts / _KEPT_FILE, progress_bar("continue held-out pieces", settings.num_pieces)
    chosen = choose_prompts(human.scores, human.groups, human.sources, settings, options.seed)
    sources = [human.sources[number] for number in chosen]
    continued, refused = continue_pieces(
        run.model, run.processor, human.scores, chosen, settings, options, path, run.about, on_piece
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
