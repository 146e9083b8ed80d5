"""`MusicProcessor`: Scores to ids and ids to Scores, saved and loaded as one folder. Knows nothing of models."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from symusic.core import ScoreTick
from transformers import BatchFeature, PreTrainedTokenizerBase, ProcessorMixin

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.events.controls.asked import Controls
from symbolic_music.events.grammar import EventGrammar
from symbolic_music.score.files import read_scores
from symbolic_music.tokenization.event_tokenizer import EventTokenizer, build_codec
from symbolic_music.tokenization.token_grammar import TokenGrammar

MIDITOK_FILE = "miditok.json"

ScoreLike = ScoreTick | str | PathLike


class MusicProcessor(ProcessorMixin):
    """A codec and a tokenizer in one object.

    Args:
        tokenizer: a stock fast tokenizer over event names.
        codec: a codec, or the settings of one as `ScoreCodec.to_dict` gives them.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, codec: ScoreCodec | dict[str, Any], chat_template=None):
        super().__init__(tokenizer, chat_template=chat_template)
        # transformers notes how a tokenizer was loaded; saved again, that would make a copy differ from its original.
        for name in ("is_local", "local_files_only"):
            self.tokenizer.init_kwargs.pop(name, None)
        self.codec = build_codec(codec) if isinstance(codec, dict) else codec
        self._events = EventTokenizer(tokenizer, self.codec)

    def __call__(  # type: ignore[override]
        self,
        scores: ScoreLike | Sequence[ScoreLike],
        add_bos: bool = True,
        add_eos: bool = True,
        padding: bool = True,
        return_tensors: str | None = "pt",
    ) -> BatchFeature:
        """Scores or music files to model inputs.

        Args:
            scores: one Score or path, or several; a path must hold exactly one piece.
            add_bos: whether to begin each sequence with the BOS id.
            add_eos: whether to end each sequence with the EOS id; leave it out to continue a piece.
            padding: whether to pad to the longest sequence, on the left.
            return_tensors: as in transformers.

        Returns:
            `input_ids` and `attention_mask`, each (number of scores, longest sequence).

        Raises:
            ScoreError: when a file cannot be used.
            EncodingError: when a Score cannot be encoded.
        """
        many: Sequence[Any] = scores if isinstance(scores, (list, tuple)) else [scores]
        ids = [self.encode_score(_to_score(score), add_bos, add_eos) for score in many]
        features = self.tokenizer.pad({"input_ids": ids}, padding=padding, return_tensors=return_tensors)
        return BatchFeature(dict(features))

    def encode_score(self, score: ScoreTick, add_bos: bool = True, add_eos: bool = True) -> list[int]:
        """Ids of one Score."""
        return self._events.encode_score(score, add_bos, add_eos)

    def encode_events(self, events: Sequence[str], add_bos: bool = True, add_eos: bool = True) -> list[int]:
        """Ids of event names; what `tokenizer(" ".join(events))` gives, without searching the text for names."""
        return self._events.encode_events(events, add_bos, add_eos)

    def ids_to_events(self, ids: Sequence[int] | np.ndarray) -> list[str]:
        """Event names of ids, special tokens included."""
        return self._events.ids_to_events(ids)

    def decode(self, ids: Sequence[int] | np.ndarray, *args: Any, **kwargs: Any) -> ScoreTick:
        """The Score that one sequence of ids writes; see `EventTokenizer.decode`.

        Raises:
            DecodingError: when the ids are not one complete piece from BOS to EOS.
        """
        return self._events.decode(ids)

    def batch_decode(self, ids: Sequence[Sequence[int]] | np.ndarray, *args: Any, **kwargs: Any) -> list[ScoreTick]:
        """The Scores of a batch of id sequences; see `decode`."""
        return [self.decode(sequence) for sequence in ids]

    def count_events(self, ids: Sequence[int] | np.ndarray) -> dict[str, int]:
        """Notes and bars begun in a sequence of ids."""
        return self._events.count_events(ids)

    @property
    def is_word_level(self) -> bool:
        """Whether each id is one event, rather than several that BPE has merged."""
        return self._events.is_word_level

    def grammar(self) -> TokenGrammar:
        """The codec's grammar over this tokenizer's ids."""
        return self._events.grammar()

    def control(self, asked: Controls) -> TokenGrammar:
        """The grammar over this processor's ids of pieces that are what is asked for; see `EventTokenizer.control`.

        Raises:
            ControlError: when there is no such piece; the message is one line.
        """
        return self._events.control(asked)

    def lift(self, grammar: EventGrammar) -> TokenGrammar:
        """A grammar over this tokenizer's ids, from one over the codec's events in the codec's order."""
        return self._events.lift(grammar)

    def to_dict(self) -> dict[str, Any]:
        """What `processor_config.json` holds."""
        return {"processor_class": type(self).__name__, "codec": self.codec.to_dict()}


def _to_score(score: ScoreLike) -> ScoreTick:
    if isinstance(score, ScoreTick):
        return score
    pieces = read_scores(Path(score))
    if len(pieces) != 1:
        raise ValueError(f"{score} holds {len(pieces)} pieces; read it with read_scores() and choose one")
    return pieces[0]
