"""Meter, tempo and key signature: of the events that say one, those that were not asked for never come."""

from collections.abc import Collection, Iterable

from symbolic_music.events.controls.asked import ControlError, Controls, Key
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import Automaton, AutomatonBuilder


def field_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automata of the fields that are asked for.

    Raises:
        ControlError: for a value that the vocabulary lacks.
    """
    automata = []
    if asked.meter is not None:
        if asked.meter not in dialect.meters:
            raise ControlError(f"the meter is {asked.meter}; expected one of {', '.join(dialect.meters)}")
        automata.append(only(dialect, "asked meter", dialect.meters.values(), [dialect.meters[asked.meter]]))
    if asked.tempo is not None:
        kept = [dialect.tempos[tempo] for tempo in tempos_within(dialect, asked)]
        automata.append(only(dialect, "asked tempo", dialect.tempos.values(), kept))
    if asked.key is not None and dialect.keys:
        name = str(Key.parse(asked.key))
        automata.append(only(dialect, "asked key signature", dialect.keys.values(), [dialect.keys[name]]))
    return automata


def tempos_within(dialect: Dialect, asked: Controls) -> list[float]:
    """The tempos of the vocabulary that are asked for: those of a range, or the nearest to one.

    Raises:
        ControlError: when there are none.
    """
    assert asked.tempo_range is not None
    low, high = asked.tempo_range
    tempos = sorted(dialect.tempos)
    if low > high:
        raise ControlError(f"the tempo is {low:g}-{high:g}; expected the slower one first")
    if high < tempos[0] or low > tempos[-1]:
        raise ControlError(f"the tempo is {_range_text(low, high)}; this model has {tempos[0]:g} to {tempos[-1]:g}")
    if low == high:
        return [min(tempos, key=lambda tempo: (abs(tempo - low), tempo))]
    within = [tempo for tempo in tempos if low <= tempo <= high]
    if not within:
        near = min(tempos, key=lambda tempo: abs(tempo - (low + high) / 2))
        raise ControlError(f"the tempo is {low:g}-{high:g}; this model has none within, the nearest is {near:g}")
    return within


def _range_text(low: float, high: float) -> str:
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"


def only(dialect: Dialect, name: str, among: Iterable[int], kept: Collection[int]) -> Automaton:
    """An automaton that forbids some events among others."""
    builder = AutomatonBuilder(name, dialect.events, ["other values are not asked for"])
    builder.stay_on(dialect.events)
    builder.transitions[0, sorted(set(among) - set(kept))] = -1
    return builder.build()
