"""Pitches that a file gives: each voice plays its chords one after the other, when and for how long it likes."""

from collections.abc import Sequence

import numpy as np

from symbolic_music.events.controls.automata.given.pace import Pace
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import FORBIDDEN, Automaton, AutomatonBuilder
from symbolic_music.score.programs import program_name

Chord = tuple[int, ...]


def pitches_by_position(dialect: Dialect, program: int, chords: Sequence[Chord], pace: Pace) -> Automaton:
    """For REMI: of an instrument."""
    return _ByPosition(dialect, program, chords, pace).build()


def pitches_by_step(dialect: Dialect, program: int, number: int, chords: Sequence[Chord], pace: Pace) -> Automaton:
    """Where durations add up: of the voice of the piece with a number, from 1."""
    return _ByStep(dialect, program, number, chords, pace).build()


class _Sequence:
    """What both have in common: how far the voice has come, bar by bar.

    Args:
        dialect: of the events.
        program: who plays.
        chords: the pitches of each, ascending.
        pace: how far it may have come.
    """

    def __init__(self, dialect: Dialect, program: int, chords: Sequence[Chord], pace: Pace):
        self._dialect, self._chords, self._pace = dialect, chords, pace
        # By bar, how many chords may have begun in it and before.
        self._counts = {
            bar: range(pace.bounds(bar - 1)[0] if bar else 0, pace.bounds(bar)[1] + 1) for bar in range(pace.bars + 1)
        }
        name = f"pitches of {program_name(program)}"
        self._builder = AutomatonBuilder(name, dialect.events, [*self._states(), "past the last bar"])
        self._builder.stay_on(dialect.events)

    def _states(self) -> list[str]:
        raise NotImplementedError

    def _places(self) -> list[tuple[int, int]]:
        return [(bar, count) for bar, counts in self._counts.items() for count in counts]

    def _inner(self) -> list[str]:
        """States within chords of several notes."""
        return [
            _within(bar, count, number)
            for bar, count in self._places()
            if self._may_begin(bar, count)
            for number in range(1, len(self._chords[count]))
        ]

    def _build(self) -> Automaton:
        """The finished automaton; notes that are still to come show the way."""
        ahead = np.cumsum([0, *(len(chord) for chord in self._chords[::-1])])[::-1]
        way = dict.fromkeys(self._builder.row, 0)
        for bar, count in self._places():
            way |= {state: int(ahead[count]) for state in self._named(bar, count) if state in way}
            for number in range(1, len(self._chords[count]) if count < len(self._chords) else 0):
                if _within(bar, count, number) in way:
                    way[_within(bar, count, number)] = int(ahead[count]) - number
        for state in self._before():
            way[state] = int(ahead[0])
        return self._builder.build(way)

    def _named(self, bar: int, count: int) -> list[str]:
        """States outside of chords, of a bar and a number of chords."""
        raise NotImplementedError

    def _before(self) -> list[str]:
        """States before any chord, besides."""
        return []

    def _may_begin(self, bar: int, count: int) -> bool:
        """Whether the next chord may begin in a bar."""
        return bar > 0 and count + 1 in self._counts[bar]

    def _may_leave(self, bar: int, count: int) -> bool:
        fewest, most = self._pace.bounds(bar)
        return bar < self._pace.bars and fewest <= count <= most

    def _add_edges(self, here: str, bar: int, count: int, following: str) -> None:
        """The events that begin a bar and end a piece; begun beyond the last bar, a bar leads nowhere."""
        builder, dialect = self._builder, self._dialect
        builder.forbid(here, dialect.end)
        if bar == self._pace.bars:
            builder.add(here, dialect.bar, "past the last bar")
            if count == len(self._chords):
                builder.add(here, dialect.end, here)
        elif self._may_leave(bar, count):
            builder.add(here, dialect.bar, following)
        else:
            builder.forbid(here, dialect.bar)

    def _add_chord(self, here: str, bar: int, count: int, after: str, added: np.ndarray) -> None:
        """The next chord's notes, of which the first may come in a state."""
        builder, notes = self._builder, self._dialect.notes
        builder.forbid(here, notes)
        if not self._may_begin(bar, count):
            return
        chord = self._chords[count]
        states = [here, *(_within(bar, count, number) for number in range(1, len(chord))), after]
        for number, pitch in enumerate(chord):
            columns = added if number else np.setdiff1d(notes, self._dialect.columns("With"))
            if number:
                builder.transitions[builder.row[states[number]]] = FORBIDDEN
                self._pass_within(states[number])
            builder.add(states[number], columns[self._dialect.pitch[columns] == pitch], states[number + 1])

    def _pass_within(self, here: str) -> None:
        raise NotImplementedError


def _within(bar: int, count: int, number: int) -> str:
    return f"bar {bar}, chord {count + 1}, {number} of its notes"


class _ByPosition(_Sequence):
    """A chord is what begins at one position; behind it, another position must come before the next."""

    def __init__(self, dialect: Dialect, program: int, chords: Sequence[Chord], pace: Pace):
        self._own = np.array([dialect.programs[program]])
        self._others = np.setdiff1d(np.array(list(dialect.programs.values())), self._own)
        super().__init__(dialect, program, chords, pace)

    def _states(self) -> list[str]:
        return [*(state for place in self._places() for state in self._named(*place)), *self._inner()]

    def _named(self, bar: int, count: int) -> list[str]:
        return [_place(bar, count, what, who) for what in _WHATS for who in _WHO]

    def build(self) -> Automaton:
        """The automaton."""
        builder, dialect = self._builder, self._dialect
        positions = np.array(list(dialect.positions.values()))
        for bar, count in self._places():
            for what in _WHATS:
                for who in _WHO:
                    here = _place(bar, count, what, who)
                    self._add_edges(here, bar, count, _place(bar + 1, count, _OPEN, who))
                    builder.add(here, positions, _place(bar, count, _OPEN, who))
                    builder.add(here, self._own, _place(bar, count, what, _OWN))
                    builder.add(here, self._others, _place(bar, count, what, _OTHER))
                if what == _BEGUN:
                    builder.forbid(_place(bar, count, what, _OWN), dialect.notes)
                else:
                    after = _place(bar, count + 1, _BEGUN, _OWN)
                    self._add_chord(_place(bar, count, what, _OWN), bar, count, after, dialect.notes)
        return self._build()

    def _pass_within(self, here: str) -> None:
        self._builder.add(here, self._dialect.columns("Velocity", "Duration"), here)


_OPEN, _BEGUN = "a chord may begin", "a chord has begun here"
_WHATS = (_OPEN, _BEGUN)
_OWN, _OTHER = "it plays", "another plays"
_WHO = (_OWN, _OTHER)


def _place(bar: int, count: int, what: str, who: str) -> str:
    return f"bar {bar}, {count} chords, {what}, {who}"


class _ByStep(_Sequence):
    """A voice of one chord at a time; in note-level ABC it has a turn in each bar, in track text a line."""

    def __init__(self, dialect: Dialect, program: int, number: int, chords: Sequence[Chord], pace: Pace):
        self._number = number
        self._in_a_line = dialect.kind == "track_text"
        super().__init__(dialect, program, chords, pace)

    def _states(self) -> list[str]:
        named = [state for place in self._places() for state in self._named(*place)]
        return [*self._before(), *named, *self._inner(), "behind its line"]

    def _named(self, bar: int, count: int) -> list[str]:
        whats = (_PLAYS,) if self._in_a_line else (_WAITS, _DONE, _PLAYS)
        return [_state(bar, count, what) for what in whats if bar or what != _PLAYS]

    def _before(self) -> list[str]:
        if self._in_a_line:
            return ["before its line", "its line begins"]
        return [_unknown(bar, known) for bar in self._counts for known in range(self._number)]

    def build(self) -> Automaton:
        """The automaton."""
        if self._in_a_line:
            self._builder.add("before its line", np.array([self._dialect.voices[self._number]]), "its line begins")
            self._builder.add("its line begins", self._dialect.bar, _state(1, 0, _PLAYS))
        else:
            self._add_turns()
        for bar, count in self._places():
            if bar:
                self._add_playing(bar, count)
        return self._build()

    def _add_playing(self, bar: int, count: int) -> None:
        here, dialect, builder = _state(bar, count, _PLAYS), self._dialect, self._builder
        self._add_chord(here, bar, count, _state(bar, count + 1, _PLAYS), dialect.columns("With"))
        following = _PLAYS if self._in_a_line else _WAITS
        self._add_edges(here, bar, count, _state(bar + 1, count, following))
        if not self._in_a_line:
            builder.add(here, dialect.columns("New", "Voice"), _state(bar, count, _DONE))
        elif bar == self._pace.bars and count == len(self._chords):
            builder.add(here, dialect.columns("Track"), "behind its line")
        else:
            builder.forbid(here, dialect.columns("Track"))

    def _add_turns(self) -> None:
        builder, dialect = self._builder, self._dialect
        new, own = dialect.columns("New"), np.array([dialect.voices[self._number]])
        for bar in self._counts:
            for known in range(self._number):
                here = _unknown(bar, known)
                last = known + 1 == self._number
                self._add_edges(here, bar, 0, _unknown(bar + 1, known))
                if bar and (not last or 0 in self._counts[bar]):
                    builder.add(here, new, _state(bar, 0, _PLAYS) if last else _unknown(bar, known + 1))
                else:
                    builder.forbid(here, new)
        for bar, count in self._places():
            for what in (_WAITS, _DONE):
                here = _state(bar, count, what)
                self._add_edges(here, bar, count, _state(bar + 1, count, _WAITS))
            if bar:
                builder.add(_state(bar, count, _WAITS), own, _state(bar, count, _PLAYS))

    def _pass_within(self, here: str) -> None:
        """Nothing passes between the notes of a chord."""


_WAITS, _PLAYS, _DONE = "it waits", "it plays", "it has played"


def _state(bar: int, count: int, what: str) -> str:
    return f"bar {bar}, {count} chords, {what}"


def _unknown(bar: int, known: int) -> str:
    return f"bar {bar}, {known} voices before it"
