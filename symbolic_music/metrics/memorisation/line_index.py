"""A suffix array over the lines of many pieces: the longest run that a line shares with any of them.

Lines are bytes made by `lines.line_symbols`. Queries are answered by binary search (Manber & Myers, "Suffix arrays",
1993), all positions at once in numpy. Knows bytes and the numbers of pieces; nothing of Scores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symbolic_music._extras import require
from symbolic_music.metrics.memorisation.lines import END, QUERY_END

_WORD = 8
"""Bytes compared at once: a big-endian word orders as its bytes do."""


@dataclass(frozen=True)
class Matches:
    """For each note of a query, the longest run from there on that is in the index.

    Attributes:
        notes: its length, (n,) int64; 1 where not even an interval is shared.
        places: where an occurrence of it begins, as a note of the index, (n,) int64.
    """

    notes: np.ndarray
    places: np.ndarray


class LineIndex:
    """Lines laid end to end, and their suffixes in order.

    A note of the index is the number of a note in that text. Two bytes stand for each.

    Args:
        text: the bytes of all lines, (2 notes,) uint8.
        order: the notes of the index by the bytes that start at them, (notes,) int32 or int64.
    """

    def __init__(self, text: np.ndarray, order: np.ndarray):
        self._words = _words(text, END)
        self.text = text
        self.order = order

    @classmethod
    def build(cls, text: np.ndarray) -> "LineIndex":
        """Sort the suffixes of a text.

        Raises:
            MissingExtraError: without pydivsufsort.
        """
        if not len(text):
            return cls(text, np.zeros(0, np.int32))
        suffixes = require("pydivsufsort").divsufsort(np.ascontiguousarray(text))
        return cls(text, suffixes[suffixes % 2 == 0] // 2)

    def match(self, query: np.ndarray) -> Matches:
        """The longest shared run at every note of a query, which is lines laid end to end as bytes."""
        positions = np.arange(0, len(query), 2)
        rank, below, above = self._search(query_words(query), positions, None, False)
        best = np.maximum(below, above)
        if not len(self.order):
            return Matches(np.ones(len(positions), np.int64), np.zeros(len(positions), np.int64))
        places = self.order[np.where(above >= below, np.minimum(rank, len(self.order) - 1), rank - 1)]
        return Matches(1 + (best + 1) // 2, places.astype(np.int64))

    def occurrences(self, query: np.ndarray, notes: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Where runs of `length` notes that start at some notes of a query stand in the index.

        Returns:
            The range of `order` that holds the occurrences of each: (n,) first, (n,) past the last.
        """
        words, positions, num_bytes = query_words(query), 2 * notes, 2 * length - 3
        first = self._search(words, positions, num_bytes, False)[0]
        return first, self._search(words, positions, num_bytes, True)[0]

    def _search(
        self, query: np.ndarray, positions: np.ndarray, num_bytes: int | None, after: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The ranks of query suffixes among those of the index, and the bytes shared with those below and above.

        Args:
            query: words of the query.
            positions: bytes at which suffixes start.
            num_bytes: compare no more than these; None compares whole lines.
            after: whether suffixes that agree so far count as lower than the query's.
        """
        low, high = np.zeros(len(positions), np.int64), np.full(len(positions), len(self.order), np.int64)
        below, above = np.zeros_like(low), np.zeros_like(low)
        open_rows = np.flatnonzero(low < high)
        while len(open_rows):
            middle = (low[open_rows] + high[open_rows]) // 2
            texts = 2 * self.order[middle].astype(np.int64)
            shared = np.minimum(below[open_rows], above[open_rows])
            shared, is_lower = self._compare(query, positions[open_rows], texts, shared)
            if num_bytes is not None:
                is_lower = np.where(shared >= num_bytes, after, is_lower)
            rows = open_rows[is_lower]
            low[rows], below[rows] = middle[is_lower] + 1, shared[is_lower]
            rows = open_rows[~is_lower]
            high[rows], above[rows] = middle[~is_lower], shared[~is_lower]
            open_rows = open_rows[low[open_rows] < high[open_rows]]
        return low, below, above

    def _compare(
        self, query: np.ndarray, positions: np.ndarray, texts: np.ndarray, shared: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """How many bytes suffixes share, given how many they share at least, and whether the index's is the lower."""
        shared = shared.copy()
        is_lower = np.zeros(len(shared), dtype=bool)
        rows = np.arange(len(shared))
        while len(rows):
            asked = query[positions[rows] + shared[rows]].astype(np.uint64)
            found = self._words[texts[rows] + shared[rows]].astype(np.uint64)
            differ = asked != found
            ended = rows[differ]
            shared[ended] += _equal_bytes(asked[differ] ^ found[differ])
            is_lower[ended] = found[differ] < asked[differ]
            rows = rows[~differ]
            shared[rows] += _WORD
        return shared, is_lower


def query_words(query: np.ndarray) -> np.ndarray:
    """The words of a query; its lines' ends differ from those of the index."""
    return _words(np.where(query == END, QUERY_END, query).astype(np.uint8), QUERY_END)


def _words(text: np.ndarray, end: int) -> np.ndarray:
    """The word that starts at each byte, big-endian, (bytes,); a view of a padded copy."""
    padded = np.concatenate([text, np.full(_WORD, end, np.uint8)])
    return np.ndarray(len(text) + 1, np.dtype(">u8"), padded, strides=(1,))


def _equal_bytes(difference: np.ndarray) -> np.ndarray:
    """Leading zero bytes of words that are not zero."""
    return (difference[:, None] < _BYTE_LIMITS).sum(axis=1)


_BYTE_LIMITS = np.uint64(1) << np.arange(8, 64, 8, dtype=np.uint64)


def join_lines(lines: Sequence[np.ndarray]) -> np.ndarray:
    """Lines laid end to end."""
    return np.concatenate([np.zeros(0, np.uint8), *lines])
