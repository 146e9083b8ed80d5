"""Scores to ids and ids to Scores by a codec and a file of the `tokenizers` library. Knows nothing of transformers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from symusic.core import ScoreTick
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from symbolic_music.events.codec import DecodingError, ScoreCodec, check_bars
from symbolic_music.events.controls.asked import Controls
from symbolic_music.events.controls.compiled import controlled, settle
from symbolic_music.events.grammar import EventGrammar
from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.events.voices.abc_notes import AbcNotesCodec
from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.tokenization.token_grammar import TokenGrammar

SPECIAL_TOKENS = {"pad_token": "PAD_None", "bos_token": "BOS_None", "eos_token": "EOS_None"}
# Event number i is the private-use character chr(FIRST_EVENT_CHARACTER + i) inside the tokenizer.
FIRST_EVENT_CHARACTER = 0xE000
# The same for events alone, which stand behind the special tokens.
_FIRST_CHARACTER = FIRST_EVENT_CHARACTER + len(SPECIAL_TOKENS)
CODECS = {codec.codec_type: codec for codec in (RemiCodec, AbcNotesCodec, TrackTextCodec)}
TOKENIZER_FILE, TOKENIZER_CONFIG_FILE, PROCESSOR_FILE = (
    "tokenizer.json",
    "tokenizer_config.json",
    "processor_config.json",
)


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer of the `tokenizers` library, and its special tokens under the names that transformers has for them.

    Attributes:
        backend_tokenizer: the tokenizer.
        pad_token: fills up.
        bos_token: begins a piece.
        eos_token: ends it.
    """

    backend_tokenizer: Tokenizer
    pad_token: str
    bos_token: str
    eos_token: str

    def __len__(self) -> int:
        return self.backend_tokenizer.get_vocab_size(with_added_tokens=True)

    @cached_property
    def pad_token_id(self) -> int:
        """Its id."""
        return self._id_of(self.pad_token)

    @cached_property
    def bos_token_id(self) -> int:
        """Its id."""
        return self._id_of(self.bos_token)

    @cached_property
    def eos_token_id(self) -> int:
        """Its id."""
        return self._id_of(self.eos_token)

    def _id_of(self, token: str) -> int:
        found = self.backend_tokenizer.token_to_id(token)
        if found is None:
            raise ValueError(f"the tokenizer has no {token!r}")
        return found


class EventTokenizer:
    """A codec and a tokenizer in one object: all of a `MusicProcessor` that composing needs.

    Args:
        tokenizer: with its special tokens; a tokenizer of transformers will do.
        codec: a codec.
    """

    def __init__(self, tokenizer: Any, codec: ScoreCodec):
        self.tokenizer, self.codec = tokenizer, codec
        names = [*SPECIAL_TOKENS.values(), *codec.events]
        self._numbers = {name: index - len(SPECIAL_TOKENS) for index, name in enumerate(names)}
        self._word_ids = _event_ids(tokenizer, codec)
        if self._word_ids is not None:  # special tokens last, where places before 0 find them
            ids = [self._word_ids[name] for name in names]
            self._ids_of_numbers = np.roll(np.array(ids, dtype=np.int64), -len(SPECIAL_TOKENS))

    @classmethod
    def from_folder(cls, folder: Path) -> "EventTokenizer":
        """Of a folder that `MusicProcessor.save_pretrained` wrote.

        Raises:
            OSError: when a file is missing.
            ValueError: when one is not what it should be.
        """
        names = json.loads((folder / TOKENIZER_CONFIG_FILE).read_text(encoding="utf-8"))
        settings = json.loads((folder / PROCESSOR_FILE).read_text(encoding="utf-8"))
        try:
            backend = Tokenizer.from_str((folder / TOKENIZER_FILE).read_text(encoding="utf-8"))
        except OSError:
            raise
        except Exception as error:  # tokenizers raises a bare one
            raise ValueError(f"{folder / TOKENIZER_FILE}: {error}") from error
        try:
            vocabulary = Vocabulary(backend, **{name: _token_text(names[name]) for name in SPECIAL_TOKENS})
            return cls(vocabulary, build_codec(settings["codec"]))
        except KeyError as error:
            raise ValueError(f"{folder}: a file lacks {error}") from error

    def encode_score(self, score: ScoreTick, add_bos: bool = True, add_eos: bool = True) -> list[int]:
        """Ids of one Score."""
        return self._encode_numbers(self.codec.encode_numbers(score), add_bos, add_eos)

    def encode_events(self, events: Sequence[str], add_bos: bool = True, add_eos: bool = True) -> list[int]:
        """Ids of event names; what `tokenizer(" ".join(events))` gives, without searching the text for names."""
        return self._encode_numbers(
            np.array([self._numbers[event] for event in events], dtype=np.int64), add_bos, add_eos
        )

    def _encode_numbers(self, numbers: np.ndarray, add_bos: bool, add_eos: bool) -> list[int]:
        """Ids of events, given as places behind the special tokens, which are the places before 0."""
        if self._word_ids is not None:
            ids = self._ids_of_numbers[numbers].tolist()
        else:
            text = (numbers + _FIRST_CHARACTER).astype("<u4").tobytes().decode("utf-32-le")
            ids = [token.id for token in self.tokenizer.backend_tokenizer.model.tokenize(text)] if text else []
        return [self.tokenizer.bos_token_id] * add_bos + ids + [self.tokenizer.eos_token_id] * add_eos

    def ids_to_events(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """Event names of ids, special tokens included."""
        grammar = self.grammar()
        return [grammar.grammar.events[column] for column in grammar.columns(_to_list(ids)).tolist()]

    def decode(self, ids: Sequence[int] | np.ndarray) -> ScoreTick:
        """The Score that one sequence of ids writes; padding is skipped.

        Beam search pads with EOS where the pad id is 0 (transformers' `pad_token_id or eos_token_id`), so EOS may be
        repeated at the end.

        Raises:
            DecodingError: when the ids are not one complete piece from BOS to EOS.
        """
        tokens = np.array(_to_list(ids), dtype=np.int64)
        tokens = tokens[tokens != self.tokenizer.pad_token_id]
        while (tokens[-2:] == self.tokenizer.eos_token_id).sum() == 2:
            tokens = tokens[:-1]
        grammar = self.grammar()
        if not grammar.accepts(tokens):
            raise DecodingError(grammar.explain(tokens.tolist()) or "no piece")
        columns, events = grammar.columns(tokens), grammar.grammar.events
        if "Bar_None" in events:
            check_bars(int(np.count_nonzero(columns == events.index("Bar_None"))))
        begin = int((columns == events.index(SPECIAL_TOKENS["bos_token"])).argmax()) + 1
        return self.codec.read(columns[begin:-1] - len(SPECIAL_TOKENS))

    def count_events(self, ids: Sequence[int] | np.ndarray) -> dict[str, int]:
        """Notes and bars begun in a sequence of ids."""
        tokens = np.asarray(_to_list(ids), dtype=np.int64)
        grammar = self.grammar()
        return {"notes": int(grammar.notes_per_token[tokens].sum()), "bars": int(grammar.bars_per_token[tokens].sum())}

    @property
    def is_word_level(self) -> bool:
        """Whether each id is one event, rather than several that BPE has merged."""
        return self._word_ids is not None

    def grammar(self) -> TokenGrammar:
        """The codec's grammar over this tokenizer's ids."""
        return self._token_grammar

    @cached_property
    def _token_grammar(self) -> TokenGrammar:
        return self.lift(self.codec.grammar())

    def lift(self, grammar: EventGrammar) -> TokenGrammar:
        """A grammar over this tokenizer's ids, from one over the codec's events in the codec's order."""
        return TokenGrammar(grammar, self._token_events, self.codec.note_types)

    def control(self, asked: Controls) -> TokenGrammar:
        """The grammar over this tokenizer's ids of the pieces that are what is asked for.

        Raises:
            ControlError: when there is no such piece; the message is one line.
        """
        grammar, completion = controlled(self.codec, settle(self.codec, asked))
        return TokenGrammar(grammar, self._token_events, self.codec.note_types, completion, self.grammar())

    @cached_property
    def _token_events(self) -> list[tuple[int, ...]]:
        """For each id, the columns of the events it stands for."""
        event_grammar = self.codec.grammar()
        column = {event: index for index, event in enumerate(event_grammar.events)}
        if self._word_ids is not None:
            # What is not music is words, which may stand where padding may: before a piece, and behind it.
            words: list[tuple[int, ...]] = [(column[SPECIAL_TOKENS["pad_token"]],)] * len(self.tokenizer)
            for event, index in self._word_ids.items():
                words[index] = (column[event],)
            return words
        events: list[tuple[int, ...]] = [()] * len(self.tokenizer)
        for token, index in self.tokenizer.backend_tokenizer.get_vocab(with_added_tokens=True).items():
            if token in column:
                events[index] = (column[token],)
            else:
                events[index] = tuple(ord(character) - FIRST_EVENT_CHARACTER for character in token)
        return events


def build_codec(settings: dict[str, Any]) -> ScoreCodec:
    """The codec whose `to_dict` gave some settings, in this version or in an older one."""
    codec_type = settings.get("codec_type")
    if codec_type not in CODECS:
        raise ValueError(f"codec_type is {codec_type!r}; expected one of {sorted(CODECS)}")
    return CODECS[codec_type].from_dict(settings)


def _event_ids(tokenizer: Any, codec: ScoreCodec) -> dict[str, int] | None:
    """The id of each event, special tokens included; None where ids are merged events, as BPE over REMI makes them."""
    vocabulary = tokenizer.backend_tokenizer.get_vocab(with_added_tokens=True)
    if isinstance(tokenizer.backend_tokenizer.model, WordLevel):
        return {event: vocabulary[event] for event in [*SPECIAL_TOKENS.values(), *codec.events]}
    if not isinstance(codec, TrackTextCodec):
        return None
    missing = [codec.text(event) for event in codec.events if codec.text(event) not in vocabulary]
    if missing:
        raise ValueError(f"the tokenizer lacks {len(missing)} of the codec's tokens, {missing[0]!r} among them")
    special = {event: getattr(tokenizer, f"{name}_id") for name, event in SPECIAL_TOKENS.items()}
    return special | {event: vocabulary[codec.text(event)] for event in codec.events}


def _to_list(ids: Any) -> list[int]:
    return ids.tolist() if hasattr(ids, "tolist") else list(ids)


def _token_text(token: Any) -> str:
    """Of a token as a tokenizer's configuration has it: text, or a dict that says more."""
    return token["content"] if isinstance(token, dict) else token
