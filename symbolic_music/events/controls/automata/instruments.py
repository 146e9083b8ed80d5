"""Who plays: exactly some instruments, or some at the least; and whose the next notes are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from symbolic_music.events.controls.asked import EVERY, ControlError, Controls
from symbolic_music.events.controls.automata.fields import only
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import Automaton, AutomatonBuilder
from symbolic_music.score.programs import DRUMS, program_name

# So many instruments are watched by one automaton, which has a state for each set of them.
_TOGETHER = 6


def instrument_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automata of the instruments that are asked for.

    In note-level ABC and in track text they come in the order in which they are asked for, in front of others.

    Raises:
        ControlError: for more than there may be, or one twice where a representation has each once.
    """
    exactly = asked.instruments is not None
    programs = asked.instruments if asked.instruments is not None else asked.with_instruments
    if programs is None:
        return []
    if not programs:
        raise ControlError("no instrument is asked for; expected at least one")
    unknown = [program for program in programs if program not in dialect.programs]
    if unknown:
        raise ControlError(f"program {unknown[0]} is no instrument; expected 0 to 127, or -1 for drums")
    if dialect.kind == "remi":
        return _in_stream(dialect, programs, exactly)
    if len(programs) > (dialect.max_voices or 0):
        raise ControlError(f"{len(programs)} instruments are asked for; this model has at most {dialect.max_voices}")
    return [_in_order(dialect, programs, exactly)]


def _in_stream(dialect: Dialect, programs: Sequence[int], exactly: bool) -> list[Automaton]:
    """For REMI, where an instrument may come anywhere, and each is one track."""
    for first, second in pairwise(sorted(programs)):
        if first == second:
            raise ControlError(f"{program_name(first)} is asked for twice; this model writes each instrument as one")
    automata = []
    if exactly:
        kept = [dialect.programs[program] for program in programs]
        automata.append(only(dialect, "asked instruments", dialect.programs.values(), kept))
    for begin in range(0, len(programs), _TOGETHER):
        automata.append(_all_heard(dialect, programs[begin : begin + _TOGETHER]))
    return automata


def _all_heard(dialect: Dialect, programs: Sequence[int]) -> Automaton:
    """No end before each of some instruments has played."""
    names = [program_name(program) for program in programs]

    def state(heard: int) -> str:
        missing = [name for number, name in enumerate(names) if not heard >> number & 1]
        return f"not yet heard: {', '.join(missing)}" if missing else "all heard"

    builder = AutomatonBuilder("instruments", dialect.events, [state(heard) for heard in range(2 ** len(programs))])
    builder.stay_on(dialect.events)
    for heard in range(2 ** len(programs)):
        for number, program in enumerate(programs):
            builder.transitions[heard, dialect.programs[program]] = heard | 1 << number
        if heard != 2 ** len(programs) - 1:
            builder.forbid(state(heard), dialect.end)
    return builder.build()


def _in_order(dialect: Dialect, programs: Sequence[int], exactly: bool) -> Automaton:
    """Where instruments are announced: the first are those asked for, and there are more only where there may be."""
    name = "{} of {} asked instruments".format
    states = [name(number, len(programs)) for number in range(len(programs) + 1)]
    builder = AutomatonBuilder("instruments", dialect.events, [*states, "behind the header"])
    builder.stay_on(dialect.events)
    every = dialect.columns("New" if dialect.kind == "abc_notes" else "Instrument")
    closing = dialect.end if dialect.kind == "abc_notes" else dialect.columns("Tracks")
    for number, (before, after) in enumerate(pairwise(states)):
        builder.forbid(before, every)
        builder.transitions[number, dialect.programs[programs[number]]] = number + 1
        builder.forbid(before, closing)
        assert builder.row[after] == number + 1
    if exactly:
        builder.forbid(states[-1], every)
    if dialect.kind == "track_text":
        builder.add(states[-1], closing, "behind the header")
    return builder.build()


def add_turns(
    builder: AutomatonBuilder, dialect: Dialect, asked: Controls, here: str, of_drums: str, pitched: str
) -> None:
    """Lead the events by which a voice begins its bar, in note-level ABC, to what drums and others begin there."""
    if dialect.kind != "abc_notes":
        return
    builder.add(here, dialect.drums, of_drums)
    builder.add(here, dialect.pitched, pitched)
    programs = asked.instruments or [EVERY] * (dialect.max_voices or 1)
    for number, program in enumerate(programs, start=1):
        builder.add(here, np.array([dialect.voices[number]]), of_drums if program == DRUMS else pitched)


@dataclass(frozen=True)
class Players:
    """Whose the next notes are.

    Attributes:
        automaton: forbids nothing.
        groups: by state, the program, or `EVERY` for any that is not told apart; None where nobody's notes may follow.
    """

    automaton: Automaton
    groups: tuple[int | None, ...]


def group_name(program: int) -> str:
    """Of a program, or of every other one, for messages."""
    return "any other instrument" if program == EVERY else program_name(program)


def players_automata(dialect: Dialect, name: str, asked: Controls, programs: Sequence[int]) -> list[Players]:
    """Automata that know whose the next notes are; where any instrument may take any voice, one for each voice.

    Args:
        dialect: of the events.
        name: of the automata, for messages.
        asked: says who plays, where it does.
        programs: those to be told apart; `EVERY` among them, which is every other.
    """
    if dialect.kind != "abc_notes":
        return [_by_last_program(dialect, name, programs, ())]
    if asked.instruments is not None:
        return [_by_last_program(dialect, name, programs, asked.instruments)]
    if set(programs) <= {DRUMS, EVERY}:
        return [_by_last_program(dialect, name, programs, [EVERY] * (dialect.max_voices or 1))]
    return [_of_one_voice(dialect, name, number, programs) for number in range(1, (dialect.max_voices or 1) + 1)]


def _by_last_program(dialect: Dialect, name: str, programs: Sequence[int], voices: Sequence[int]) -> Players:
    """Where events name the instrument of all notes behind them, or a voice whose program is known."""
    builder = AutomatonBuilder(name, dialect.events, ["nobody plays yet", *map(group_name, programs)])
    builder.stay_on(dialect.events)
    for state in builder.row:
        for program, column in dialect.programs.items():
            builder.add(state, np.array([column]), group_name(program if program in programs else EVERY))
        for number, program in enumerate(voices, start=1):
            group = group_name(program if program in programs else EVERY)
            builder.add(state, np.array([dialect.voices[number]]), group)
    return Players(builder.build(), (None, *programs))


def _of_one_voice(dialect: Dialect, name: str, number: int, programs: Sequence[int]) -> Players:
    before, turn, rest = "{} voices before it".format, "{} plays".format, "{} waits".format
    groups = [group_name(program) for program in programs]
    states = [*map(before, range(number)), *map(turn, groups), *map(rest, groups)]
    builder = AutomatonBuilder(f"{name} of voice {number}", dialect.events, states)
    builder.stay_on(dialect.events)
    every, own = dialect.columns("New"), np.array([dialect.voices[number]])
    others = np.setdiff1d(dialect.columns("Voice"), own)
    for known in range(number - 1):
        builder.add(before(known), every, before(known + 1))
    for program, column in dialect.programs.items():
        group = group_name(program if program in programs else EVERY)
        builder.add(before(number - 1), np.array([column]), turn(group))
    for group in groups:
        for columns in (others, every, dialect.bar):
            builder.add(turn(group), columns, rest(group))
        builder.add(rest(group), own, turn(group))
    waiting: list[None] = [None] * number
    return Players(builder.build(), (*waiting, *programs, *[None] * len(programs)))
