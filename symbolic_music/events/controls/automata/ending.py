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
    """For REMI: an onset is closing as long as all its notes so far are what they must be.

    Where the number of bars is known, it is known too when no strong beat is left, and what does not close there or
    begins behind it does not come.
    """
    name = "{}, {}{}".format
    nothing, too_late = "nothing closes", "too late"
    beats = ("the last strong beat", "a strong beat")
    at_beat = ("{}, no note yet".format, "closing {}, instrument's first note".format, "closing {}".format)
    whats = (nothing, too_late, *(what(beat) for beat in beats for what in at_beat))
    waiting = [f" of bar {number}" for number in range(asked.bars or 0)]
    is_known = asked.bars is not None
    last = f" of bar {asked.bars}" if is_known else ""
    people = {"drums": dialect.drums, "pitched": dialect.pitched}
    states = [name(who, nothing, bar) for bar in waiting for who in people]
    states += [name(who, what, last) for who in people for what in whats]
    builder = AutomatonBuilder("ending", dialect.events, states)
    builder.stay_on(dialect.events)
    for number, bar in enumerate(waiting):
        for who in people:
            here = name(who, nothing, bar)
            builder.forbid(here, dialect.end)
            builder.add(here, dialect.bar, name(who, nothing, [*waiting, last][number + 1]))
            for them, columns in people.items():
                builder.add(here, columns, name(them, nothing, bar))
    for who in people:
        for what in whats:
            here = name(who, what, last)
            for position, column in dialect.positions.items():
                beat = beats[position != strong[-1]]
                after = at_beat[0](beat) if position in strong else nothing if position < strong[-1] else too_late
                if is_known and after == too_late:
                    builder.forbid(here, np.array([column]))
                else:
                    builder.add(here, np.array([column]), name(who, after, last))
            if is_known:
                builder.forbid(here, dialect.bar)
            else:
                builder.add(here, dialect.bar, name(who, nothing, last))
            for them, columns in people.items():
                builder.add(here, columns, name(them, what, last))
            if what in (nothing, too_late):
                builder.forbid(here, dialect.end)
        for beat in beats:
            onset = tuple(name(who, what(beat), last) for what in at_beat)
            builder.forbid(onset[0], dialect.end)
            for them, columns in people.items():
                # Another instrument's first note is its lowest.
                builder.add(onset[2], columns, name(them, at_beat[1](beat), last))
            if who == "drums":
                builder.add(onset[1], dialect.notes, onset[2])
                continue
            is_over = is_known and beat == beats[0]
            for state, closing in zip(onset, (is_tonic, is_tonic, in_triad), strict=True):
                if is_over:
                    builder.forbid(state, dialect.notes)
                else:
                    builder.add(state, dialect.notes, name(who, nothing, last))
                builder.add(state, np.flatnonzero(closing), onset[2])
    return builder.build()


def _by_step(
    dialect: Dialect, asked: Controls, strong: list[int], is_tonic: np.ndarray, in_triad: np.ndarray
) -> Automaton:
    """Where durations add up: every voice's last note in a bar must close for the piece to end there."""
    most, is_last_bar = strong[-1] + 1, asked.bars is not None or dialect.kind == "track_text"
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
                _add_notes(builder, dialect, here, (step, last, bar), strong, is_tonic, in_triad, is_last_bar)
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
    strong: list[int],
    is_tonic: np.ndarray,
    in_triad: np.ndarray,
    is_last_bar: bool,
) -> None:
    (step, last, bar), most = place, strong[-1] + 1
    line, row = "step {}, {}, {}".format, builder.row
    after = np.minimum(step + dialect.steps, most)

    def lead(columns: np.ndarray, last: str) -> None:
        first = row[line(0, last, bar)]  # steps stand one behind the other
        builder.transitions[row[here], columns] = first + after[columns]

    def lead_away(columns: np.ndarray) -> None:
        """The same where the last note does not close: in the last bar, only as long as another may."""
        lead(columns, "not closing")
        if is_last_bar:
            builder.forbid(here, columns[step + dialect.steps[columns] >= most])

    notes = dialect.columns("Note")
    for columns in (dialect.columns("Rest"), dialect.columns("Tie")):
        if last == "not closing":
            lead_away(columns)
        else:
            lead(columns, last)
    lead_away(notes)
    if step in strong:
        lead(notes[is_tonic[notes]], "closing")
    added = dialect.columns("With")
    if last == "closing":
        lead_away(added[~in_triad[added]])


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
