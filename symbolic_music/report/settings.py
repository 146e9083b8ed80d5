"""What a report is of: the model, the held-out pieces, the parts to measure and how. Measures nothing."""

from dataclasses import dataclass, field

from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.metrics.memorisation.copies import CopyLimits
from symbolic_music.report.errors import ReportError
from symbolic_music.training.evaluation.continuations import ContinuationSettings

COMPOSER_PARTS = ("loss", "samples", "copies", "control", "continuations")
FILLER_PARTS = ("loss", "samples", "copies")
FOLDER_PARTS = ("copies",)
"""The parts of a report on a model that composes, on one that fills masked bars, and on a folder of pieces."""


@dataclass(frozen=True)
class CopySettings:
    """How copies are looked for.

    Attributes:
        limits: when a run of notes counts.
        ignore_before: quarter notes at the beginning of each sample that are not looked at, such as a prompt.
        index: file of the training split's index, read where it lies, else made; None for one in the report.
    """

    limits: CopyLimits = field(default_factory=CopyLimits)
    ignore_before: float = 0.0
    index: str | None = None


@dataclass(frozen=True)
class ReportSettings:
    """What a report is of.

    Attributes:
        model: folder or Hub id; may be empty where `samples` are judged.
        dataset: folder or Hub id, with the split to hold the model against and the one it was trained on.
        split: held-out pieces; several splits with commas between them.
        parts: what to measure, of `COMPOSER_PARTS` or `FILLER_PARTS`.
        num_samples: pieces to sample under the grammar, or bars to fill.
        num_free_samples: pieces to sample without it.
        sampling: how to sample.
        read_as_abc: whether abc2midi and music21 are to read the samples.
        kinds: the kind of each source of the dataset, for tables by kind; see `training.evaluation.kinds`.
        loss_pieces: score so many held-out pieces, evenly spaced; None for all.
        scored_at_once: windows of held-out pieces in one forward pass.
        context_length: tokens that the model reads at once while it is scored; None for its own.
        continuations: how many held-out pieces the model is to continue; None for none.
        copies: how copies are looked for.
        samples: folder of pieces that are judged instead of the model's own; None for none.
    """

    model: str
    dataset: str
    split: str = "test"
    parts: tuple[str, ...] = COMPOSER_PARTS
    num_samples: int = 500
    num_free_samples: int = 100
    sampling: SamplingOptions = field(default_factory=lambda: SamplingOptions(max_length=512, batch_size=50))
    read_as_abc: bool = False
    kinds: dict[str, str] = field(default_factory=dict)
    loss_pieces: int | None = None
    scored_at_once: int = 8
    context_length: int | None = None
    continuations: ContinuationSettings | None = None
    copies: CopySettings = field(default_factory=CopySettings)
    samples: str | None = None

    @property
    def splits(self) -> list[str]:
        """The names of the held-out splits."""
        return [name.strip() for name in self.split.split(",")]


def choose_parts(wanted: str | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of a report that are wanted, in their order.

    Args:
        wanted: their names with commas between them; all when None.
        known: those that such a report has.

    Raises:
        ReportError: for one that it has not.
    """
    if wanted is None:
        return known
    names = {name.strip() for name in wanted.split(",")}
    if not names <= set(known):
        raise ReportError(f"--only is {wanted!r}; expected some of {','.join(known)}")
    return tuple(name for name in known if name in names)
