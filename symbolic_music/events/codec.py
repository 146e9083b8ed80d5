"""The contract that every representation of a Score as named events keeps. Knows nothing of ids or models."""

from collections.abc import Sequence
from dataclasses import Field, asdict, field, fields
from fractions import Fraction
from typing import Any, Protocol, TypeVar

import numpy as np
from symusic.core import ScoreTick

from symbolic_music.events.grammar import EventGrammar

MAX_BARS = 100_000
"""A piece with more has a corrupt clock; each bar costs two events, so one late note could fill the memory."""


EDITION = 2
"""Of the rules by which a Score is moved to what a vocabulary can write. Files that do not name one are of the first.

1. Each tempo is rounded by itself. Meters outside the vocabulary are passed over, notes beyond the longest duration
   shortened. A Score with pitches or more voices than there are is refused.
2. Tempos keep the piece on the clock. Meters outside the vocabulary are cut into bars that it has, long notes held on
   by further durations. Tracks of one instrument share voices where there are too many; single notes that still find
   no place are left out, and counted by `events.losses`.
"""
Settings = TypeVar("Settings")
_BEFORE = "before"
_NOT_ADDED = object()


def check_edition(edition: int) -> None:
    """Check that this version of the package knows the rules.

    Raises:
        ValueError: when it does not.
    """
    if not 1 <= edition <= EDITION:
        raise ValueError(f"expected edition 1 to {EDITION} of a codec's rules, got {edition}; update symbolic_music")


class EncodingError(ValueError):
    """A Score that a codec cannot represent; the message says which bar and why."""


class DecodingError(ValueError):
    """An event sequence that is not a complete, canonical piece; the message names the first offending event."""


def check_complete(grammar: EventGrammar, events: Sequence[str]) -> None:
    """Check that events, without special tokens, are one complete piece of sensible length.

    Raises:
        DecodingError: when the grammar does not accept the sequence, naming the first wrong event, or when it has
            more than `MAX_BARS` bars.
    """
    whole = ["BOS_None", *events, "EOS_None"]
    complaint = None if grammar.accepts(whole) else grammar.explain(whole, first_index=-1)
    if complaint is not None:
        raise DecodingError(complaint)
    check_bars(events.count("Bar_None"))


def check_bars(count: int) -> None:
    """Check that a sequence has a sensible number of bars.

    Raises:
        DecodingError: when there are more than `MAX_BARS`.
    """
    if count > MAX_BARS:
        raise DecodingError(f"the sequence has {count:,} bars; expected at most {MAX_BARS:,}")


def added_field(default: Any, before: Any) -> Any:
    """A field of a codec's settings that older files lack.

    Args:
        default: for what is made new.
        before: what a file without the field means; it never changes.
    """
    return field(default=default, metadata={_BEFORE: before})


def settings_to_json(settings: Any) -> dict[str, Any]:
    """A codec's settings for a file; a field that says what its absence means is left out, as in files before it."""
    values = asdict(settings)
    return {
        field.name: values[field.name]
        for field in fields(settings)
        if field.metadata.get(_BEFORE, _NOT_ADDED) != getattr(settings, field.name)
    }


def settings_from_json(settings_class: type[Settings], settings: dict[str, Any]) -> Settings:
    """A codec's settings from what `to_dict` gave and JSON made lists of, in this version or in an older one."""
    added: list[Field] = [field for field in fields(settings_class) if _BEFORE in field.metadata]  # type: ignore[arg-type]
    values = {field.name: field.metadata[_BEFORE] for field in added}
    values |= {name: _to_tuple(value) for name, value in settings.items() if name != "codec_type"}
    return settings_class(**values)


def _to_tuple(value: Any) -> Any:
    return tuple(_to_tuple(item) for item in value) if isinstance(value, list) else value


class ScoreCodec(Protocol):
    """A Score as a sequence of named events.

    Members keep, and `tests/contracts/test_codecs.py` proves:

    - `decode(encode(score))` equals `quantise(score)` note for note;
    - `encode(decode(events)) == events` for every sequence that `grammar()` accepts;
    - `events` is deterministic.
    """

    codec_type: str
    # Types of the events that begin a note, each one note; an event's type is its name up to the first "_".
    note_types: tuple[str, ...]

    @property
    def events(self) -> list[str]:
        """The vocabulary in a fixed order, without special tokens."""

    @property
    def ticks_per_quarter(self) -> int:
        """Ticks per quarter note of every Score that the codec returns."""

    def placed_windows(self, score: ScoreTick) -> list[tuple[Fraction, ScoreTick]]:
        """The same as `windows`, and where each begins in the Score, in quarter notes."""

    def windows(self, score: ScoreTick) -> list[ScoreTick]:
        """The parts in which the codec writes a Score: itself, where the vocabulary has room for whole pieces."""

    def quantise(self, score: ScoreTick) -> ScoreTick:
        """The nearest Score that the codec can write: its grid, its bins, one canonical order."""

    def encode(self, score: ScoreTick) -> list[str]:
        """Events of `quantise(score)`; raises `EncodingError`."""

    def encode_numbers(self, score: ScoreTick) -> np.ndarray:
        """The same as places in `events`, (n,) int64."""

    def transposed(self, event: str, semitones: int) -> str | None:
        """What an event that is no drum's becomes in a piece moved by `semitones`; None where it leaves the range."""

    def encode_opening(self, score: ScoreTick, num_bars: int) -> list[str]:
        """Events of the first `num_bars` bars of a Score and of the beginning of the next, where a model goes on."""

    def decode(self, events: Sequence[str]) -> ScoreTick:
        """The Score that the events write; raises `DecodingError`."""

    def read(self, numbers: np.ndarray) -> ScoreTick:
        """The same of places in `events`, (n,) int64, of a sequence that `grammar()` has accepted."""

    def grammar(self) -> EventGrammar:
        """Exactly the sequences that `decode` accepts."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready settings from which an equal codec can be built."""
