"""Bars of a piece as Scores while the rest is being written."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from symusic.core import ScoreTick

from symbolic_music.events.codec import DecodingError

if TYPE_CHECKING:
    from symbolic_music.tokenization.event_tokenizer import EventTokenizer
    from symbolic_music.tokenization.processing_music import MusicProcessor


@dataclass(frozen=True)
class BarsWritten:
    """The bars of a piece that are finished.

    Attributes:
        piece: its number.
        num_bars: how many there are.
        score: all of them.
        is_whole: whether the piece is over.
    """

    piece: int
    num_bars: int
    score: ScoreTick
    is_whole: bool


class BarWatch:
    """Looks at a piece after each token, and says when another bar is finished.

    Args:
        processor: of the model; its codec must write music bar by bar, all voices of a bar together.
        piece: its number.

    Raises:
        ValueError: when the codec writes one voice after the other.
    """

    def __init__(self, processor: "MusicProcessor | EventTokenizer", piece: int = 0):
        grammar = processor.grammar()
        if grammar.header_names_bars:
            raise ValueError(
                f"bars cannot be heard while {processor.codec.codec_type} is written: it writes a whole line first"
            )
        self._processor, self._piece = processor, piece
        self._begins_bar, self._eos = grammar.bars_per_token > 0, processor.tokenizer.eos_token_id
        self._seen = 0
        self._told = 0

    def look(self, ids: Sequence[int]) -> BarsWritten | None:
        """What is finished now, if that is more than at the last look.

        Args:
            ids: of the piece from BOS on, as far as it goes.
        """
        new, self._seen = ids[self._seen :], len(ids)
        is_whole = self._eos in new
        if not is_whole and not any(self._begins_bar[token] for token in new):
            return None
        events = self._processor.ids_to_events(list(ids[: ids.index(self._eos)] if is_whole else ids))[1:]
        bars = [place for place, event in enumerate(events) if event.startswith("Bar_")]
        finished = len(bars) if is_whole else len(bars) - 1
        if finished <= self._told and not is_whole:
            return None
        try:
            score = self._processor.codec.decode(events if is_whole else events[: bars[-1]])
        except DecodingError:  # nothing sounds yet, or the piece breaks off
            return None
        self._told = finished
        return BarsWritten(self._piece, finished, score, is_whole)
