"""The part of a report on what held-out pieces cost a model that composes."""

from typing import Any

from symbolic_music.report.parts.run import Run, progress_bar
from symbolic_music.training.evaluation.pieces import evaluate_split


def measure_loss(run: Run) -> dict[str, Any]:
    """What held-out pieces cost.

    Returns:
        What `training.evaluation.pieces.evaluate_split` gives, and what it is of.

    Raises:
        TrainingError: when not one piece can be scored, or a source has no kind.
    """
    settings = run.settings
    asked = run.about | {"kinds": settings.kinds, "loss_pieces": settings.loss_pieces}
    # Named only where they are not what they were before one could choose: reports of then go on.
    rare = {"context_length": settings.context_length, "bootstrap_seed": settings.sampling.seed}
    asked |= {name: value for name, value in rare.items() if value}

    def measure() -> dict[str, Any]:
        return evaluate_split(
            run.model,
            run.processor,
            run.data.scored(),
            context_length=settings.context_length,
            batch_size=settings.scored_at_once,
            seed=settings.sampling.seed,
            on_batch=progress_bar("score held-out pieces", None, "window"),
            kinds=settings.kinds,
        )

    return run.data.kept("loss.json", asked, measure) | run.about
