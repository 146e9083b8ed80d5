"""Sequences of events that complete a piece, and from which states of automata side by side each of them does.

Of each automaton it is known from which of its rows a sequence leads to the end. From a state of all of them it leads
there when it does from all its rows. So an end that was found from one state is known of all others that let the same
follow: bars later or earlier, with other notes before. Behind the first event of such a sequence, the rest is one too.
"""

import numpy as np

_BITS = 64


class KnownEnds:
    """What is known of ends; at first, that nothing is missing from a complete piece.

    Args:
        following: (events, rows) int32 of all automata stacked; the row behind each event, or -1 for none.
        complete: (rows,) bool; of each automaton, those in which a complete piece may leave it.

    Attributes:
        lengths: events of each sequence, by its number.
        longest: events of the longest.
    """

    def __init__(self, following: np.ndarray, complete: np.ndarray):
        self._following = following
        # By row, a bit for each sequence. The last row stands for what is forbidden: from there nothing leads on.
        self._leads = np.zeros((len(complete) + 1, 1), dtype=np.uint64)
        self._leads[:-1, 0] = complete
        self.lengths = [0]
        self._number: dict[tuple[int, int], int] = {}
        self.longest = 0

    def lead_from(self, state: np.ndarray) -> bool:
        """Whether one of the sequences completes a piece from a state, (A,) rows."""
        return any(self._from(state).tolist())

    def lead_from_all(self, states: np.ndarray) -> np.ndarray:
        """The same of states (n, A), (n,) bool."""
        return np.asarray(self._from(states).any(axis=-1))

    def shortest(self, state: np.ndarray) -> int | None:
        """The number of the shortest that does, or None."""
        bits = np.unpackbits(self._from(state).view(np.uint8), bitorder="little")
        return min(bits.nonzero()[0].tolist(), key=self.lengths.__getitem__, default=None)

    def add(self, event: int, number: int) -> int:
        """Keep the sequence that begins with an event and goes on like another.

        Args:
            event: row of `following`.
            number: of the other one.

        Returns:
            The number of the new one.
        """
        known = self._number.get((event, number))
        if known is not None:
            return known
        new = self._number[event, number] = len(self.lengths)
        self.lengths.append(self.lengths[number] + 1)
        self.longest = max(self.longest, self.lengths[new])
        if new // _BITS == self._leads.shape[1]:
            self._leads = np.pad(self._leads, ((0, 0), (0, self._leads.shape[1])))
        rest = self._leads[:, number // _BITS] >> np.uint64(number % _BITS) & np.uint64(1)
        self._leads[:-1, new // _BITS] |= rest[self._following[event]] << np.uint64(new % _BITS)
        return new

    def _from(self, state: np.ndarray) -> np.ndarray:
        """Bits of the sequences that complete a piece from states (..., A), (..., words)."""
        return np.bitwise_and.reduce(self._leads.take(state, axis=0), axis=-2)
