"""An event grammar lifted to the ids of a tokenizer, merged tokens included, as tables. Knows nothing of models.

Each id stands for one or more events. Running every automaton over the events of every kind of id from every state
gives a table `next_state[state, kind]`; a step while sampling is then one gather for the states and one for the mask,
whatever the size of the batch or the vocabulary. Ids of one kind stand for the same events: each id of music is a kind
of its own, and all words of a text tokenizer are one.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from symbolic_music.events.completion import Completion
from symbolic_music.events.grammar import FORBIDDEN, EventGrammar


class TokenGrammar:
    """Tables of a grammar over token ids.

    V is the vocabulary, K the number of kinds of ids, A the number of automata, S all their states together.

    Args:
        grammar: the automata over events.
        token_events: for each id, the event columns it stands for; an empty sequence marks an id never allowed.
        note_types: the types of events that begin a note.
        completion: knows how pieces can be completed, where the automata alone do not: they may allow a token behind
            which, together, they allow no end.
        base: the token grammar of the first automata over the same ids, whose tables are taken.

    Attributes:
        kinds: (V,) int64; the kind of each id.
        next_state: (S, K) int16; the rows of all automata stacked. An entry is a row of the same automaton, or
            `FORBIDDEN`.
        initial_state: (A,) int16; the row of each automaton before the first token.
        counting: numbers of the automata whose rows say what a piece still needs.
        tokens_to_end: (S,) int64; what a row adds to the tokens still needed to end a piece; see `to_end`.
    """

    def __init__(
        self,
        grammar: EventGrammar,
        token_events: Sequence[Sequence[int]],
        note_types: Sequence[str] = ("Pitch",),
        completion: Completion | None = None,
        base: "TokenGrammar | None" = None,
    ):
        offsets = np.cumsum([0, *(len(automaton.transitions) for automaton in grammar.automata)])
        if offsets[-1] > np.iinfo(np.int16).max:
            raise ValueError(f"{offsets[-1]} grammar states do not fit the int16 tables")
        self.grammar, self.completion = grammar, completion
        self.note_types = tuple(note_types)
        self.token_events = [tuple(events) for events in token_events]
        self.initial_state = np.array(
            [offset + automaton.initial for offset, automaton in zip(offsets, grammar.automata, strict=False)],
            np.int16,
        )
        kind_of = {events: kind for kind, events in enumerate(dict.fromkeys(self.token_events))}
        self.kinds = np.array([kind_of[events] for events in self.token_events], dtype=np.int64)
        lifted: list[np.ndarray] = [] if base is None else [base.next_state]
        known = 0 if base is None else base.num_automata
        kinds = list(kind_of)
        for offset, automaton in zip(offsets[known:], grammar.automata[known:], strict=False):
            lifted.append(_lift(automaton.transitions, kinds, offset))
        self.next_state: np.ndarray = np.concatenate(lifted)
        distances = grammar.distance_to_end()
        self.tokens_to_end = np.concatenate(distances)
        self.counting = [which for which, distance in enumerate(distances) if distance.any()]
        self.final_row = grammar.final_state
        ways = [automaton.way for automaton in grammar.automata]
        self._leading = [which for which, way in enumerate(ways) if way is not None]
        no_way = (np.zeros(len(automaton.states), dtype=np.int64) for automaton in grammar.automata)
        self._way = np.concatenate([zero if way is None else way for way, zero in zip(ways, no_way, strict=True)])

    @property
    def num_automata(self) -> int:
        """How many rows describe one state."""
        return len(self.initial_state)

    @property
    def vocab_size(self) -> int:
        """Number of ids."""
        return len(self.kinds)

    @cached_property
    def allowed_rows(self) -> np.ndarray:
        """(S, K) bool: which kinds each row allows by itself."""
        return self.next_state != FORBIDDEN

    @cached_property
    def _allowed_bits(self) -> np.ndarray:
        """The same with a bit for each kind: (S, words) uint64."""
        bits = np.packbits(self.allowed_rows, axis=1, bitorder="little")
        return np.pad(bits, ((0, 0), (0, -bits.shape[1] % 8))).view(np.uint64)

    def allowed_kinds(self, rows: np.ndarray) -> np.ndarray:
        """Which kinds all of some rows (A,) allow, as (words,) uint64: a key for states that let the same follow."""
        return np.bitwise_and.reduce(self._allowed_bits.take(rows, axis=0))

    def ids_of(self, kinds: np.ndarray) -> np.ndarray:
        """The ids of kinds as `allowed_kinds` has them, ascending, (n,) int64."""
        return np.unpackbits(kinds.view(np.uint8), bitorder="little").take(self.kinds).nonzero()[0]

    def count_per_token(self, *event_types: str) -> np.ndarray:
        """How many events of some types each id holds, (V,) int64."""
        is_type = np.array([event.partition("_")[0] in event_types for event in self.grammar.events])
        return np.array([int(is_type[list(events)].sum()) for events in self.token_events])

    @cached_property
    def notes_per_token(self) -> np.ndarray:
        """Notes begun in each id, (V,) int64."""
        return self.count_per_token(*self.note_types)

    @cached_property
    def bars_per_token(self) -> np.ndarray:
        """Bars begun in each id, (V,) int64; where a header says how many a piece has, those that it says."""
        if not self.header_names_bars:
            return self.count_per_token("Bar")
        said = [event.partition("_") for event in self.grammar.events]
        bars = np.array([int(value) if kind == "Bars" else 0 for kind, _, value in said])
        return np.array([int(bars[list(events)].sum()) for events in self.token_events])

    @cached_property
    def header_names_bars(self) -> bool:
        """Whether pieces begin with the number of their bars."""
        return any(event.startswith("Bars_") for event in self.grammar.events)

    @cached_property
    def ends_piece(self) -> np.ndarray:
        """Ids that end a piece, (V,) bool."""
        order_rows = self.next_state[: len(self.grammar.automata[0].transitions)]
        ends = (order_rows == self.final_row).any(axis=0) & (order_rows[self.final_row] == FORBIDDEN)
        return ends[self.kinds]

    @cached_property
    def closing_room(self) -> int:
        """So many tokens before the last moment a piece begins to close, so that nothing is squeezed in."""
        return int(self.grammar.distance_to_end()[0].max()) + 1

    @cached_property
    def longest_way(self) -> int:
        """No piece is further from its end, in tokens, than one less."""
        return sum(int(distance.max()) for distance in self.grammar.distance_to_end()) + 1

    @cached_property
    def adds_pitch(self) -> np.ndarray:
        """Ids that add a pitch to a note, (V,) bool; in codecs that say chords as such."""
        return self.count_per_token("With") > 0

    @cached_property
    def says_bars(self) -> np.ndarray:
        """Ids that say how many bars a piece has, (V,) bool."""
        return self.count_per_token("Bars") > 0

    @cached_property
    def before_bar(self) -> np.ndarray:
        """For each id, the id that says the same up to its first bar, (V,) int64; the end for one that begins one."""
        return self.stop_before("Bar", stop=int(self.ends_piece.argmax()))

    def stop_before(self, event_type: str, stop: int) -> np.ndarray:
        """For each id, the id that says the same up to its first event of a type, (V,) int64.

        Args:
            event_type: such as "Bar".
            stop: what stands for an id that begins with such an event.

        An id without such an event stands for itself. Where no id says all of the part before, the one that says the
        longest beginning of it is taken; base events are ids, so there is one.
        """
        is_type = [event.partition("_")[0] == event_type for event in self.grammar.events]
        id_of = {events: token for token, events in enumerate(self.token_events)}
        stops = np.arange(self.vocab_size)
        for token, events in enumerate(self.token_events):
            length = next((index for index, event in enumerate(events) if is_type[event]), None)
            if length is not None:
                prefixes = (id_of[events[:end]] for end in range(length, 0, -1) if events[:end] in id_of)
                stops[token] = next(prefixes, stop)
        return stops

    def advance(self, states: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """States after one token.

        Args:
            states: (B, A) rows.
            ids: (B,) token ids.

        Returns:
            (B, A) int16 rows; `FORBIDDEN` where an automaton does not allow the token, and from then on.
        """
        following = self.next_state[states, self.kinds[ids][:, None]]
        return np.where(states == FORBIDDEN, np.int16(FORBIDDEN), following)

    def allowed(self, states: np.ndarray) -> np.ndarray:
        """Ids every automaton allows: states (..., A) to a mask (..., V) bool. A forbidden state allows nothing."""
        mask = np.ones((*states.shape[:-1], self.allowed_rows.shape[1]), dtype=bool)
        for which in range(self.num_automata):
            rows = states[..., which]
            mask &= self.allowed_rows[rows] & (rows != FORBIDDEN)[..., None]
        return mask[..., self.kinds]

    def to_end(self, states: np.ndarray) -> np.ndarray:
        """Tokens that are enough to end a piece from states (..., A), (...) int64."""
        return self.tokens_to_end[states].sum(axis=-1)

    def to_end_after(self, states: np.ndarray) -> np.ndarray:
        """The same after each token from states (B, A), (B, V) int64; without meaning where a token is forbidden."""
        after = sum(self.tokens_to_end[self.next_state[states[:, which]]] for which in self.counting)
        return after[:, self.kinds]

    @property
    def has_due(self) -> bool:
        """Whether something that is given is waited for; see `passing`."""
        return bool(self._leading)

    def passing(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Tokens that would pass by what is given, and those that bring it; see `events.grammar.Automaton.way`.

        Args:
            states: (A,) rows.

        Returns:
            (V,) bool each: those that only automata of what is given forbid, and of those that are allowed the ones
            behind which less is still to come.
        """
        rows = self.allowed_rows[states]
        following = self.next_state[states[self._leading]]
        brings = ((self._way[following] < self._way[states[self._leading], None]) & (following != FORBIDDEN)).any(
            axis=0
        )
        given = rows[self._leading].all(axis=0)
        others = np.delete(rows, self._leading, axis=0).all(axis=0)
        return (others & ~given)[self.kinds], (others & given & brings)[self.kinds]

    def scan(self, ids: np.ndarray, states: np.ndarray | None = None) -> np.ndarray:
        """States before each token of a batch of sequences.

        Args:
            ids: (B, T) token ids.
            states: (B, A) rows before the first token; None starts every sequence at the beginning.

        Returns:
            (B, T, A) int16 rows.
        """
        num_sequences, length = ids.shape
        if states is None:
            states = np.broadcast_to(self.initial_state, (num_sequences, self.num_automata))
        before = np.empty((num_sequences, length, self.num_automata), dtype=np.int16)
        for step in range(length):
            before[:, step] = states
            states = self.advance(states, ids[:, step])
        return before

    def columns(self, ids: Sequence[int] | np.ndarray) -> np.ndarray:
        """The columns of the events that ids stand for, one after the other, int64.

        Raises:
            IndexError: for an id outside the vocabulary.
        """
        tokens = np.asarray(ids, dtype=np.int64)
        counts, firsts, events = self._flat_events
        own = counts[tokens]
        ends = np.cumsum(own)
        place = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - own, own)
        return events[np.repeat(firsts[tokens], own) + place]

    @cached_property
    def _flat_events(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each id how many events it stands for and where they begin, (V,) each; and all events, int64."""
        counts = np.array([len(events) for events in self.token_events], dtype=np.int64)
        events = [event for events in self.token_events for event in events]
        return counts, np.cumsum(counts) - counts, np.array(events, dtype=np.int64)

    def accepts(self, ids: Sequence[int] | np.ndarray) -> bool:
        """Whether ids are a complete piece."""
        tokens = np.asarray(ids, dtype=np.int64)
        if not len(tokens) or tokens.min() < 0 or tokens.max() >= self.vocab_size:
            return False
        return self.grammar.accepts_columns(self.columns(tokens))

    def explain(self, ids: Sequence[int]) -> str | None:
        """Why ids are not a complete piece, in words, or None when they are one."""
        unknown = [token for token in ids if not 0 <= token < self.vocab_size]
        if unknown:
            return f"id {unknown[0]} is outside the vocabulary of {self.vocab_size}"
        events = [self.grammar.events[event] for token in ids for event in self.token_events[token]]
        return self.grammar.explain(events)


def _lift(transitions: np.ndarray, token_events: Sequence[tuple[int, ...]], offset: int) -> np.ndarray:
    """One automaton over kinds of ids: (states, K) int16 rows counted from `offset`, or `FORBIDDEN`."""
    lifted = np.full((len(transitions), len(token_events)), FORBIDDEN, dtype=np.int16)
    single = [token for token, events in enumerate(token_events) if len(events) == 1]
    lifted[:, single] = transitions[:, [token_events[token][0] for token in single]]
    merged = [token for token, events in enumerate(token_events) if len(events) > 1]
    if merged:
        lifted[:, merged] = _run(transitions, [token_events[token] for token in merged])
    return np.add(lifted, np.int16(offset), out=lifted, where=lifted != FORBIDDEN)


def _run(transitions: np.ndarray, sequences: Sequence[tuple[int, ...]]) -> np.ndarray:
    """The states after sequences of events from each state, (states, sequences), or `FORBIDDEN`."""
    num_states, num_events = transitions.shape
    # One row per event, and a trap as last state, so that what is forbidden inside a token stays forbidden.
    by_event = np.full((num_events, num_states + 1), num_states, dtype=np.int32)
    by_event[:, :num_states] = np.where(transitions == FORBIDDEN, num_states, transitions).T
    reached = np.empty((len(sequences), num_states), dtype=np.int32)
    for number, (first, *others) in enumerate(sequences):
        states = by_event[first]
        for event in others:
            states = by_event[event].take(states)
        reached[number] = states[:num_states]
    return np.where(reached == num_states, FORBIDDEN, reached).T
