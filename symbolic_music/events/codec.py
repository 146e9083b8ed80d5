"""The contract that every representation of a Score as named events keeps. Knows nothing of ids or models."""

from collections.abc import Sequence
from typing import Any, Protocol

from symusic.core import ScoreTick

from symbolic_music.events.grammar import EventGrammar

MAX_BARS = 100_000
"""A piece with more has a corrupt clock; each bar costs two events, so one late note could fill the memory."""


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
    complaint = grammar.explain(["BOS_None", *events, "EOS_None"], first_index=-1)
    if complaint is None and events.count("Bar_None") > MAX_BARS:
        complaint = f"the sequence has {events.count('Bar_None'):,} bars; expected at most {MAX_BARS:,}"
    if complaint is not None:
        raise DecodingError(complaint)


def settings_from_json(settings: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a codec's settings from what `to_dict` gave and JSON made lists of."""
    return {name: _to_tuple(value) for name, value in settings.items() if name != "codec_type"}


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

    def windows(self, score: ScoreTick) -> list[ScoreTick]:
        """The parts in which the codec writes a Score: itself, where the vocabulary has room for whole pieces."""

    def quantise(self, score: ScoreTick) -> ScoreTick:
        """The nearest Score that the codec can write: its grid, its bins, one canonical order."""

    def encode(self, score: ScoreTick) -> list[str]:
        """Events of `quantise(score)`; raises `EncodingError`."""

    def encode_opening(self, score: ScoreTick, num_bars: int) -> list[str]:
        """Events of the first `num_bars` bars of a Score and of the beginning of the next, where a model goes on."""

    def decode(self, events: Sequence[str]) -> ScoreTick:
        """The Score that the events write; raises `DecodingError`."""

    def grammar(self) -> EventGrammar:
        """Exactly the sequences that `decode` accepts."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready settings from which an equal codec can be built."""
