"""Bars of a piece as Scores while the rest is being written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Queue

import torch
from symusic.core import ScoreTick
from transformers.generation.streamers import BaseStreamer

from symbolic_music.events.codec import DecodingError
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

    def __init__(self, processor: MusicProcessor, piece: int = 0):
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


class BarStreamer(BaseStreamer):
    """For `generate(streamer=…)` in a thread of its own: an iterator over what is finished, bar by bar.

        streamer = BarStreamer(processor)
        Thread(target=model.generate, kwargs={"inputs": prompt, "streamer": streamer, …}).start()
        for bars in streamer:
            play(bars.score)

    Args:
        processor: of the model; see `BarWatch`.
        timeout: seconds to wait for the next bar; None waits for ever.

    Raises:
        ValueError: when the codec writes one voice after the other, or several pieces are written.
        queue.Empty: while iterating, when no bar came in time.
    """

    def __init__(self, processor: MusicProcessor, timeout: float | None = None):
        self._watch, self._timeout = BarWatch(processor), timeout
        self._ids: list[int] = []
        self._queue: Queue[BarsWritten | None] = Queue()

    def put(self, value: torch.Tensor) -> None:
        """Tokens of one piece, the prompt's at first."""
        if value.ndim > 1 and len(value) > 1:
            raise ValueError(f"bars of one piece can be heard at once; {len(value)} are written")
        self._ids += value.flatten().tolist()
        found = self._watch.look(self._ids)
        if found is not None:
            self._queue.put(found)

    def end(self) -> None:
        """The piece is over."""
        self._queue.put(None)

    def __iter__(self) -> Iterator[BarsWritten]:
        while (found := self._queue.get(timeout=self._timeout)) is not None:
            yield found
