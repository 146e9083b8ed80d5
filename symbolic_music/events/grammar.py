"""Finite automata over events: which event may follow. Knows neither Scores nor ids.

A grammar is a few small deterministic automata that read the same sequence side by side; a sequence is accepted when
every one of them accepts it. Their product would have millions of states; side by side they have a few thousand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from symbolic_music.events.acceptance import Acceptance, distinct_columns

FORBIDDEN = -1


@dataclass(frozen=True)
class Automaton:
    """One deterministic automaton.

    Attributes:
        name: what it watches over, for messages.
        transitions: (states, events) int16; the state after an event, or `FORBIDDEN`.
        initial: the state before the first event.
        states: a description of each state, for messages.
        way: (states,) int64, what is still to come, by a measure of its own that shows the way where an end is looked
            for (see `events.completion`); None where the fewest events to the end do.
    """

    name: str
    transitions: np.ndarray
    initial: int
    states: tuple[str, ...]
    way: np.ndarray | None = None

    def __post_init__(self):
        num_states, _ = self.transitions.shape
        if len(self.states) != num_states or not 0 <= self.initial < num_states:
            raise ValueError(f"{self.name}: {num_states} states, {len(self.states)} names, initial {self.initial}")
        if self.transitions.max() >= num_states or self.transitions.min() < FORBIDDEN:
            raise ValueError(f"{self.name}: a transition leaves the {num_states} states")

    @cached_property
    def alike(self) -> np.ndarray:
        """A number for all events that do the same in every state, (events,) int64, ascending by their first."""
        return distinct_columns(self.transitions)[1]

    def reachable(self, events: np.ndarray) -> np.ndarray:
        """Which states some of the events (n,) lead to from the initial one, (states,) bool."""
        columns = events[np.unique(self.alike[events], return_index=True)[1]]
        found = np.zeros(len(self.transitions), dtype=bool)
        newest = np.array([self.initial])
        while len(newest):
            found[newest] = True
            after = np.unique(self.transitions[np.ix_(newest, columns)])
            newest = after[(after != FORBIDDEN) & ~found[after]]
        return found

    def distance_to(self, states: Sequence[int]) -> np.ndarray:
        """Fewest events from each state to one of `states`, (states,) int64.

        Raises:
            ValueError: when a state can never reach one, which would strand generation there.
        """
        num_states = len(self.transitions)
        # leads_to[b, a]: some event leads from a to b. What is forbidden, -1, falls into the last row, never read.
        leads_to = np.zeros((num_states + 1, num_states), dtype=bool)
        for following in self.transitions.T:
            leads_to[following, np.arange(num_states)] = True
        distance = np.full(num_states, num_states)
        distance[list(states)] = 0
        nearest, steps = np.flatnonzero(distance == 0), 0
        while len(nearest):
            steps += 1
            nearest = np.flatnonzero(leads_to[nearest].any(axis=0) & (distance == num_states))
            distance[nearest] = steps
        stranded = np.flatnonzero(distance == num_states)
        if len(stranded):
            raise ValueError(f"no way from these states to the end: {[self.states[state] for state in stranded]}")
        return distance


class AutomatonBuilder:
    """Collects the transitions of one automaton by state and event name.

    Args:
        name: what the automaton watches over.
        events: names of all events, in the order of their columns.
        states: descriptions of the states; the first is the initial one.
    """

    def __init__(self, name: str, events: Sequence[str], states: Sequence[str]):
        self.name = name
        self.column = {event: index for index, event in enumerate(events)}
        self.row = {state: index for index, state in enumerate(states)}
        self.transitions = np.full((len(states), len(events)), FORBIDDEN, dtype=np.int16)

    def columns(self, events: Iterable[str]) -> np.ndarray:
        """The columns of events, for those that are added many times; (events,) int64."""
        return np.array([self.column[event] for event in events], dtype=np.int64)

    def add(self, state: str, events: Iterable[str] | np.ndarray, next_state: str) -> None:
        """Allow `events`, given by name or as `columns`, in `state`, leading to `next_state`."""
        columns = events if isinstance(events, np.ndarray) else self.columns(events)
        self.transitions[self.row[state], columns] = self.row[next_state]

    def forbid(self, state: str, events: Iterable[str] | np.ndarray) -> None:
        """Forbid `events`, given by name or as `columns`, in `state`."""
        columns = events if isinstance(events, np.ndarray) else self.columns(events)
        self.transitions[self.row[state], columns] = FORBIDDEN

    def add_all(self, states: Iterable[str], event: str, next_state: str) -> None:
        """Allow `event` in each of `states`, leading to `next_state`."""
        self.transitions[[self.row[state] for state in states], self.column[event]] = self.row[next_state]

    def stay_on(self, events: Iterable[str]) -> None:
        """Let `events` pass in every state without changing it: this automaton does not watch them."""
        columns = [self.column[event] for event in events]
        self.transitions[:, columns] = np.arange(len(self.row), dtype=np.int16)[:, None]

    def build(self, way: Mapping[str, int] | None = None) -> Automaton:
        """The finished automaton, whose way may be told by state."""
        told = None if way is None else np.array([way[state] for state in self.row], dtype=np.int64)
        return Automaton(self.name, self.transitions, 0, tuple(self.row), told)


class EventGrammar:
    """Automata that read the same events side by side.

    The first automaton watches the order of event types; its `final_state` is reached exactly by complete sequences.
    Where it alone knows what a piece still needs, the others never block its shortest way to the end.

    Args:
        events: names of all events, special tokens included, in the order of the automata's columns.
        automata: the automata; the first one carries the end.
        final_state: index, in the first automaton, of the state after the end of a piece.
        to_end: by number of an automaton, what it adds by state to the events still needed; there is always an event
            that makes the sum smaller, until it is 0. Left out, the first automaton's shortest way says it all.
    """

    def __init__(
        self,
        events: Sequence[str],
        automata: Sequence[Automaton],
        final_state: int,
        to_end: Mapping[int, np.ndarray] | None = None,
    ):
        self.events = list(events)
        self.automata = tuple(automata)
        self.final_state = final_state
        self._to_end = dict(to_end or {})
        self._column = {event: index for index, event in enumerate(self.events)}
        order = self.automata[0].transitions
        ends = (order == final_state).any(axis=0) & (order[final_state] == FORBIDDEN)
        self._end_columns = frozenset(np.flatnonzero(ends).tolist())

    def explain(self, events: Sequence[str], first_index: int = 0) -> str | None:
        """Why a sequence is not a complete piece: the first wrong event, or None when it is accepted.

        Args:
            events: event names, special tokens included.
            first_index: number of the first event in messages; -1 for callers who do not count BOS.
        """
        states = [automaton.initial for automaton in self.automata]
        for index, event in enumerate(events, first_index):
            column = self._column.get(event)
            if column is None:
                return f"event {index} is {event!r}, which is not in the vocabulary"
            for which in self._watchers[column]:
                automaton = self.automata[which]
                next_state = automaton.transitions.item(states[which], column)
                if next_state == FORBIDDEN:
                    if column in self._end_columns and states[0] != self.final_state:
                        return self._unfinished(index, which, states[which])
                    return (
                        f"event {index} is {event!r}, which may not follow here "
                        f"({automaton.name}: {automaton.states[states[which]]})"
                    )
                states[which] = next_state
        if states[0] != self.final_state:
            return self._unfinished(len(events) + first_index, 0, states[0])
        return None

    @cached_property
    def _watchers(self) -> list[list[int]]:
        """By column, the automata that the event moves or that may forbid it: all others let it pass unchanged."""
        watchers: list[list[int]] = [[] for _ in self.events]
        for which, automaton in enumerate(self.automata):
            unchanged = np.arange(len(automaton.states))[:, None]
            for column in np.flatnonzero((automaton.transitions != unchanged).any(axis=0)).tolist():
                watchers[column].append(which)
        return watchers

    def _unfinished(self, num_events: int, which: int, state: int) -> str:
        automaton = self.automata[which]
        place = f"{automaton.name}: {automaton.states[state]}"
        return f"the sequence stops after {num_events} events, before its end ({place})"

    def accepts(self, events: Sequence[str]) -> bool:
        """Whether the sequence, special tokens included, is a complete piece."""
        columns = [self._column.get(event, -1) for event in events]
        return min(columns, default=0) >= 0 and self.accepts_columns(np.array(columns, dtype=np.int64))

    def accepts_columns(self, columns: np.ndarray) -> bool:
        """The same of a sequence of events' columns, (n,) int64."""
        lasts = [automaton.last_state(columns) for automaton in self._acceptances]
        return lasts[0] == self.final_state and None not in lasts

    @cached_property
    def _acceptances(self) -> list[Acceptance]:
        return [Acceptance(automaton.transitions, automaton.initial) for automaton in self.automata]

    def distance_to_end(self) -> list[np.ndarray]:
        """For each automaton, the events still needed by state, (states,) int64; their sum is enough for a piece."""
        if not self._to_end:
            self._to_end = {0: self.automata[0].distance_to([self.final_state])}
        return [
            self._to_end.get(which, np.zeros(len(automaton.states), dtype=np.int64))
            for which, automaton in enumerate(self.automata)
        ]
