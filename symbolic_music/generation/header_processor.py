"""A `LogitsProcessor` that makes a header say what was asked for. Knows places and ids, nothing of what they mean."""

from collections.abc import Sequence

import numpy as np
import torch
from transformers import LogitsProcessor

from symbolic_music.events.voices.track_text import HeaderFields, TrackTextCodec
from symbolic_music.generation.grammar_processor import GrammarError
from symbolic_music.tokenization.processing_music import MusicProcessor


class HeaderLogitsProcessor(LogitsProcessor):
    """Leaves, at each place behind BOS that was asked for, only what was asked for.

    Args:
        choices: by place, the ids that may stand there, or None where any may.
        bos_token_id: begins a piece; the sequences may differ in what stands before.
    """

    def __init__(self, choices: Sequence[Sequence[int] | None], bos_token_id: int):
        self.choices = [None if ids is None else list(ids) for ids in choices]
        self.bos_token_id = bos_token_id

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:  # type: ignore[override]
        """Scores (B, V) behind `input_ids` (B, T), each with one BOS."""
        places = input_ids.shape[1] - 1 - input_ids.eq(self.bos_token_id).int().argmax(dim=1)
        if int(places.min()) >= len(self.choices):
            return scores
        kept = scores.clone()
        for row, place in enumerate(places.tolist()):
            ids = self.choices[place] if place < len(self.choices) else None
            if ids is not None:
                kept[row] = float("-inf")
                kept[row, ids] = scores[row, ids]
        return kept


def header_processor(processor: MusicProcessor, fields: HeaderFields, max_length: int) -> HeaderLogitsProcessor:
    """What makes a model's headers say what was asked for.

    Raises:
        ValueError: when the processor's pieces have no header, or for a value outside its vocabulary.
        GrammarError: when the shortest piece that does what was asked is longer than `max_length`.
    """
    codec = processor.codec
    if not isinstance(codec, TrackTextCodec):
        raise ValueError(f"tempo, meter, key and instruments can be asked of track text, not of {codec.codec_type}")
    choices = codec.header_choices(fields)
    _check_room(processor, codec, choices, max_length)
    ids = [None if events is None else processor.encode_events(events, False, False) for events in choices]
    return HeaderLogitsProcessor(ids, processor.tokenizer.bos_token_id)


def _check_room(
    processor: MusicProcessor, codec: TrackTextCodec, choices: Sequence[Sequence[str] | None], max_length: int
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
