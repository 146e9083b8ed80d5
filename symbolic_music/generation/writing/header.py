"""What stands at the first places of a piece, when something was asked for. Knows places and ids, and no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from symbolic_music.generation.writing.limits import GrammarError

if TYPE_CHECKING:
    from symbolic_music.events.voices.track_text import HeaderFields, TrackTextCodec
    from symbolic_music.tokenization.event_tokenizer import EventTokenizer
    from symbolic_music.tokenization.processing_music import MusicProcessor


@dataclass(frozen=True)
class Header:
    """What may stand at the places behind BOS.

    Attributes:
        choices: by place, the ids that may stand there, or None where any may.
        bos_token_id: begins a piece; sequences may differ in what stands before.
    """

    choices: tuple[tuple[int, ...] | None, ...]
    bos_token_id: int


def asked_header(processor: "MusicProcessor | EventTokenizer", fields: "HeaderFields", max_length: int) -> Header:
    """What makes headers say what was asked for.

    Raises:
        ValueError: when the processor's pieces have no header, or for a value outside its vocabulary.
        GrammarError: when the shortest piece that does what was asked is longer than `max_length`.
    """
    from symbolic_music.events.voices.track_text import TrackTextCodec  # a machine that only trains has no symusic

    codec = processor.codec
    if not isinstance(codec, TrackTextCodec):
        raise ValueError(f"tempo, meter, key and instruments can be asked of track text, not of {codec.codec_type}")
    choices = codec.header_choices(fields)
    _check_room(processor, codec, choices, max_length)
    ids = [None if events is None else tuple(processor.encode_events(events, False, False)) for events in choices]
    return Header(tuple(ids), processor.tokenizer.bos_token_id)


def _check_room(
    processor: "MusicProcessor | EventTokenizer",
    codec: "TrackTextCodec",
    choices: Sequence[Sequence[str] | None],
    max_length: int,
) -> None:
    """Whether the shortest piece with such a header fits; what was left free is as short as can be."""
    shortest = ("Tempo_120", "Meter_4/4", "Key_C", "Bars_1")
    asked = [*choices, *[None] * (len(shortest) - len(choices))]
    header = [default if events is None else events[0] for default, events in zip(shortest, asked, strict=False)]
    header += [events[0] for events in choices[len(shortest) :] if events is not None]
    grammar = processor.grammar()
    ids = processor.encode_events(header, add_eos=False)
    states = grammar.initial_state[None]
    for token in ids:
        states = grammar.advance(states, np.array([token]))
    needed = len(ids) + int(grammar.to_end(states)[0])
    if needed > max_length:
        raise GrammarError(
            f"what is asked for takes {needed} tokens or more; the limit is {max_length}: ask for fewer bars or tracks"
        )
