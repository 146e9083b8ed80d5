"""Whether a sequence of events can still become a complete piece, and in how many events. Knows no representation.

Automata that read the same sequence side by side may each allow an event behind which, together, they allow no end.
Here the end is looked for: among the events of a small set, which must do to complete a piece, by the way that seems
shortest first. What was found is kept, so most questions are answered by what is known of an earlier state. For these
few events most states of most automata are alike, so states are looked at up to bisimulation (Kanellakis & Smolka,
"CCS expressions, finite state processes, and three problems of equivalence", 1990).

What is not found does not exist for whoever asks. So a sequence that only ever goes on where an end was found gets
there: the next event of what was found is always open.
"""

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush

import numpy as np

from symbolic_music.events.acceptance import distinct_columns
from symbolic_music.events.grammar import FORBIDDEN, Automaton, EventGrammar

# So many states are looked at before an end is taken not to exist: of a whole piece, and of one that has begun.
MOST_STATES = 8_000
_MOST_STATES_LATER = 600
# Among the usual events alone, before all are tried, a part of that.
_USUAL_PART = 8
_FAR = 1 << 24
# An automaton whose way to the end no event makes longer, such as one that counts bars, shows the direction; what
# others need is needed again and again.
_DIRECTION = 256


END = 0
"""Which of the events among which an end is looked for is the end of a piece."""


class Completion:
    """Finds ends.

    Args:
        grammar: the automata.
        events: columns of the events to look among, (n,) int64; the end of a piece stands at `END`.
        num_usual: so many of them, from the first, are looked among alone before all are.
        most_states: that are looked at before a whole piece is taken not to exist.

    Attributes:
        initial: before the first event.
    """

    def __init__(self, grammar: EventGrammar, events: np.ndarray, num_usual: int, most_states: int = MOST_STATES):
        possible = _possible(grammar.automata)
        quotients = [
            _Quotient(automaton, reached, events, grammar.final_state if number == 0 else None)
            for number, (automaton, reached) in enumerate(zip(grammar.automata, possible, strict=True))
        ]
        # What tells no two states apart and forbids nothing need not be looked at.
        self._watched = [number for number, quotient in enumerate(quotients) if not quotient.is_idle]
        kept = [quotients[number] for number in self._watched]
        offsets = np.cumsum([0, *(quotient.size for quotient in kept)])
        firsts = np.cumsum([0, *(len(automaton.states) for automaton in grammar.automata)])
        # By row of all automata stacked, the row of its quotient; those that nothing leads to have none.
        self._class_of = np.full(firsts[-1], FORBIDDEN, dtype=np.int32)
        for number, quotient, offset in zip(self._watched, kept, offsets.tolist(), strict=False):
            own = np.where(quotient.class_of == FORBIDDEN, FORBIDDEN, quotient.class_of + offset)
            self._class_of[firsts[number] : firsts[number + 1]] = own
        # Events that do the same to all of them are one.
        kinds = np.stack([grammar.automata[number].alike[events] for number in self._watched])
        different = distinct_columns(kinds)[0]
        following = [quotient.following(events[different]) for quotient in kept]
        self._following = np.concatenate(
            [
                np.where(after == FORBIDDEN, FORBIDDEN, after + offset).astype(np.int32)
                for after, offset in zip(following, offsets.tolist(), strict=False)
            ]
        )
        # By row and event, how far the end seems behind it; no end is near behind what is forbidden.
        distance = np.concatenate([*(quotient.distance for quotient in kept), [_FAR]]).astype(np.int32)
        self._distances_after = distance[self._following]
        self._usual_distances_after = np.ascontiguousarray(self._distances_after[:, different < num_usual])
        self._most_states = most_states
        self._final = int(kept[0].class_of[grammar.final_state])
        self._needed: dict[bytes, int] = {}
        rows = [first + automaton.initial for first, automaton in zip(firsts, grammar.automata, strict=False)]
        self.initial = self.key(np.array(rows))

    def key(self, rows: np.ndarray) -> bytes:
        """A state, up to what makes no difference.

        Args:
            rows: (A,) of the automata, each counted from the first of all automata stacked.
        """
        return self._class_of[rows[self._watched]].tobytes()

    def keys(self, rows: np.ndarray) -> list[bytes]:
        """Of several states (n, A)."""
        classes = np.ascontiguousarray(self._class_of[rows[:, self._watched]])
        return [state.tobytes() for state in classes]

    def needed(self, state: bytes) -> int | None:
        """Events that are enough to complete a piece from a state; None where no end is found."""
        if state not in self._needed:
            self._search(state)
        needed = self._needed[state]
        return None if needed == _FAR else needed

    def _search(self, start: bytes) -> None:
        """Look for an end; keep how far it is from all states on the way."""
        most = self._most_states if start == self.initial else _MOST_STATES_LATER
        if self._look(start, self._usual_distances_after, most // _USUAL_PART) is None:
            return
        # All that can be reached was looked at, or so much of it that the rest is not worth the time. A state on the
        # way of an end that was found keeps it.
        for state in self._look(start, self._distances_after, most) or ():
            self._needed.setdefault(state, _FAR)

    def _look(self, start: bytes, distances_after: np.ndarray, most: int) -> Iterable[bytes] | None:
        """Look for an end, the nearest looking first.

        Args:
            start: a state.
            distances_after: (rows, events); of the events to look among, how far the end seems behind them.
            most: states to look behind.

        Returns:
            The states that were found, where no end was.
        """
        before: dict[bytes, bytes | None] = {start: None}
        # What may follow one state, the nearest first; each is made a state of its own when its turn has come.
        heap: list[tuple[int, int, int]] = []
        parents, options = [start], [self._options(np.frombuffer(start, dtype=np.int32), distances_after)]
        self._push(heap, options[0][0], 0, 0)
        while heap and len(options) < most:
            _, number, place = heappop(heap)
            distances, states = options[number]
            self._push(heap, distances, number, place + 1)
            rows = states[place]
            state = rows.tobytes()
            if state in before:
                continue
            before[state] = parents[number]
            known = 0 if rows[0] == self._final else self._needed.get(state)
            if known is None:
                found = self._options(rows, distances_after)
                self._push(heap, found[0], len(options), 0)
                parents.append(state)
                options.append(found)
            elif known < _FAR:
                self._keep(before, state, known)
                return None
        return before

    @staticmethod
    def _push(heap: list[tuple[int, int, int]], distances: list[int], number: int, place: int) -> None:
        """Let the option of some place wait for its turn, where there is one."""
        if place < len(distances):
            heappush(heap, (distances[place], number, place))

    def _options(self, rows: np.ndarray, distances_after: np.ndarray) -> tuple[list[int], np.ndarray]:
        """What may follow: how far each seems, ascending, (n,), and the states (n, A)."""
        distances = np.add.reduce(distances_after[rows])
        near = (distances < _FAR).nonzero()[0]
        distances = distances[near]
        order = distances.argsort(kind="stable")
        return distances[order].tolist(), self._following[rows, near[order][:, None]]

    def _keep(self, before: dict[bytes, bytes | None], state: bytes, needed: int) -> None:
        at: bytes | None = state
        while at is not None:
            if needed < self._needed.get(at, _FAR):
                self._needed[at] = needed
            at, needed = before[at], needed + 1


def _possible(automata: Sequence[Automaton]) -> list[np.ndarray]:
    """Which states of each automaton can be reached, (states,) bool, when each keeps some events from coming."""
    events = np.arange(automata[0].transitions.shape[1])
    while True:
        possible = [automaton.reachable(events) for automaton in automata]
        comes = np.ones(len(events), dtype=bool)
        for automaton, reached in zip(automata, possible, strict=True):
            _, first = np.unique(automaton.alike, return_index=True)
            some = (automaton.transitions[np.ix_(reached, first)] != FORBIDDEN).any(axis=0)
            comes &= some[automaton.alike[events]]
        if comes.all():
            return possible
        events = events[comes]


class _Quotient:
    """An automaton over some events, states that behave alike being one.

    Args:
        automaton: the automaton.
        reached: (states,) bool; which of its states there are.
        events: columns of the events, (n,); the end of a piece among them.
        final_state: of the automaton that has one.

    Attributes:
        class_of: (states,) int32, or `FORBIDDEN` for a state that there is not.
        distance: (classes,) int64; how far the automaton is from allowing the end of a piece: its fewest events,
            weighed.
        is_idle: whether it tells nothing apart and forbids nothing.
    """

    def __init__(self, automaton: Automaton, reached: np.ndarray, events: np.ndarray, final_state: int | None):
        self._automaton = automaton
        columns = events[np.sort(np.unique(automaton.alike[events], return_index=True)[1])]
        rows = np.flatnonzero(reached)
        place = np.full(len(reached) + 1, FORBIDDEN)  # the last one stands for what is forbidden
        place[rows] = np.arange(len(rows))
        labels = np.zeros(len(rows), dtype=np.int64)
        if final_state is not None:
            labels[place[final_state]] = 1
        labels = _bisimulation(place[automaton.transitions[np.ix_(rows, columns)]], labels)
        self.class_of = np.full(len(reached), FORBIDDEN, dtype=np.int32)
        self.class_of[rows] = labels
        self._members = rows[np.unique(labels, return_index=True)[1]]
        own = self.following(columns)
        self.is_idle = self.size == 1 and bool((own == 0).all())
        distance = self._distances(own, events[END], final_state)
        shown = _weighed(own, distance) if automaton.way is None else self._shown(automaton.way, distance)
        self.distance = np.minimum(shown, _FAR)

    @property
    def size(self) -> int:
        """How many classes there are."""
        return len(self._members)

    def following(self, events: np.ndarray) -> np.ndarray:
        """(classes, n) int64; the class behind each of some events, or `FORBIDDEN`."""
        _, first, place = np.unique(self._automaton.alike[events], return_index=True, return_inverse=True)
        after = self._automaton.transitions[np.ix_(self._members, events[first])]
        classes = np.append(self.class_of, FORBIDDEN)[after]
        return classes[:, place]

    def _shown(self, way: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """What an automaton itself says is still to come, by class, weighed."""
        least = np.full(self.size, _FAR)
        rows = np.flatnonzero(self.class_of != FORBIDDEN)
        np.minimum.at(least, self.class_of[rows], way[rows])
        return np.where(distance >= _FAR, _FAR, least * _DIRECTION)

    def _distances(self, own: np.ndarray, end: int, final_state: int | None) -> np.ndarray:
        distance = np.full(self.size, _FAR)
        if final_state is not None:
            distance[self.class_of[final_state]] = 0
        else:
            behind_end = self.following(np.array([end]))[:, 0]
            distance[behind_end != FORBIDDEN] = 0
            distance[behind_end[behind_end != FORBIDDEN]] = 0
        while True:
            reached = np.where(own == FORBIDDEN, _FAR, distance[own] + 1)
            nearer = np.minimum(distance, reached.min(axis=1))
            if (nearer == distance).all():
                return distance
            distance = nearer


def _weighed(following: np.ndarray, distance: np.ndarray) -> np.ndarray:
    after = np.where(following == FORBIDDEN, 0, distance[following])
    after = np.where(after >= _FAR, 0, after)
    return distance * _DIRECTION if (after <= distance[:, None]).all() else distance


def _bisimulation(table: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The coarsest classes of states, finer than labels, that every event leads to one class or forbids."""
    weights = np.random.default_rng(0).integers(1, 2**62, table.shape[1] + 1, dtype=np.int64)
    count = 0
    while True:
        after = np.where(table == FORBIDDEN, FORBIDDEN, labels[table])
        hashes = labels * weights[0] + (after * weights[1:]).sum(axis=1)  # wraps around: a hash
        labels = np.unique(hashes, return_inverse=True)[1]
        if int(labels.max()) + 1 == count:
            return labels
        count = int(labels.max()) + 1
