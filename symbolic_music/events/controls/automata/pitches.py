"""Which pitches may sound at all: those of a key, and those that an instrument has."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from symbolic_music.events.controls.asked import EVERY, ControlError, Controls, Key
from symbolic_music.events.controls.automata.fields import only
from symbolic_music.events.controls.automata.instruments import group_name, players_automata
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import FORBIDDEN, Automaton, AutomatonBuilder
from symbolic_music.score.programs import DRUMS, program_name


def pitch_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automata of key and ranges.

    Raises:
        ControlError: for a range that holds no pitch of the vocabulary.
    """
    automata = drumless_automata(dialect, asked)
    if asked.key is not None:
        automata += by_instrument(dialect, "key", asked, _allowed_by_key(dialect, asked.key))
    if asked.ranges:
        automata += by_instrument(dialect, "range", asked, _allowed_by_program(dialect, asked))
    return automata


def fill_automata(dialect: Dialect, asked: Controls, programs: Sequence[int]) -> list[Automaton]:
    """The same of what fills masked bars, where each mask is that of one instrument.

    A rest may stand wherever a note may, so nothing that they forbid is missed.

    Args:
        dialect: of track text with masks.
        asked: key and ranges.
        programs: who plays behind each mask.

    Raises:
        ControlError: where anything else is asked for.
    """
    others = [name for name in asked.asked if name not in ("key", "ranges")]
    if others:
        raise ControlError(
            f"bars that are filled in can be asked for key and range alone, not for {', '.join(others)}"
        )
    tables: list[tuple[str, Mapping[int, np.ndarray | None]]] = []
    if asked.key is not None:
        tables.append(("key", _allowed_by_key(dialect, asked.key)))
    if asked.ranges:
        tables.append(("range", _allowed_by_program(dialect, asked)))
    return [_by_mask(dialect, name, programs, allowed) for name, allowed in tables]


def _by_mask(
    dialect: Dialect, name: str, programs: Sequence[int], allowed: Mapping[int, np.ndarray | None]
) -> Automaton:
    builder = AutomatonBuilder(name, dialect.events, ["nobody plays yet", *map(group_name, allowed)])
    builder.stay_on(dialect.events)
    for state in builder.row:
        for number, program in enumerate(programs, start=1):
            builder.add(state, [f"Mask_{number}"], group_name(program if program in allowed else EVERY))
    for program, kept in allowed.items():
        if kept is not None:
            builder.forbid(group_name(program), np.flatnonzero((dialect.pitch >= 0) & ~kept))
    return builder.build()


def _allowed_by_key(dialect: Dialect, key: str) -> dict[int, np.ndarray | None]:
    scale = sorted(Key.parse(key).scale)
    return {DRUMS: None, EVERY: (dialect.pitch >= 0) & np.isin(dialect.pitch % 12, scale)}


def drumless_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """In note-level ABC, a voice is told to be drums where it enters and never again; who asks for no drums by name
    and for pitches has none."""
    has_pitches = asked.key is not None or asked.chords is not None or asked.ending
    if dialect.kind != "abc_notes" or not has_pitches or asked.instruments is not None:
        return []
    kept = [column for program, column in dialect.programs.items() if program != DRUMS]
    return [only(dialect, "no drums", dialect.programs.values(), kept)]


def _allowed_by_program(dialect: Dialect, asked: Controls) -> dict[int, np.ndarray | None]:
    present = dialect.pitch[dialect.notes]
    allowed: dict[int, np.ndarray | None] = {}
    for program, (low, high) in asked.range_of.items():
        name = "all" if program == EVERY else program_name(program)
        if low > high:
            raise ControlError(f"the range of {name} is {low}-{high}; expected the lower pitch first")
        if high < present.min() or low > present.max():
            raise ControlError(
                f"the range of {name} is {low}-{high}; this model has pitches {present.min()} to {present.max()}"
            )
        allowed[program] = (dialect.pitch >= low) & (dialect.pitch <= high)
    return {DRUMS: None, EVERY: None} | allowed


def by_instrument(
    dialect: Dialect, name: str, asked: Controls, allowed: Mapping[int, np.ndarray | None]
) -> list[Automaton]:
    """Automata that allow notes by who plays them.

    Args:
        dialect: of the events.
        name: of the automata, for messages.
        asked: says who plays, where it does.
        allowed: by program, which events may begin its notes, (events,) bool, or None for all; `EVERY` is every other.
    """
    automata = []
    for players in players_automata(dialect, name, asked, list(allowed)):
        transitions = players.automaton.transitions.copy()
        for row, program in enumerate(players.groups):
            kept = None if program is None else allowed[program]
            if kept is not None:
                transitions[row, (dialect.pitch >= 0) & ~kept] = FORBIDDEN
        automata.append(replace(players.automaton, transitions=transitions))
    return automata
