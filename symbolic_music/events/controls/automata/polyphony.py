"""How many notes a track begins together: at each onset of each track, so many at the least and at the most.

In note-level ABC and in track text a track holds one chord at a time, so these are the notes that sound together. In
REMI what began before may sound on. Knows nothing of pitches.
"""

import numpy as np

from symbolic_music.events.controls.asked import EVERY, ControlError, Controls
from symbolic_music.events.controls.automata.instruments import Players, group_name, players_automata
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import FORBIDDEN, Automaton
from symbolic_music.score.programs import DRUMS

_NO_BOUNDS = (0, 0)
# No instrument is counted further.
_MOST = 64


def polyphony_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automata of polyphony.

    Raises:
        ControlError: for bounds that contradict each other.
    """
    if not asked.polyphony:
        return []
    bounds = {DRUMS: _NO_BOUNDS, EVERY: _NO_BOUNDS}
    for program, low, high in asked.polyphony:
        if not 1 <= low <= high:
            name = "all" if program == EVERY else group_name(program)
            raise ControlError(f"the polyphony of {name} is {low}-{high}; expected 1 or more, fewest first")
        bounds[program] = (min(low, _MOST), min(high, _MOST))
    automata = []
    for players in players_automata(dialect, "polyphony", asked, list(bounds)):
        by_state = [_NO_BOUNDS if group is None else bounds[group] for group in players.groups]
        automata.append(_counted(dialect, players, by_state))
    return automata


def _counted(dialect: Dialect, players: Players, bounds: list[tuple[int, int]]) -> Automaton:
    """Whose turn it is, and how many notes of theirs have begun together.

    Args:
        dialect: of the events.
        players: who plays.
        bounds: fewest and most notes by state; (0, 0) asks for nothing.
    """
    is_remi = dialect.kind == "remi"
    # A pitch of REMI and a `With` add a note; a `Note` begins a chord, whatever was before.
    adding = dialect.columns("Pitch" if is_remi else "With")
    beginning = dialect.columns("Note")
    passing = dialect.columns("Velocity", "Duration", "Tempo") if is_remi else np.zeros(0, dtype=np.int64)
    sizes = [high + 1 for _, high in bounds]
    firsts = np.cumsum([0, *sizes])
    transitions = np.empty((firsts[-1], len(dialect.events)), dtype=np.int16)
    states = []
    for row, (low, high) in enumerate(bounds):
        after = firsts[players.automaton.transitions[row]]
        for count in range(high + 1):
            here = firsts[row] + count
            states.append(f"{players.automaton.states[row]}, {count} notes together")
            transitions[here] = FORBIDDEN if 0 < count < low else after
            transitions[here, passing] = here
            if high:
                transitions[here, adding] = here + 1 if count < high else FORBIDDEN
                transitions[here, beginning] = FORBIDDEN if 0 < count < low else firsts[row] + 1
    return Automaton(players.automaton.name, transitions, int(firsts[players.automaton.initial]), tuple(states))
