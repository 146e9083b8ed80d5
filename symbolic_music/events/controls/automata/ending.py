"""An ending that closes: the last notes begin on a strong beat, on the tonic.

Stated so that each representation can hold it: at the last onset of a piece, the lowest note that each track begins is
the tonic, those above it belong to the tonic's triad, and the onset is a strong beat. Where lines stand one below the
other, each that begins a note in the last bar is asked to end so, and one of them does begin one.
"""

from itertools import pairwise

import numpy as np

from symbolic_music.events.controls.asked import ControlError, Controls, Key
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import Automaton, AutomatonBuilder
from symbolic_music.score.programs import DRUMS


def ending_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automaton of the ending.

    Raises:
        ControlError: where there is no key.
    """
    if not asked.ending:
        return []
    if asked.key is None:
        raise ControlError("an ending that closes needs a key: ask for one, such as D minor")
    if asked.instruments == (DRUMS,):
        raise ControlError("an ending on the tonic is asked of drums alone: they have no pitch")
    key = Key.parse(asked.key)
    classes = dialect.pitch % 12
    is_tonic = (dialect.pitch >= 0) & (classes == key.tonic)
    in_triad = (dialect.pitch >= 0) & np.isin(classes, sorted(key.triad))
    strong = dialect.strong(asked.meter) if asked.meter is not None else [0]
    if dialect.kind == "remi":
        return [_by_position(dialect, asked, strong, is_tonic, in_triad)]
    return [_by_step(dialect, asked, strong, is_tonic, in_triad)]


def _by_position(
    dialect: Dialect, asked: Controls, strong: list[int], is_tonic: np.ndarray, in_triad: np.ndarray
) -> Automaton:
    """For REMI: an onset is closing as long as all its notes so far are what they must be."""
    whats = ("nothing closes", "strong beat, no note yet", "closing, instrument's first note", "closing", "too late")
    name = "{}, {}{}".format
    # Where the number of bars is known, it is known too when no strong beat is left.
    waiting = [f" of bar {number}" for number in range(asked.bars or 0)]
    last = f" of bar {asked.bars}" if asked.bars is not None else ""
    people = {"drums": dialect.drums, "pitched": dialect.pitched}
    states = [name(who, whats[0], bar) for bar in waiting for who in people]
    states += [name(who, what, last) for who in people for what in whats]
    builder = AutomatonBuilder("ending", dialect.events, states)
    builder.stay_on(dialect.events)
    for number, bar in enumerate(waiting):
        for who in people:
            here = name(who, whats[0], bar)
            builder.forbid(here, dialect.end)
            builder.add(here, dialect.bar, name(who, whats[0], [*waiting, last][number + 1]))
            for them, columns in people.items():
                builder.add(here, columns, name(them, whats[0], bar))
    positions = sorted(dialect.positions)
    at = np.array([dialect.positions[place] for place in strong])
    late = np.array([dialect.positions[place] for place in positions if place > strong[-1]])
    early = np.array([dialect.positions[place] for place in positions if place < strong[-1] and place not in strong])
    for who in people:
        open_, strong_, first, closing, too_late = (name(who, what, last) for what in whats)
        for here, what in zip((open_, strong_, first, closing, too_late), whats, strict=True):
            builder.add(here, dialect.bar, too_late if asked.bars is not None else open_)
            for columns, after in ((early, open_), (late, too_late), (at, strong_)):
                if len(columns):
                    builder.add(here, columns, after)
            for them, columns in people.items():
                # Another instrument's first note is its lowest.
                then = whats[2] if what in whats[2:4] else what
                builder.add(here, columns, name(them, then, last))
        if who == "pitched":
            _add_closing_notes(builder, dialect, (open_, strong_, first, closing), is_tonic, in_triad)
        else:
            builder.add(first, dialect.notes, closing)
        for here in (open_, strong_, too_late):
            builder.forbid(here, dialect.end)
    return builder.build()


def _add_closing_notes(
    builder: AutomatonBuilder,
    dialect: Dialect,
    states: tuple[str, str, str, str],
    is_tonic: np.ndarray,
    in_triad: np.ndarray,
) -> None:
    open_, strong_, first, closing = states
    for here in (strong_, first):
        builder.add(here, dialect.notes, open_)
        builder.add(here, np.flatnonzero(is_tonic), closing)
    builder.add(closing, dialect.notes, open_)
    builder.add(closing, np.flatnonzero(in_triad), closing)


def _by_step(
    dialect: Dialect, asked: Controls, strong: list[int], is_tonic: np.ndarray, in_triad: np.ndarray
) -> Automaton:
    """Where durations add up: every voice's last note in a bar must close for the piece to end there."""
    most = strong[-1] + 1
    line = "step {}, {}, {}".format
    lasts = ("no note yet", "closing", "not closing")
    bars = ("no voice closes yet", "closing so far", "not closing")
    drums = "drums, {}".format
    states = [line(step, last, bar) for bar in bars for last in lasts for step in range(most + 1)]
    states += [drums(bar) for bar in bars]
    waiting = "not the last bar, {}".format
    counted = [f"bar {number}" for number in range(asked.bars or 0)] if dialect.kind == "abc_notes" else []
    states = [*counted, waiting(bars[0]), *[waiting(bar) for bar in bars[1:]], *states]
    builder = AutomatonBuilder("ending", dialect.events, states)
    builder.stay_on(dialect.events)
    for here, after in pairwise([*counted, waiting(bars[0])]):
        builder.forbid(here, dialect.end)
        builder.add(here, dialect.bar, after)
    for bar in bars:
        for last in lasts:
            settled = _settled(bar, last)
            for step in range(most + 1):
                here = line(step, last, bar)
                _add_notes(builder, dialect, here, (step, last, bar), most, strong, is_tonic, in_triad)
                _add_edges(builder, dialect, asked, here, settled)
                if settled != bars[1]:
                    builder.forbid(here, dialect.end)
        _add_edges(builder, dialect, asked, drums(bar), bar)
        if bar != bars[1]:
            builder.forbid(drums(bar), dialect.end)
        _add_edges(builder, dialect, asked, waiting(bar), bar)
    return builder.build()


def _settled(bar: str, last: str) -> str:
    """What is known of a bar behind a voice that ended so."""
    if "not closing" in (bar, last):
        return "not closing"
    return "closing so far" if last == "closing" else bar


def _add_notes(
    builder: AutomatonBuilder,
    dialect: Dialect,
    here: str,
    place: tuple[int, str, str],
    most: int,
    strong: list[int],
    is_tonic: np.ndarray,
    in_triad: np.ndarray,
) -> None:
    step, last, bar = place
    line, row = "step {}, {}, {}".format, builder.row
    after = np.minimum(step + dialect.steps, most)

    def lead(columns: np.ndarray, last: str) -> None:
        first = row[line(0, last, bar)]  # steps stand one behind the other
        builder.transitions[row[here], columns] = first + after[columns]

    notes = dialect.columns("Note")
    for columns in (dialect.columns("Rest"), dialect.columns("Tie")):
        lead(columns, last)
    lead(notes, "not closing")
    if step in strong:
        lead(notes[is_tonic[notes]], "closing")
    added = dialect.columns("With")
    if last == "closing":
        lead(added[~in_triad[added]], "not closing")


def _add_edges(builder: AutomatonBuilder, dialect: Dialect, asked: Controls, here: str, settled: str) -> None:
    """Lead the events by which bars, voices and lines begin."""
    fresh, waiting, drums = f"step 0, no note yet, {settled}", f"not the last bar, {settled}", f"drums, {settled}"
    column_of_drums, others = dialect.drums, dialect.pitched
    if dialect.kind == "track_text":
        # Drums have no pitch to close on: of their lines nothing is asked.
        builder.add(here, dialect.columns("Track"), waiting)
        if here.startswith("not the last bar"):
            builder.add(here, np.array([dialect.column["Bar_last"]]), fresh)
            builder.add(here, column_of_drums, drums)
            builder.add(here, others, waiting)
        return
    builder.add(
        here, dialect.bar, "not the last bar, no voice closes yet" if asked.bars is None else "drums, not closing"
    )
    builder.add(here, others, fresh)
    builder.add(here, column_of_drums, drums)
    programs = asked.instruments or [0] * (dialect.max_voices or 1)
    for number, program in enumerate(programs, start=1):
        builder.add(here, np.array([dialect.voices[number]]), drums if program == DRUMS else fresh)
