"""How often a bar may be repeated in a row.

A bar is repeated when the next one begins the same pitches at the same places in every track. An automaton cannot keep
a bar in mind, but a residue of it: that of a polynomial over its pitches, one after the other, as Karp & Rabin tell
texts apart ("Efficient randomized pattern-matching algorithms", 1987). Bars with different residues are different; of
bars that differ one in thirteen is taken for a repetition, and does not come where a repetition may not.

Where lines stand one below the other, the first line's bars are looked at: where they differ, whole bars do.
"""

import numpy as np

from symbolic_music.events.controls.asked import ControlError, Controls
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import Automaton, AutomatonBuilder

# A prime, of which 2 is a primitive root: a note in another place counts for something else.
_RESIDUES, _BASE = 13, 2
REPEATED_BARS = "repeated bars"
"""Name of the automaton."""
MOST_REPEATS = 31
"""More can't be asked for: each takes states of its own."""


def repeat_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automaton of repeated bars.

    Raises:
        ControlError: for a number that cannot be.
    """
    if asked.max_repeats is None:
        return []
    if not 0 <= asked.max_repeats <= MOST_REPEATS:
        raise ControlError(f"at most {asked.max_repeats} repeats are asked for; expected 0 to {MOST_REPEATS}")
    if asked.bars is not None and asked.bars - 1 <= asked.max_repeats:
        return []
    return [_automaton(dialect, asked.max_repeats)]


def _automaton(dialect: Dialect, most: int) -> Automaton:
    start, others = "before the first bar", "another line"
    first, later = "first bar, residue {}".format, "residue {} behind one of {}, {} repeats".format
    residues = range(_RESIDUES)
    states = [start, others, *map(first, residues)]
    states += [later(own, last, count) for count in range(most + 1) for last in residues for own in residues]
    builder = AutomatonBuilder(REPEATED_BARS, dialect.events, states)
    builder.stay_on(dialect.events)
    builder.add(start, dialect.bar, first(0))
    of_note = 1 + dialect.pitch[dialect.notes] % _RESIDUES
    after = {own: (_BASE * own + of_note) % _RESIDUES for own in residues}
    endings = np.concatenate([dialect.end, dialect.columns("Track")])
    for own in residues:
        builder.transitions[builder.row[first(own)], dialect.notes] = builder.row[first(0)] + after[own]
        builder.add(first(own), dialect.bar, later(0, own, 0))
        for last in residues:
            for count in range(most + 1):
                here = later(own, last, count)
                builder.transitions[builder.row[here], dialect.notes] = builder.row[later(0, last, count)] + after[own]
                repeats = count + 1 if own == last else 0
                if repeats <= most:
                    builder.add(here, dialect.bar, later(0, own, repeats))
                else:
                    builder.forbid(here, np.concatenate([dialect.bar, endings]))
    if dialect.kind == "track_text":
        leaving = builder.transitions[:, dialect.columns("Track")] >= 0
        builder.transitions[:, dialect.columns("Track")] = np.where(leaving, builder.row[others], -1)
        builder.add(start, np.array([dialect.voices[1]]), start)
        builder.add(others, dialect.bar, others)
    return builder.build()
