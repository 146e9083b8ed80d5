"""Many pieces at once: where one ends, the next begins, so that no step is spent on what is over."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from symbolic_music.generation.engine.decoder import Decoder, Reading
from symbolic_music.generation.engine.pieces import Piece


def write_pieces(
    decoder: Decoder,
    pieces: Iterable[Piece],
    places: int,
    max_length: int,
    eos: int,
    on_token: Callable[[int, Piece], None] | None = None,
) -> Iterator[tuple[int, Piece]]:
    """Write pieces to their ends.

    Args:
        decoder: of the model.
        pieces: begun ones, in the order that they are to begin in; taken one by one.
        places: pieces that are written at once.
        max_length: longest sequence in tokens.
        eos: the id that ends a piece.
        on_token: called with a piece's number, from 0, and the piece after each of its tokens.

    Yields:
        Numbers of pieces and the pieces, as they end.

    Raises:
        GrammarError: when nothing may follow in one.
    """
    decoder.open(places)
    waiting, last_read = iter(enumerate(pieces)), LastRead(decoder)
    writing: list[tuple[int, Piece]] = []

    def goes_on(entry: tuple[int, Piece], logits: np.ndarray) -> bool:
        """Write a piece's next token; whether another comes."""
        number, piece = entry
        token = piece.take(logits)
        if on_token is not None:
            on_token(number, piece)
        return token != eos and len(piece.ids) < max_length

    while True:
        while len(writing) < places and (entry := next(waiting, None)):
            reading = last_read.reading(entry[1].ids)
            if goes_on(entry, reading.logits):
                decoder.put(len(writing), reading)
                writing.append(entry)
            else:
                yield entry
        if not writing:
            return
        logits = decoder.step(np.array([piece.ids[-1] for _, piece in writing]))
        going = [goes_on(entry, row) for entry, row in zip(writing, logits, strict=True)]
        for place in reversed(range(len(going))):
            if not going[place]:
                yield writing[place]
                last = writing.pop()
                if place < len(writing):
                    decoder.move(len(writing), place)
                    writing[place] = last


class LastRead:
    """Reads prompts; one after the same is not read again."""

    def __init__(self, decoder: Decoder):
        self._decoder, self._ids = decoder, [-1]
        self._reading: Reading | None = None

    def reading(self, ids: list[int]) -> Reading:
        """Of a prompt."""
        if self._reading is None or ids != self._ids:
            self._ids, self._reading = list(ids), self._decoder.read(np.array(ids))
        return self._reading
