"""Notes or a rhythm that a file gives, where durations add up: one automaton for each voice of the file.

A voice is followed through its bars, step by step where nothing is given, and chord by chord where something is. In
note-level ABC a voice has its turn in each bar in which it sounds; in track text it is a line of its own. Which voice
or line of the piece it is, is known: given voices are announced where instruments are asked for.
"""

from collections.abc import Sequence

import numpy as np

from symbolic_music.events.controls.automata.given.meters import given_meters
from symbolic_music.events.controls.automata.given.voices import GivenVoice, Span, given_voices
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import FORBIDDEN, Automaton, AutomatonBuilder
from symbolic_music.score.programs import program_name


def kept_by_step(dialect: Dialect, events: Sequence[str], numbers: Sequence[int]) -> list[Automaton]:
    """Automata of notes that stay: others may be added around them, and to their chords above the lowest.

    What a model adds to a chord it says behind its lowest note; one that it would rather begin here instead, below,
    says little of whether it would have added that to what is given.

    Args:
        dialect: of the events.
        events: what is given.
        numbers: of the piece's voices, from 1, that the given ones are.
    """
    return _automata(dialect, "kept notes", events, numbers, exactly=False)


def rhythm_by_step(dialect: Dialect, events: Sequence[str], numbers: Sequence[int]) -> list[Automaton]:
    """Automata of a rhythm: each voice has chords of as many notes where the file has, as long as there."""
    return _automata(dialect, "rhythm", events, numbers, exactly=True)


def _automata(
    dialect: Dialect, name: str, events: Sequence[str], numbers: Sequence[int], exactly: bool
) -> list[Automaton]:
    lengths = [dialect.bar_length(meter) for meter in given_meters(events)]
    voices = given_voices(dialect, events)
    return [
        _Following(dialect, f"{name} of {program_name(voice.program)}", number, voice, lengths, exactly).build()
        for number, voice in zip(numbers, voices, strict=True)
    ]


class _Following:
    """Builds the automaton of one voice.

    Args:
        dialect: of the events.
        name: of the automaton.
        number: of the voice in the piece, from 1.
        voice: what is given.
        lengths: steps of each bar; bars behind them are like the last.
        exactly: whether it plays nothing else, at any pitch; else it plays these pitches, and others as it likes.
    """

    def __init__(
        self, dialect: Dialect, name: str, number: int, voice: GivenVoice, lengths: Sequence[int], exactly: bool
    ):
        self._dialect, self._number, self._voice, self._exactly = dialect, number, voice, exactly
        self._last = voice.last_bar
        # One bar more: what is held to the end of the last one must not be held on there.
        self._bars = range(1, max(self._last + 1, len(lengths) if exactly else 0) + 1)
        self._lengths = {bar: lengths[min(bar, len(lengths)) - 1] for bar in self._bars}
        self._spans = {bar: voice.bars.get(bar, []) for bar in self._bars}
        self._in_a_line = dialect.kind == "track_text"
        self._kinds = {kind: dialect.columns(kind) for kind in ("Note", "With", "Rest", "Tie")}
        self._music = np.concatenate(list(self._kinds.values()))
        self._own = np.array([dialect.voices[number]])
        self._turns = dialect.columns("Track") if self._in_a_line else dialect.columns("New", "Voice")
        self._builder = AutomatonBuilder(name, dialect.events, self._states())
        self._builder.stay_on(dialect.events)

    def _states(self) -> list[str]:
        states = [_waits(0, known) for known in range(1 if self._in_a_line else self._number)]
        for bar in self._bars:
            if not self._in_a_line:
                states += [*(_waits(bar, known) for known in range(self._number)), _silent(bar), _done(bar)]
            states += [_step(bar, step) for step in range(self._lengths[bar] + 1) if self._is_free(bar, step)]
            for place, span in enumerate(self._spans[bar]):
                notes = range(1, len(span.pitches))
                states += [_due(bar, place), *(_chord(bar, place, number) for number in notes)]
                states += [_held(bar, place, part) for part in range(1, len(span.lengths))]
        return [*states, _OPENED, _REST] if self._in_a_line else [*states, _REST]

    def _is_free(self, bar: int, step: int) -> bool:
        return not any(span.begin <= step < span.end for span in self._spans[bar])

    def _at(self, bar: int, step: int) -> str:
        """The state at a step to which the voice has come."""
        begun = [place for place, span in enumerate(self._spans[bar]) if span.begin == step]
        return _due(bar, begun[0]) if begun else _step(bar, step)

    def build(self) -> Automaton:
        """The automaton."""
        if self._in_a_line:
            self._add_line()
        else:
            self._add_turns()
        for bar in self._bars:
            for step in range(self._lengths[bar]):
                if self._is_free(bar, step):
                    self._add_free(bar, step)
            for place, span in enumerate(self._spans[bar]):
                self._add_span(bar, place, span)
            self._add_full(bar)
        return self._builder.build()

    def _add_line(self) -> None:
        builder, before = self._builder, _waits(0, 0)
        builder.add(before, self._own, _OPENED)
        builder.add(_OPENED, self._dialect.bar, self._at(1, 0))

    def _add_turns(self) -> None:
        """For note-level ABC: when its turn comes, and what must not pass before."""
        for bar in (0, *self._bars):
            self._add_unknown(bar)
        for bar in self._bars:
            self._add_outside_its_turn(bar)
        if self._exactly:
            self._builder.forbid(_REST, self._own)

    def _add_unknown(self, bar: int) -> None:
        """Before it is known, as voices are numbered when they first play."""
        builder, dialect = self._builder, self._dialect
        new = dialect.columns("New")
        for known in range(self._number):
            here = _waits(bar, known)
            builder.forbid(here, dialect.end)
            if self._sounds(bar) or bar == self._bars[-1]:
                builder.forbid(here, dialect.bar)
            else:
                builder.add(here, dialect.bar, _waits(bar + 1, known))
            if known + 1 < self._number:
                builder.add(here, new, _waits(bar, known + 1))
            elif self._may_play(bar):
                builder.add(here, new, self._at(bar, 0))
            else:
                builder.forbid(here, new)

    def _add_outside_its_turn(self, bar: int) -> None:
        """Before its turn in a bar and after."""
        builder, dialect = self._builder, self._dialect
        here, done, following = _silent(bar), _done(bar), _silent(bar + 1) if bar < self._bars[-1] else _REST
        builder.add(here, dialect.bar, following)
        builder.add(done, dialect.bar, following)
        if self._may_play(bar):
            builder.add(here, self._own, self._at(bar, 0))
        else:
            builder.forbid(here, self._own)
        if self._sounds(bar):
            later = [column for number, column in dialect.voices.items() if number > self._number]
            passed = np.array(later, dtype=np.int64)
            builder.forbid(here, np.concatenate([dialect.bar, dialect.end, dialect.columns("New"), passed]))
        for state in (here, done) if bar < self._last else ():
            builder.forbid(state, dialect.end)

    def _sounds(self, bar: int) -> bool:
        """Whether something is given in a bar; 0 is before the first."""
        return bool(bar and self._spans[bar])

    def _may_play(self, bar: int) -> bool:
        return self._sounds(bar) or bool(bar and not self._exactly)

    def _add_free(self, bar: int, step: int) -> None:
        """Where nothing is given, up to where something is."""
        here, builder, steps = _step(bar, step), self._builder, self._dialect.steps
        until = min((span.begin for span in self._spans[bar] if span.begin > step), default=self._lengths[bar])
        self._only(here, () if self._exactly else ("With",))
        for kind in ("Rest",) if self._exactly else ("Rest", "Note", "Tie"):
            columns = self._kinds[kind]
            if kind == "Tie" and self._is_behind_a_span(bar, step):
                continue
            for length in np.unique(steps[columns]).tolist():
                if step + length <= until:
                    builder.add(here, columns[steps[columns] == length], self._at(bar, step + length))

    def _is_behind_a_span(self, bar: int, step: int) -> bool:
        """Whether a tie would make something longer that is given."""
        if step:
            return any(span.end == step for span in self._spans[bar])
        return bar > 1 and any(span.end == self._lengths[bar - 1] for span in self._spans[bar - 1])

    def _add_span(self, bar: int, place: int, span: Span) -> None:
        builder, dialect = self._builder, self._dialect
        after = [_held(bar, place, part) for part in range(1, len(span.lengths))] + [self._at(bar, span.end)]
        states = [_due(bar, place), *after[:-1]]
        passing = () if self._exactly else ("With",)
        for here, length, following in zip(states, span.lengths, after, strict=True):
            self._only(here, passing)
            ties = self._kinds["Tie"]
            builder.add(here, ties[dialect.steps[ties] == length], following)
        if not span.pitches:
            return
        self._only(states[0], passing)
        notes, added = self._kinds["Note"], self._kinds["With"]
        notes = notes[dialect.steps[notes] == span.lengths[0]]
        chord = [_chord(bar, place, number) for number in range(1, len(span.pitches))]
        for here in chord:
            self._only(here, ())
        states, events = [states[0], *chord], [notes] + [added] * len(chord)
        for here, columns, due, following in zip(states, events, span.pitches, [*chord, after[0]], strict=True):
            pitches = dialect.pitch[columns]
            if self._exactly:
                builder.add(here, columns, following)
                continue
            builder.add(here, columns[pitches == due], following)
            if here != states[0]:
                builder.add(here, columns[pitches < due], here)

    def _add_full(self, bar: int) -> None:
        """At the end of a bar."""
        here, builder, dialect = _step(bar, self._lengths[bar]), self._builder, self._dialect
        self._builder.forbid(here, self._music)
        if not self._exactly:
            builder.add(here, self._kinds["With"], here)
        is_last = bar == self._bars[-1]
        if self._in_a_line:
            builder.add(here, dialect.bar, _REST if is_last else self._at(bar + 1, 0))
            builder.add(here, self._turns, _REST)
        else:
            builder.add(here, dialect.bar, _REST if is_last else _silent(bar + 1))
            builder.add(here, self._turns, _done(bar))
        if bar < self._last:
            builder.forbid(here, np.concatenate([dialect.end, self._turns] if self._in_a_line else [dialect.end]))

    def _only(self, here: str, kinds: Sequence[str]) -> None:
        """Forbid all events in a state but those of some types, which change nothing."""
        row = self._builder.row[here]
        self._builder.transitions[row] = FORBIDDEN
        for kind in kinds:
            self._builder.transitions[row, self._kinds[kind]] = row


_OPENED, _REST = "its line begins", "all has come"


def _waits(bar: int, known: int) -> str:
    return f"bar {bar}, {known} voices before it"


def _silent(bar: int) -> str:
    return f"bar {bar}, not yet its turn"


def _done(bar: int) -> str:
    return f"bar {bar}, its turn is over"


def _step(bar: int, step: int) -> str:
    return f"bar {bar}, step {step}"


def _due(bar: int, place: int) -> str:
    return f"bar {bar}, chord {place + 1} is due"


def _chord(bar: int, place: int, number: int) -> str:
    return f"bar {bar}, chord {place + 1}, {number} of its notes"


def _held(bar: int, place: int, part: int) -> str:
    return f"bar {bar}, chord {place + 1}, {part} of its lengths"
