"""Nothing is held over a bar line, nor into a chord that comes in later in a bar: only what begins there sounds there.

So what is asked of the notes that begin at a chord's first beat is asked of all that sound there. Drums are let be.
"""

from collections.abc import Sequence

import numpy as np

from symbolic_music.events.controls.asked import Controls
from symbolic_music.events.controls.automata.instruments import add_turns
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import FORBIDDEN, Automaton, AutomatonBuilder

_KINDS = ("drums", "pitched")


def held_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automaton of what is held, where the bass is asked for; meter and chords must be asked for as well."""
    if not asked.bass_on_root:
        return []
    assert asked.meter is not None
    assert asked.chords is not None
    length = dialect.bar_length(asked.meter)
    edges = _shortest_period([tuple(range(0, length, length // len(bar))) for bar in asked.chords])
    if dialect.kind == "remi":
        return [_by_position(dialect, edges, length)]
    return [_by_step(dialect, asked, edges)]


def _shortest_period(bars: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The shortest beginning of a list that gives the list again when it goes round."""
    periods = (period for period in range(1, len(bars) + 1) if not len(bars) % period)
    return bars[: next(period for period in periods if bars[:period] * (len(bars) // period) == bars)]


def _by_position(dialect: Dialect, bars: Sequence[tuple[int, ...]], length: int) -> Automaton:
    """For REMI, where a duration stands behind its note: the state is the position, and what was held of the note."""
    place, start = "{}: bar {}, position {}, {} held".format, "{}: before the first bar".format
    lengths = dialect.lengths
    columns = np.array(list(lengths), dtype=np.int64)
    positions = np.array(list(lengths.values()), dtype=np.int64)
    longest = int(positions.max())
    helds = range(0, length + 1, longest)
    states = [start(kind) for kind in _KINDS]
    states += [
        place(kind, bar, position, held)
        for kind in _KINDS
        for bar in range(len(bars))
        for position in range(length)
        for held in helds
        if not held or position + held <= length
    ]
    builder = AutomatonBuilder("held notes", dialect.events, states)
    builder.stay_on(dialect.events)
    at = {position: column for position, column in dialect.positions.items() if position < length}
    for kind in _KINDS:
        builder.add(start(kind), dialect.bar, place(kind, 0, 0, 0))
        builder.add(start(kind), dialect.drums, start("drums"))
        builder.add(start(kind), dialect.pitched, start("pitched"))
        for bar, edges in enumerate(bars):
            rows = [builder.row[place(kind, bar, position, 0)] for position in range(length)]
            for position in range(length):
                limit = next((edge for edge in edges if edge > position), length) - position
                for held in helds:
                    here = place(kind, bar, position, held)
                    if here not in builder.row:
                        continue
                    row = builder.row[here]
                    builder.transitions[row, list(at.values())] = [rows[number] for number in at]
                    builder.add(here, dialect.bar, place(kind, (bar + 1) % len(bars), 0, 0))
                    builder.add(here, dialect.drums, place("drums", bar, position, 0))
                    builder.add(here, dialect.pitched, place("pitched", bar, position, 0))
                    builder.transitions[row, dialect.notes] = rows[position]
                    if kind == "pitched":
                        builder.transitions[row, columns[held + positions > limit]] = FORBIDDEN
                        again = place(kind, bar, position, held + longest)
                        if held + longest <= limit and again in builder.row:
                            builder.add(here, columns[positions == longest], again)
    return builder.build()


def _by_step(dialect: Dialect, asked: Controls, bars: Sequence[tuple[int, ...]]) -> Automaton:
    """Where durations add up; behind the last chord of a bar steps are counted no further."""
    place, drums, start = "bar {}, step {}".format, "bar {}, drums".format, "before the first bar"
    states = [start, f"{start}, drums"]
    for bar, edges in enumerate(bars):
        states += [drums(bar), *(place(bar, step) for step in range(edges[-1] + 2))]
    builder = AutomatonBuilder("held notes", dialect.events, states)
    builder.stay_on(dialect.events)
    for bar, edges in enumerate(bars):
        following, most = (bar + 1) % len(bars), edges[-1] + 1
        rows = np.array([builder.row[place(bar, step)] for step in range(most + 1)], dtype=np.int16)
        for step in range(most + 1):
            here = place(bar, step)
            limit = next((edge for edge in edges if edge > step), None)
            for kind in ("Note", "Tie", "Rest"):
                columns = dialect.columns(kind)
                after = step + dialect.steps[columns]
                builder.transitions[rows[step], columns] = rows[np.minimum(after, most)]
                if kind != "Rest" and limit is not None:
                    builder.transitions[rows[step], columns[after > limit]] = FORBIDDEN
            if step in edges:
                builder.forbid(here, dialect.columns("Tie"))
            add_turns(builder, dialect, asked, here, drums(bar), place(bar, 0))
            builder.add(here, dialect.bar, place(following, 0))
        add_turns(builder, dialect, asked, drums(bar), drums(bar), place(bar, 0))
        in_a_line = dialect.kind == "track_text"
        builder.add(drums(bar), dialect.bar, drums(following) if in_a_line else place(following, 0))
        for here in (drums(bar), *(place(bar, step) for step in range(most + 1))) if in_a_line else ():
            builder.add(here, dialect.columns("Track"), start)
    builder.add(start, dialect.bar, place(0, 0))
    builder.add(f"{start}, drums", dialect.bar, drums(0))
    for here in (start, f"{start}, drums") if dialect.kind == "track_text" else ():
        builder.add(here, dialect.drums, f"{start}, drums")
        builder.add(here, dialect.pitched, start)
    return builder.build()
