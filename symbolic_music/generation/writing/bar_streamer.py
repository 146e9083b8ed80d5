"""A streamer of transformers that gives bars as Scores."""

from collections.abc import Iterator
from queue import Queue

import torch
from transformers.generation.streamers import BaseStreamer

from symbolic_music.generation.writing.streaming import BarsWritten, BarWatch
from symbolic_music.tokenization.processing_music import MusicProcessor


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
