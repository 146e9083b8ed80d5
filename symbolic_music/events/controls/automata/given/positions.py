"""Notes or a rhythm that a file gives, for REMI: one automaton for each instrument of the file.

Events come in one order: by bar, position, program and pitch. So what is given is waited for in that order, and
whatever would pass it by is forbidden. Behind a `Position` an instrument may have to be named or is still in force;
all that matters of another one is whether it comes before or behind the watched one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import FORBIDDEN, Automaton, AutomatonBuilder
from symbolic_music.score.programs import program_name

_BEFORE, _OWN, _BEHIND = "an instrument before it", "it", "an instrument behind it"
_WHO = (_BEFORE, _OWN, _BEHIND)


@dataclass(frozen=True)
class PlacedNote:
    """A note as REMI writes it.

    Attributes:
        bar: from 1.
        position: in it.
        pitch: as its event says.
        durations: its events, the last one shorter than the longest or the longest itself.
    """

    bar: int
    position: int
    pitch: int
    durations: tuple[str, ...]

    @property
    def place(self) -> tuple[int, int]:
        """Where it begins."""
        return self.bar, self.position


def placed_notes(events: Sequence[str]) -> dict[int, list[PlacedNote]]:
    """By program, the notes that events write, in their order."""
    found: dict[int, list[PlacedNote]] = {}
    bar = position = program = 0
    for event in events:
        kind, _, value = event.partition("_")
        if kind == "Bar":
            bar += 1
        elif kind == "Position":
            position = int(value)
        elif kind == "Program":
            program = int(value)
        elif kind == "Pitch":
            found.setdefault(program, []).append(PlacedNote(bar, position, int(value), ()))
        elif kind == "Duration":
            last = found[program][-1]
            found[program][-1] = PlacedNote(bar, position, last.pitch, (*last.durations, event))
    return dict(sorted(found.items()))


def kept_by_position(dialect: Dialect, events: Sequence[str]) -> list[Automaton]:
    """Automata of notes that stay: others may be added around them."""
    return [
        _Waiting(dialect, f"kept notes of {program_name(program)}", program, notes, exactly=False).build()
        for program, notes in placed_notes(events).items()
    ]


def rhythm_by_position(dialect: Dialect, events: Sequence[str]) -> list[Automaton]:
    """Automata of a rhythm: each instrument has as many notes of each onset and duration as the file.

    Of notes that begin together, the first to the last from below last as long as those of the file.
    """
    return [
        _Waiting(dialect, f"rhythm of {program_name(program)}", program, notes, exactly=True).build()
        for program, notes in placed_notes(events).items()
    ]


class _Waiting:
    """Builds the automaton of one instrument.

    Args:
        dialect: of REMI.
        name: of the automaton.
        program: of the instrument.
        notes: in the order of their events.
        exactly: whether it plays nothing else, at any pitch; else it plays these pitches, and others as it likes.
    """

    def __init__(self, dialect: Dialect, name: str, program: int, notes: Sequence[PlacedNote], exactly: bool):
        self._dialect, self._notes, self._exactly = dialect, notes, exactly
        self._positions = np.array(list(dialect.positions), dtype=np.int64)
        self._position_columns = np.array(list(dialect.positions.values()), dtype=np.int64)
        named = np.array(list(dialect.programs), dtype=np.int64)
        columns = np.array(list(dialect.programs.values()), dtype=np.int64)
        order = {_BEFORE: named < program, _OWN: named == program, _BEHIND: named > program}
        self._programs = {who: columns[chosen] for who, chosen in order.items()}
        self._durations = dialect.columns("Duration")
        # What stands behind the last duration of a note, and the state whose events may come there.
        self._ended: list[tuple[str, str]] = []
        self._builder = AutomatonBuilder(name, dialect.events, self._states())
        self._builder.stay_on(dialect.events)

    def _states(self) -> list[str]:
        states = [self._bar(bar, who) for bar in range(self._notes[-1].bar) for who in _WHO]
        for number, note in enumerate(self._notes):
            states += [self._due(number, who) for who in _WHO] if self._begins_onset(number) else []
            states += [self._at(number, who) for who in (_WHO if self._begins_onset(number) else (_OWN,))]
            states += [self._held(number, part) for part in range(len(note.durations) + 1)]
        return [*states, *map(self._rest, _WHO)]

    @staticmethod
    def _bar(bar: int, who: str) -> str:
        return f"nothing more is due in bar {bar}, {who} plays"

    def _due(self, number: int, who: str) -> str:
        return f"in bar {self._notes[number].bar} note {number + 1} is due later, {who} plays"

    @staticmethod
    def _at(number: int, who: str) -> str:
        return f"note {number + 1} is due here, {who} plays"

    @staticmethod
    def _held(number: int, part: int) -> str:
        return f"note {number + 1}, {part} durations"

    @staticmethod
    def _rest(who: str) -> str:
        return f"all have come, {who} plays"

    def _begins_onset(self, number: int) -> bool:
        return not number or self._notes[number - 1].place != self._notes[number].place

    def _behind(self, bar: int, number: int, who: str) -> str:
        """Where a bar has come to, with notes from a number on still to come."""
        if number == len(self._notes):
            return self._rest(who)
        return self._due(number, who) if self._notes[number].bar == bar else self._bar(bar, who)

    def build(self) -> Automaton:
        """The automaton."""
        following = 0
        for bar in range(self._notes[-1].bar):
            while following < len(self._notes) and self._notes[following].bar <= bar:
                following += 1
            for who in _WHO:
                here = self._bar(bar, who)
                self._free(here, partial(self._bar, bar), who)
                self._builder.forbid(here, self._dialect.end)
                self._builder.add(here, self._dialect.bar, self._behind(bar + 1, following, who))
        for number in range(len(self._notes)):
            if self._begins_onset(number):
                self._add_due(number)
            for who in _WHO if self._begins_onset(number) else (_OWN,):
                self._add_at(number, who)
            self._add_held(number)
        for who in _WHO:
            self._free(self._rest(who), self._rest, who)
        row = self._builder.row
        for here, after in self._ended:
            self._builder.transitions[row[here]] = self._builder.transitions[row[after]]
            self._builder.forbid(here, self._durations)
        return self._builder.build(self._way())

    def _way(self) -> dict[str, int]:
        """How many steps each state has before it: bars, and of each note its position, instrument, pitch, durations.

        Who plays counts where a note is due alone: what comes later must not call for its instrument now.
        """
        way, left, bar = {self._rest(who): 0 for who in _WHO}, 0, self._notes[-1].bar
        for number, note in reversed(list(enumerate(self._notes))):
            way |= {self._bar(earlier, who): left + bar - earlier for earlier in range(note.bar, bar) for who in _WHO}
            left, bar = left + bar - note.bar, note.bar
            way |= {self._held(number, part): left + len(note.durations) - part for part in range(len(note.durations))}
            way[self._held(number, len(note.durations))] = left
            left += len(note.durations) + 3
            way |= {self._due(number, who): left for who in _WHO}
            way |= {self._at(number, who): left - 1 for who in _WHO} | {self._at(number, _OWN): left - 2}
        way |= {self._bar(earlier, who): left + bar - earlier for earlier in range(bar) for who in _WHO}
        return way

    def _free(self, here: str, named: Callable[[str], str], who: str) -> None:
        """What may come where nothing is due: instruments take turns; the own one plays what it likes, or nothing."""
        for them, columns in self._programs.items():
            self._builder.add(here, columns, named(them))
        if who == _OWN and self._exactly:
            self._builder.forbid(here, self._dialect.notes)

    def _add_due(self, number: int) -> None:
        note = self._notes[number]
        for who in _WHO:
            here = self._due(number, who)
            self._free(here, partial(self._due, number), who)
            self._builder.forbid(here, np.concatenate([self._dialect.bar, self._dialect.end]))
            self._builder.forbid(here, self._position_columns[self._positions > note.position])
            self._builder.add(here, self._position_columns[self._positions == note.position], self._at(number, who))

    def _add_at(self, number: int, who: str) -> None:
        here, note, builder = self._at(number, who), self._notes[number], self._builder
        passing = [self._dialect.bar, self._dialect.end, self._position_columns, *self._programs.values()]
        builder.forbid(here, np.concatenate(passing))
        if self._begins_onset(number):
            builder.add(here, self._programs[_BEFORE], self._at(number, _BEFORE))
            builder.add(here, self._programs[_OWN], self._at(number, _OWN))
        pitches = self._dialect.notes
        if who == _BEHIND:
            builder.forbid(here, pitches)
        elif who == _OWN:
            said = self._dialect.pitch[pitches]
            due = pitches if self._exactly else pitches[said == note.pitch]
            builder.forbid(here, pitches if self._exactly else pitches[said > note.pitch])
            builder.add(here, due, self._held(number, 0))

    def _add_held(self, number: int) -> None:
        note, builder = self._notes[number], self._builder
        for part, duration in enumerate(note.durations):
            here = self._held(number, part)
            builder.transitions[builder.row[here]] = FORBIDDEN
            builder.add(here, self._dialect.columns("Velocity"), here)
            builder.add(here, [duration], self._held(number, part + 1))
        follows = number + 1 < len(self._notes) and not self._begins_onset(number + 1)
        after = self._at(number + 1, _OWN) if follows else self._behind(note.bar, number + 1, _OWN)
        self._ended.append((self._held(number, len(note.durations)), after))
