"""What files give, on a codec's grid, and all that follows from it for what else is asked for. Knows no automata."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.events.controls.asked import COMMON_METER, EVERY, ControlError, Controls, Key
from symbolic_music.events.controls.clashes import name_of
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.controls.given import GivenNotes, Note
from symbolic_music.score.bars import bar_table
from symbolic_music.score.programs import DRUMS, program_name


def fit_given(codec: ScoreCodec, dialect: Dialect, asked: Controls) -> Controls:
    """What is asked for, what files give being written by a codec, and bars, meter, tempo and who plays being theirs.

    Args:
        codec: that writes it.
        dialect: of the codec.
        asked: with something that files give.

    Raises:
        ControlError: when the codec cannot write it, or something else that is asked for contradicts it.
    """
    for name, given in asked.given.items():
        given = given if name == "keep" else _played_by(asked, name, given)
        written: dict[str, Any] = {name: given.written_by(codec)}
        asked = replace(asked, **written)
    asked = _players(dialect, asked)
    asked = replace(asked, bars=_bars(asked))
    asked = _meter(asked)
    if asked.tempo is None:
        tempos = [given.tempo for given in asked.given.values() if given.tempo is not None]
        near = sorted(dialect.tempos, key=lambda tempo: (abs(tempo - tempos[0]), tempo)) if tempos else [None]
        asked = replace(asked, tempo=near[0])
    for name, given in asked.given.items():
        _check_notes(asked, name, given)
    return asked


def changes_by(codec: ScoreCodec, asked: Controls) -> list[str]:
    """What a codec's grid makes of what files give: a line for each file that it changes."""
    changes = [given.changed_by(given.written_by(codec)) for given in asked.given.values()]
    return [change for change in changes if change is not None]


def _clash(asked: Controls, name: str, other: str, why: str) -> ControlError:
    return ControlError(f"{name_of(asked, name)} and {name_of(asked, other)} clash: {why}")


def _names(programs: tuple[int, ...]) -> str:
    return ", ".join(program_name(program) for program in sorted(set(programs)))


def _played_by(asked: Controls, name: str, given: GivenNotes) -> GivenNotes:
    """What is played, by whom: as the file has it, or its melody by the one instrument that is asked for."""
    players = asked.instruments
    if players is None or set(players) == set(given.programs):
        return given
    if len(set(players)) == 1:
        return given.melody(players[0])
    raise _clash(asked, name, "instruments", f"the file has {_names(given.programs)}")


def _players(dialect: Dialect, asked: Controls) -> Controls:
    exactly = [name for name in asked.given if name != "keep"]
    if exactly:
        programs = getattr(asked, exactly[0]).programs
        for other in exactly[1:]:
            if Counter(getattr(asked, other).programs) != Counter(programs):
                raise _clash(asked, exactly[0], other, "they are of different instruments")
        absent = [program for program in asked.with_instruments or () if program not in programs]
        if absent:
            raise _clash(asked, exactly[0], "with_instruments", f"the file has no {program_name(absent[0])}")
        asked = replace(asked, instruments=programs)
    if asked.keep is None:
        return asked
    if asked.instruments is not None:
        absent = [program for program in asked.keep.programs if program not in asked.instruments]
        if absent:
            other = exactly[0] if exactly else "instruments"
            raise _clash(asked, "keep", other, f"{program_name(absent[0])} does not play there")
    name = "with_instruments" if asked.instruments is None else "instruments"
    players = getattr(asked, name) or ()
    missing = Counter(asked.keep.programs) - Counter(players)
    if dialect.kind == "remi":
        missing = Counter(dict.fromkeys(set(missing) - set(players), 1))
    if missing and exactly:
        raise _clash(asked, "keep", exactly[0], f"{program_name(min(missing))} has fewer voices there")
    more: dict[str, Any] = {name: (*players, *sorted(missing.elements(), key=asked.keep.programs.index))}
    return replace(asked, **more)


def _bars(asked: Controls) -> int:
    """How many bars: as many as asked for, or as the file has, and its chords go on for."""
    placed = {name: given.num_bars for name, given in asked.given.items() if name != "pitches"}
    bars = asked.bars
    if bars is None:
        bars = max(placed.values(), default=0) or max(given.num_bars for given in asked.given.values())
        bars = max(bars, len(asked.chords or ()))
        asked = replace(asked, bars=bars)
    for name, needed in placed.items():
        if needed > bars or (name == "rhythm" and needed != bars):
            raise _clash(asked, name, "bars", f"the file has {needed}")
    return bars


def _meter(asked: Controls) -> Controls:
    """With the meter that all has; without one where files change it, whose bars are then theirs."""
    placed = {name: given for name, given in asked.given.items() if name != "pitches"}
    if not placed:
        assert asked.pitches is not None
        return replace(asked, meter=asked.meter or asked.pitches.usual_meter)
    name, given = next(iter(placed.items()))
    needs_one = [other for other in ("chords", "pitches", "ending") if getattr(asked, other)]
    meter = asked.meter or given.meter or (COMMON_METER if asked.chords is not None else None)
    for name, given in placed.items():
        wrong = [(tick, said) for tick, said in given.meters if meter is not None and said != meter]
        if wrong:
            where = f"bar {given.bar_of(wrong[0][0])} of the file is in {wrong[0][1]}"
            raise ControlError(f"{name_of(asked, name)} and the meter {meter} clash: {where}")
        if meter is None and needs_one:
            raise _clash(asked, name, needs_one[0], f"bar {given.bar_of(given.meters[1][0])} changes the meter")
    if meter is None and len({given.meters for given in placed.values()}) > 1:
        raise _clash(asked, "rhythm", "keep", "their meters differ")
    return replace(asked, meter=meter)


def _check_notes(asked: Controls, name: str, given: GivenNotes) -> None:
    """Whether each note may be there at all.

    Raises:
        ControlError: when one may not; the message names its bar.
    """
    if name != "rhythm":
        for program, (onset, _, pitch) in _notes(given):
            where = f"bar {given.bar_of(onset)} of the file has pitch {pitch}"
            if asked.key is not None and program != DRUMS and pitch % 12 not in Key.parse(asked.key).scale:
                raise _clash(asked, name, "key", where)
            everybody = (0, 127) if program == DRUMS else asked.range_of.get(EVERY, (0, 127))
            low, high = asked.range_of.get(program, everybody)
            if not low <= pitch <= high:
                raise _clash(asked, name, "ranges", where)
    bounds = {program: (low, high) for program, low, high in asked.polyphony or ()}
    for line in given.lines:
        low, high = bounds.get(line.program, bounds.get(EVERY, (1, 128)) if line.program != DRUMS else (1, 128))
        for onset, notes in line.chords:
            if len(notes) > high or (name != "keep" and len(notes) < low):
                where = f"bar {given.bar_of(onset)} of the file begins {len(notes)} together"
                raise _clash(asked, name, "polyphony", where)
    if asked.density is not None and name != "pitches":
        low, high = asked.density
        onsets = [note[0] for _, note in _notes(given)]
        counts = np.bincount(np.searchsorted(bar_table(given.score()).starts, onsets, side="right"))[1:]
        for bar, count in enumerate(counts.tolist(), start=1):
            if count > high or (name == "rhythm" and count < low):
                raise _clash(asked, name, "density", f"bar {bar} of the file has {count}")


def _notes(given: GivenNotes) -> Iterator[tuple[int, Note]]:
    return ((line.program, note) for line in given.lines for note in line.notes)
