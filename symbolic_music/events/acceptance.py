"""Whether automata accept a long sequence, in few operations of numpy instead of one step of Python for each event.

What an event does to an automaton is, nearly always, one of three things, and none of them needs the whole past:

- it leads to one state, whatever the state before: behind a `Pitch_60` the last pitch is 60;
- it leaves the state alone, and is allowed in some of them only: a `Position_40` where the bar has so many;
- what it leads to depends on the last event of the first kind and on nothing between: behind `Program_40`, any pitch
  means "violin, notes at this onset".

Only events that count, such as durations that fill a bar, depend on all that came since.
"""

import numpy as np

# Stretches of counting events are followed side by side; where the longest holds more than this part of all of them,
# one after the other is faster.
_LONGEST_STRETCH = 0.05


def distinct_columns(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different columns of a matrix of integers, (rows, columns).

    Columns are told apart by sums with random weights, many times faster than by sorting them.

    Returns:
        The first place of each, ascending, and for each column which of them it equals, (columns,) int64.
    """
    weights = np.random.default_rng(0).integers(1, 2**62, len(matrix), dtype=np.int64)
    hashes = weights @ matrix.astype(np.int64)  # wraps around: columns that are equal have equal sums
    _, first, number = np.unique(hashes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[number]


class Acceptance:
    """One automaton, ready to look at long sequences.

    Args:
        transitions: (states, events) int16; the state after an event, or a negative number where it is forbidden.
        initial: the state before the first event.
    """

    def __init__(self, transitions: np.ndarray, initial: int):
        self._transitions, self._initial = np.ascontiguousarray(transitions), initial
        unchanged = np.arange(len(transitions), dtype=np.int16)[:, None]
        self._is_watched = (transitions != unchanged).any(axis=0)
        self._stays = ((transitions == unchanged) | (transitions < 0)).all(axis=0)
        # Where all states that allow an event agree on the next one, that one is the highest of the column.
        self._target = transitions.max(axis=0)
        self._leads_to_one = ((transitions == self._target) | (transitions < 0)).all(axis=0) & (self._target >= 0)
        self._leads_to_one &= ~self._stays
        self._moves = ~self._stays
        self._all_watched = bool(self._is_watched.all())
        self._any_stays = bool((self._stays & self._is_watched).any())
        self._from_last = self._absorbing()

    def last_state(self, columns: np.ndarray) -> int | None:
        """The state behind a sequence, or None when an event of it is forbidden.

        Args:
            columns: (n,) int64 of events.
        """
        watched = columns if self._all_watched else columns[self._is_watched.take(columns)]
        if self._any_stays:
            moves = self._moves.take(watched)
            after = self._states_after(watched[moves])
            # Before each watched event: the state behind the last that moves.
            before = np.concatenate([[self._initial], after]).take(np.cumsum(moves) - moves)
        else:
            after = self._states_after(watched)
            before = np.concatenate([[self._initial], after[:-1]]) if len(after) else after
        if len(before) and (before.min() < 0 or self._behind(before, watched).min() < 0):
            return None
        return int(after[-1]) if len(after) else self._initial

    def _behind(self, states: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """(n,) the state behind each event, by the state before."""
        return self._transitions.ravel().take(states * np.int64(self._transitions.shape[1]) + columns)

    def _absorbing(self) -> np.ndarray | None:
        """(states, events): the state behind an event by the state behind the last event that leads to one.

        None when what stands between matters.
        """
        others = np.flatnonzero(self._is_watched & ~self._stays & ~self._leads_to_one)
        if not len(others):
            return self._transitions
        first, which = distinct_columns(self._transitions[:, others])
        maps = self._transitions[:, others[first]]
        if maps.shape[1] ** 2 > len(self._transitions):  # then they count
            return None
        reached = maps.copy()
        for between in maps.T:
            behind = np.where(between[:, None] >= 0, maps[between], -1)
            if ((behind >= 0) & (reached >= 0) & (behind != reached)).any():
                return None
            reached = np.maximum(reached, behind)
        # Closed under one more event between, it is closed under any number.
        for between in maps.T:
            behind = np.where(between[:, None] >= 0, reached[between], -1)
            if ((behind >= 0) & (behind != reached)).any():
                return None
        whole = self._transitions.copy()
        whole[:, others] = reached[:, which]
        return whole

    def _states_after(self, columns: np.ndarray) -> np.ndarray:
        """(n,) states behind each event that moves; of no meaning behind one that is forbidden."""
        after = self._target.take(columns)
        knows = self._leads_to_one.take(columns)
        if knows.all():
            return after
        unknown = np.flatnonzero(~knows)
        last_known = np.maximum.accumulate(np.where(knows, np.arange(len(columns)), -1))[unknown]
        if self._from_last is not None:
            start = np.where(last_known >= 0, after[last_known], self._initial)
            after[unknown] = self._from_last[start, columns[unknown]]
            return after
        ranks = unknown - last_known
        if ranks.max() > max(16, _LONGEST_STRETCH * len(columns)):
            return self._one_by_one(columns)
        order = np.argsort(ranks, kind="stable")
        ends = np.cumsum(np.bincount(ranks)[1:])
        for first, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
            events = unknown[order[first:end]]
            before = np.where(events > 0, after[events - 1], self._initial)
            # What is forbidden stays so: it must not be taken for the last state.
            after[events] = np.where(before < 0, before, self._transitions[before, columns[events]])
        return after

    def _one_by_one(self, columns: np.ndarray) -> np.ndarray:
        state, states = self._initial, []
        for column in columns.tolist():
            state = self._transitions.item(state, column)
            states.append(state)
            if state < 0:
                break
        return np.array(states + [-1] * (len(columns) - len(states)), np.int16)
