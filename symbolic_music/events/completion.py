"""Whether a sequence of events can still become a complete piece, and in how many events. Knows no representation.

Automata that read the same sequence side by side may each allow an event behind which, together, they allow no end.
Here the end is looked for: among the events of a small set, which must do to complete a piece, by the way that seems
shortest first. What was found is kept, and answers for all states from which the same events lead there; so hardly any
question needs a search of its own. For these few events most states of most automata are alike, so states are looked
at up to bisimulation (Kanellakis & Smolka, "CCS expressions, finite state processes, and three problems of
equivalence", 1990).

What is not found does not exist for whoever asks. So a sequence that only ever goes on where an end was found gets
there: the next event of what was found is always open.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

import numpy as np

from symbolic_music.events.acceptance import distinct_columns
from symbolic_music.events.grammar import FORBIDDEN, Automaton, EventGrammar
from symbolic_music.events.known_ends import KnownEnds

# So many states are looked at before an end is taken not to exist: of a whole piece, and of one that has begun.
MOST_STATES = 8_000
_MOST_STATES_LATER = 600
# Among the usual events alone, before all are tried, a part of that.
_USUAL_PART = 8
_FAR = 1 << 24
# An automaton whose way to the end no event makes longer, such as one that counts bars, shows the direction; what
# others need is needed again and again.
_DIRECTION = 256

_Options = tuple[np.ndarray, list[int], list[int]]
"""A state (A,), how far each event that may follow seems from the end, ascending, and the events."""
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
        # What tells no two states apart and forbids nothing need not be looked at; the first knows the end.
        watched = [number for number, quotient in enumerate(quotients) if number == 0 or not quotient.is_idle]
        self._watched = np.array(watched)
        kept = [quotients[number] for number in watched]
        offsets = np.cumsum([0, *(quotient.size for quotient in kept)])
        firsts = np.cumsum([0, *(len(automaton.states) for automaton in grammar.automata)])
        # By row of all automata stacked, the row of its quotient; those that nothing leads to have none.
        self._class_of = np.full(firsts[-1], FORBIDDEN, dtype=np.int32)
        for number, quotient, offset in zip(watched, kept, offsets.tolist(), strict=False):
            own = np.where(quotient.class_of == FORBIDDEN, FORBIDDEN, quotient.class_of + offset)
            self._class_of[firsts[number] : firsts[number + 1]] = own
        # Events that do the same to all of them are one.
        kinds = np.stack([grammar.automata[number].alike[events] for number in watched])
        different = distinct_columns(kinds)[0]
        following = [quotient.following(events[different]) for quotient in kept]
        after = np.concatenate(
            [
                np.where(after == FORBIDDEN, FORBIDDEN, after + offset).astype(np.int32)
                for after, offset in zip(following, offsets.tolist(), strict=False)
            ]
        )
        self._following = np.ascontiguousarray(after.T)
        # By row and event, how far the end seems behind it; no end is near behind what is forbidden: no bit there.
        distance = np.concatenate([*(quotient.distance for quotient in kept), [_FAR]]).astype(np.int32)
        self._distances_after = distance[after]
        self._near_bits = np.ascontiguousarray(np.packbits(self._distances_after < _FAR, axis=1))
        self._num_usual = int((different < num_usual).sum())
        self._most_states = most_states
        complete = np.ones(len(after), dtype=bool)
        complete[: kept[0].size] = np.arange(kept[0].size) == kept[0].class_of[grammar.final_state]
        self._ends = KnownEnds(self._following, complete)
        self._dead: set[bytes] = set()
        rows = [first + automaton.initial for first, automaton in zip(firsts, grammar.automata, strict=False)]
        self.initial = self.key(np.array(rows))

    def key(self, rows: np.ndarray) -> np.ndarray:
        """A state, up to what makes no difference.

        Args:
            rows: (..., A) of the automata, each counted from the first of all automata stacked.

        Returns:
            (..., watched automata) int32.
        """
        return self._class_of.take(rows.take(self._watched, axis=-1))

    def needed(self, state: np.ndarray) -> int | None:
        """Events that are enough to complete a piece from a state; None where no end is found."""
        return self._shortest(state) if self.within(state) else None

    def within(self, state: np.ndarray, limit: int | None = None) -> bool:
        """Whether an end is found from a state within so many events; None sets no limit."""
        if not self._ends.lead_from(state) and not self._search(state):
            return False
        return limit is None or limit >= self._ends.longest or limit >= self._shortest(state)

    def all_within(self, states: np.ndarray, limit: int | None = None) -> np.ndarray:
        """The same of states (n, A), (n,) bool; most of them are answered together."""
        found = self._ends.lead_from_all(states)
        if limit is not None and limit < self._ends.longest:
            found[:] = False  # what is known may be too long
        looked_at: dict[bytes, bool] = {}
        for place in np.flatnonzero(~found).tolist():
            key = states[place].tobytes()
            if key not in looked_at:
                looked_at[key] = self.within(states[place], limit)
            found[place] = looked_at[key]
        return found

    def _shortest(self, state: np.ndarray) -> int:
        """Events of the shortest end that is known, where one is."""
        number = self._ends.shortest(state)
        assert number is not None
        return self._ends.lengths[number]

    def _search(self, start: np.ndarray) -> bool:
        """Look for an end where none is known; whether there is one."""
        if start.tobytes() in self._dead:
            return False
        most = self._most_states if np.array_equal(start, self.initial) else _MOST_STATES_LATER
        if self._look(start, self._num_usual, most // _USUAL_PART) is None:
            return True
        # All that can be reached was looked at, or so much of it that the rest is not worth the time.
        seen = self._look(start, self._distances_after.shape[1], most)
        self._dead.update(seen or ())
        return seen is None

    def _look(self, start: np.ndarray, num_events: int, most: int) -> set[bytes] | None:
        """Look for an end, the nearest looking first.

        Args:
            start: a state from which no end is known.
            num_events: to look among, the first ones.
            most: states to look behind.

        Returns:
            The states that were found, where no end was.
        """
        seen = {start.tobytes()}
        # What may follow one state, the nearest first; each is made a state of its own when its turn has come.
        heap: list[tuple[int, int, int]] = []
        places, options = [(-1, -1)], [self._options(start, num_events)]
        self._push(heap, options[0][1], 0, 0)
        while heap and len(options) < most:
            _, number, place = heappop(heap)
            parent, distances, events = options[number]
            self._push(heap, distances, number, place + 1)
            state = self._following[events[place]].take(parent)
            key = state.tobytes()
            if key in seen:
                continue
            seen.add(key)
            if (end := self._ends.shortest(state)) is not None:
                self._keep(end, (number, place), places, options)
                return None
            if key not in self._dead:
                found = self._options(state, num_events)
                self._push(heap, found[1], len(options), 0)
                places.append((number, place))
                options.append(found)
        return seen

    @staticmethod
    def _push(heap: list[tuple[int, int, int]], distances: list[int], number: int, place: int) -> None:
        """Let the option of some place wait for its turn, where there is one."""
        if place < len(distances):
            heappush(heap, (distances[place], number, place))

    def _options(self, state: np.ndarray, num_events: int) -> _Options:
        """What may follow, of the first events."""
        bits = np.bitwise_and.reduce(self._near_bits.take(state, axis=0))
        near = np.unpackbits(bits, count=num_events).nonzero()[0]
        distances = np.add.reduce(self._distances_after[state[:, None], near])
        order = distances.argsort(kind="stable")
        return state, distances[order].tolist(), near[order].tolist()

    def _keep(self, end: int, last: tuple[int, int], places: list[tuple[int, int]], options: list[_Options]) -> None:
        """Keep the way to an end.

        Args:
            end: number of a sequence that completes a piece.
            last: before it, the number of an option and the place in it.
            places: the same of how each of the options was come to.
            options: all of them.
        """
        number, place = last
        while number >= 0:
            end = self._ends.add(options[number][2][place], end)
            number, place = places[number]


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
