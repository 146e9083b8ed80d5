"""A progression of chords: what begins on a strong beat is a chord tone, and what passes between is free.

Strong beats are those of `metrics.harmony.beats`: the first of each bar, and the middle where a bar has four. Where a
chord comes in between, its first beat counts as strong too. A note that was begun before is held on as it likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symbolic_music.events.controls.asked import ControlError, Controls
from symbolic_music.events.controls.automata.instruments import add_turns
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import FORBIDDEN, Automaton, AutomatonBuilder
from symbolic_music.score.chords import NO_CHORD, chord_pitch_classes

_FREE = "any pitch"


@dataclass(frozen=True)
class _Plan:
    """Which chord holds where.

    Attributes:
        bars: by bar, the chord of each place that asks for one.
        tones: by chord, which events may begin a note, (events,) bool.
        last: the last place of a bar that asks for a chord.
    """

    bars: tuple[dict[int, str], ...]
    tones: dict[str, np.ndarray]
    last: int


def chord_places(dialect: Dialect, meter: str, chords: Sequence[str]) -> dict[int, str]:
    """In a bar, by position or step, the chord whose tones alone may begin there.

    Raises:
        ControlError: when the chords do not share the bar evenly.
    """
    length = dialect.bar_length(meter)
    if not chords or length % len(chords):
        raise ControlError(f"a bar of {meter} cannot be shared by {len(chords)} chords: {' '.join(chords)}")
    share = length // len(chords)
    places = sorted({*dialect.strong(meter), *range(0, length, share)})
    return {place: chords[place // share] for place in places if chords[place // share] != NO_CHORD}


def chord_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automaton of a progression; meter and number of bars must be asked for as well.

    Raises:
        ControlError: for a text that is no chord, or chords that do not share a bar.
    """
    if asked.chords is None:
        return []
    assert asked.meter is not None
    assert asked.bars is not None
    plan = _plan(dialect, asked.chords, asked.meter, asked.bars)
    if dialect.kind == "remi":
        return [_by_position(dialect, plan)]
    return [_by_step(dialect, plan, asked)]


def _plan(dialect: Dialect, progression: Sequence[Sequence[str]], meter: str, num_bars: int) -> _Plan:
    tones = {}
    for chord in sorted({chord for bar in progression for chord in bar} - {NO_CHORD}):
        try:
            classes = chord_pitch_classes(chord)
        except ValueError as error:
            raise ControlError(f"{chord!r} is no chord symbol") from error
        tones[chord] = (dialect.pitch >= 0) & np.isin(dialect.pitch % 12, classes)
    bars = [chord_places(dialect, meter, progression[bar % len(progression)]) for bar in range(num_bars)]
    return _Plan(tuple(bars), tones, max((place for bar in bars for place in bar), default=0))


def _by_position(dialect: Dialect, plan: _Plan) -> Automaton:
    """For REMI, whose events name positions and instruments."""
    place = "bar {}, {}, {}".format
    start, kinds = "before the first bar, {}".format, ("drums", "pitched")
    states = [start(kind) for kind in kinds]
    for bar, chords in enumerate(plan.bars, start=1):
        states += [place(bar, what, kind) for what in dict.fromkeys([_FREE, *chords.values()]) for kind in kinds]
    builder = AutomatonBuilder("chords", dialect.events, states)
    builder.stay_on(dialect.events)
    drums, others = dialect.drums, dialect.pitched
    positions = np.array(list(dialect.positions.values()))
    for kind in kinds:
        builder.add(start(kind), dialect.bar, place(1, _FREE, kind))
        builder.add(start("drums"), others, start("pitched"))
        builder.add(start("pitched"), drums, start("drums"))
        for bar, chords in enumerate(plan.bars, start=1):
            for what in dict.fromkeys([_FREE, *chords.values()]):
                here = place(bar, what, kind)
                builder.add(here, dialect.bar, place(min(bar + 1, len(plan.bars)), _FREE, kind))
                builder.add(here, positions, place(bar, _FREE, kind))
                for position, chord in chords.items():
                    builder.add(here, np.array([dialect.positions[position]]), place(bar, chord, kind))
                builder.add(here, drums, place(bar, what, "drums"))
                builder.add(here, others, place(bar, what, "pitched"))
                if what != _FREE and kind == "pitched":
                    builder.forbid(here, _wrong(dialect, plan.tones[what]))
    return builder.build()


def _wrong(dialect: Dialect, tones: np.ndarray) -> np.ndarray:
    return np.flatnonzero((dialect.pitch >= 0) & ~tones)


def _by_step(dialect: Dialect, plan: _Plan, asked: Controls) -> Automaton:
    """Where durations add up: the state is the step of a bar, and the chord of the note that began last.

    Behind the last place of a bar that asks for a chord, steps are counted no further.
    """
    last = plan.last + 1
    drums, start = "bar {}, drums".format, "before the first bar"
    place = "bar {}, step {}, behind a note of {}".format
    states = [start, f"{start}, drums"]
    for bar, chords in enumerate(plan.bars, start=1):
        states.append(drums(bar))
        for step in range(last + 1):
            states += [place(bar, step, what) for what in _behind(chords, step)]
    builder = AutomatonBuilder("chords", dialect.events, states)
    builder.stay_on(dialect.events)
    for bar, chords in enumerate(plan.bars, start=1):
        following, rows = min(bar + 1, len(plan.bars)), _rows(builder, bar, chords, last)
        for step in range(last + 1):
            for what in _behind(chords, step):
                here = place(bar, step, what)
                _add_durations(builder, dialect, plan, rows, (bar, step, what))
                add_turns(builder, dialect, asked, here, drums(bar), place(bar, 0, _FREE))
                builder.add(here, dialect.bar, place(following, 0, _FREE))
        add_turns(builder, dialect, asked, drums(bar), drums(bar), place(bar, 0, _FREE))
        builder.add(
            drums(bar), dialect.bar, drums(following) if dialect.kind == "track_text" else place(following, 0, _FREE)
        )
        if dialect.kind == "track_text":
            for here in [drums(bar), *(place(bar, s, w) for s in range(last + 1) for w in _behind(chords, s))]:
                builder.add(here, dialect.columns("Track"), start)
    builder.add(start, dialect.bar, place(1, 0, _FREE))
    builder.add(f"{start}, drums", dialect.bar, drums(1))
    if dialect.kind == "track_text":
        column_of_drums, others = dialect.drums, dialect.pitched
        for state in (start, f"{start}, drums"):
            builder.add(state, column_of_drums, f"{start}, drums")
            builder.add(state, others, start)
    return builder.build()


def _behind(chords: dict[int, str], step: int) -> list[str]:
    """What the note before a step may have been begun on."""
    return list(dict.fromkeys([_FREE, *(chord for place, chord in chords.items() if place < step)]))


def _rows(builder: AutomatonBuilder, bar: int, chords: dict[int, str], last: int) -> dict[str, np.ndarray]:
    """By what the last note was begun on, the row of each step of a bar."""
    place = "bar {}, step {}, behind a note of {}".format
    return {
        what: np.array(
            [
                builder.row[place(bar, step, what if what in _behind(chords, step) else _FREE)]
                for step in range(last + 1)
            ],
            dtype=np.int16,
        )
        for what in dict.fromkeys([_FREE, *chords.values()])
    }


def _add_durations(
    builder: AutomatonBuilder, dialect: Dialect, plan: _Plan, rows: dict[str, np.ndarray], place: tuple[int, int, str]
) -> None:
    """Lead notes, rests and ties to the step behind them."""
    bar, step, what = place
    here, chord = rows[what][step], plan.bars[bar - 1].get(step, _FREE)
    after = np.minimum(step + dialect.steps, plan.last + 1)
    for kind, behind in (("Note", chord), ("Rest", _FREE), ("Tie", what)):
        columns = dialect.columns(kind)
        builder.transitions[here, columns] = rows[behind][after[columns]]
    if chord != _FREE:
        notes = dialect.columns("Note")
        builder.transitions[here, notes[~plan.tones[chord][notes]]] = FORBIDDEN
    if what != _FREE:
        added = dialect.columns("With")
        builder.transitions[here, added[~plan.tones[what][added]]] = FORBIDDEN
