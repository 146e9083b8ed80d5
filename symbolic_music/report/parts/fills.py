"""The part of a report on what a model fills in: random bars of held-out pieces, with the grammar and without."""

from typing import Any

from symbolic_music.report.errors import ReportError
from symbolic_music.report.parts.masked_bars import describe_filler
from symbolic_music.report.parts.run import Run, progress_bar
from symbolic_music.training.infilling.evaluation import (
    compare_with_human,
    copies_in_fills,
    describe_fills,
    fill_pieces,
)
from symbolic_music.training.infilling.examples import InfillFormat
from symbolic_music.training.summary import machine_class


def measure_fills(run: Run) -> dict[str, Any]:
    """Have random bars of held-out pieces filled in.

    Returns:
        "with_grammar" and "without_grammar", see `training.infilling.evaluation.describe_fills`; "drawn_anew", by
        reason; "statistics" and "memorisation" of the fills beside what people wrote, where the report has these
        parts; and what all depends on.

    Raises:
        ReportError: when the model reads from left to right, and so fills nothing.
        TrainingError: when hardly any of the pieces can be asked for.
    """
    settings = run.settings
    if describe_filler(settings.model, run.model)["style"] == InfillFormat.LEFT_TO_RIGHT:
        raise ReportError(f"{settings.model} reads from left to right and fills nothing: expected --only loss")
    asked = run.about | {
        "sampling": {
            name: getattr(settings.sampling, name) for name in ("temperature", "top_p", "seed", "max_length")
        },
        "num_samples": settings.num_samples,
        "limits": [settings.copies.limits.cover_notes, settings.copies.limits.alarm_notes],
    }
    parts = [part for part in settings.parts if part != "loss"]
    return run.data.kept(f"fills-{'-'.join(parts)}.json", asked, lambda: _fill(run))


def _fill(run: Run) -> dict[str, Any]:
    settings, human = run.settings, run.data.human
    options, bar = settings.sampling, progress_bar("fill bars", 2 * settings.num_samples, "fill")
    kinds, drawn_anew = fill_pieces(run.model, run.processor, human.scores, settings.num_samples, options, bar)
    fills = kinds["with_grammar"]
    result: dict[str, Any] = {
        "settings": {"split": settings.split, "temperature": options.temperature, "top_p": options.top_p},
        "seed": options.seed,
        "split_hash": run.data.split_hash,
        "machine": machine_class(run.model.device),
        "drawn_anew": drawn_anew,
        **{name: describe_fills(found) for name, found in kinds.items()},
    }
    if "samples" in settings.parts:
        result["statistics"] = compare_with_human(fills, options.seed)
    if "copies" in settings.parts:
        limits = settings.copies.limits
        result["memorisation"] = copies_in_fills(fills, run.data.index, human.groups, options.seed, limits)
    return result
