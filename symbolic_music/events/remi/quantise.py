"""The nearest Score that a REMI vocabulary can write. Knows grids and bins, nothing of event names.

MidiTok's own `preprocess_score` is not used: it reads notes and tempos as sorted by time, mixes up the sections of
meters that follow each other within a bar, and its result is not always its own fixed point. Where a file has one
beat unit (all of 4/4 and 3/4, all of 6/8 …) the two agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from symusic.core import (
    NoteTickList,
    ScoreTick,
    TempoTick,
    TempoTickList,
    TimeSignatureTick,
    TimeSignatureTickList,
    TrackTick,
    TrackTickList,
)

from symbolic_music.events.codec import MAX_BARS, EncodingError
from symbolic_music.events.meters import Meter, written_meters
from symbolic_music.events.tempos import DEFAULT_MICROSECONDS, Clock, keep_time
from symbolic_music.score.bars import last_note_end
from symbolic_music.score.programs import PROGRAM_NAMES

# What holds before the first one is written (Standard MIDI Files 1.0).
DEFAULT_METER = (4, 4)
# symusic holds ticks in 32 signed bits; the longest note still has room above this.
LAST_TICK = 2**31 - 2**20


@dataclass(frozen=True)
class RemiGrid:
    """What a REMI vocabulary can write, in ticks.

    Attributes:
        ticks_per_quarter: ticks per quarter note, fine enough for every position in every meter.
        steps: by beat unit, ticks from one position to the next.
        durations: by beat unit, every duration, ascending.
        velocities: every velocity, ascending.
        tempos: every tempo in microseconds per quarter note, ascending.
        meters: every meter as (numerator, denominator).
        edition: of the rules; see `events.codec.EDITION`.
    """

    ticks_per_quarter: int
    steps: dict[int, int]
    durations: dict[int, np.ndarray]
    velocities: np.ndarray
    tempos: np.ndarray
    meters: frozenset[Meter]
    edition: int

    def bar_length(self, meter: Meter) -> int:
        """Ticks in a bar."""
        return 4 * self.ticks_per_quarter * meter[0] // meter[1]


class _Sections:
    """Stretches of one meter: the grid on which times and durations are rounded.

    Args:
        grid: the vocabulary's grid.
        starts: first tick of each section, ascending from 0.
        meters: the meter of each.
    """

    def __init__(self, grid: RemiGrid, starts: list[int], meters: list[Meter]):
        self.grid = grid
        self.starts = np.array(starts, dtype=np.int64)
        self.meters = meters
        self.units = np.array([unit for _, unit in meters])
        self.steps = np.array([grid.steps[unit] for _, unit in meters], dtype=np.int64)

    def round_times(self, times: np.ndarray, ticks_per_quarter: int) -> np.ndarray:
        """Times in the source's ticks to the nearest position, halves later, in the grid's ticks; int64."""
        scaled = times.astype(np.int64) * self.grid.ticks_per_quarter
        section = np.searchsorted(self.starts * ticks_per_quarter, scaled, side="right") - 1
        start, step = self.starts[section], self.steps[section]
        unit = step * ticks_per_quarter
        return start + (2 * (scaled - start * ticks_per_quarter) + unit) // (2 * unit) * step

    def round_durations(self, onsets: np.ndarray, durations: np.ndarray, ticks_per_quarter: int) -> np.ndarray:
        """Durations in the source's ticks to the nearest that the meter at their rounded onsets can write; int64."""
        section = np.searchsorted(self.starts, onsets, side="right") - 1
        rounded = np.empty(len(durations), dtype=np.int64)
        scaled = durations.astype(np.int64) * self.grid.ticks_per_quarter
        for beat_unit in set(self.units.tolist()):
            here = self.units[section] == beat_unit
            unit = self.grid.steps[beat_unit] * ticks_per_quarter
            positions = np.maximum((2 * scaled[here] + unit) // (2 * unit), 1)
            rounded[here] = self._nearest_durations(beat_unit, positions * self.grid.steps[beat_unit])
        return rounded

    def _nearest_durations(self, beat_unit: int, ticks: np.ndarray) -> np.ndarray:
        """The nearest lengths that durations make: one of them, or the longest many times and another behind it."""
        durations = self.grid.durations[beat_unit]
        if self.grid.edition == 1:
            return _nearest(durations, ticks)
        whole = np.maximum(ticks // durations[-1], 0)
        rest = np.where(
            whole > 0, _nearest(np.append(0, durations), ticks % durations[-1]), _nearest(durations, ticks)
        )
        return whole * durations[-1] + rest

    def bar_number(self, tick: int) -> int:
        """Bars before the one that holds a tick."""
        bars = 0
        for index, (start, meter) in enumerate(zip(self.starts.tolist(), self.meters, strict=True)):
            end = self.starts[index + 1] if index + 1 < len(self.starts) else tick
            bars += max(min(int(end), tick) - start, 0) // self.grid.bar_length(meter)
        return bars


def quantise_score(score: ScoreTick, grid: RemiGrid) -> ScoreTick:
    """The nearest Score on a grid, in one canonical order; see `RemiCodec.quantise`.

    Raises:
        EncodingError: without notes, with a clock that does not run, or beyond `MAX_BARS`.
    """
    if score.ticks_per_quarter <= 0:
        raise EncodingError(f"expected ticks per quarter note above 0, found {score.ticks_per_quarter}")
    if score.note_num() == 0:
        raise EncodingError("the score has no notes, so there is nothing to encode")
    sections = _meter_sections(score, grid)
    quantised = ScoreTick(grid.ticks_per_quarter)
    quantised.tracks = _quantise_tracks(score, sections)
    last_onset = max(track.notes[-1].time for track in quantised.tracks)
    _check_length(last_onset, "begins", sections)
    if grid.edition == 1:
        quantised.tempos = _quantise_tempos(score, sections, last_onset)
    else:
        _check_length(last_note_end(quantised) - 1, "ends", sections)
        quantised.tempos = _tempos_on_the_clock(score, sections, last_onset)
    quantised.time_signatures = TimeSignatureTickList(
        [
            TimeSignatureTick(start, *meter)
            for start, meter in zip(sections.starts.tolist(), sections.meters, strict=True)
            if start <= last_onset
        ]
    )
    return quantised


def _check_length(tick: int, what: str, sections: _Sections) -> None:
    bars = sections.bar_number(tick) + 1
    if bars > MAX_BARS:
        raise EncodingError(f"the last note {what} in bar {bars:,}; expected at most {MAX_BARS:,} bars")


def _changes(score: ScoreTick, grid: RemiGrid) -> Iterable[tuple[int, Meter]]:
    """Changes of meter in the source's ticks, those outside the vocabulary cut into bars or passed over."""
    if grid.edition > 1:
        return written_meters(score, grid.meters, last_note_end(score))
    changes = sorted(score.time_signatures, key=lambda change: change.time)
    meters = [(change.time, (change.numerator, change.denominator)) for change in changes]
    return [(time, meter) for time, meter in meters if meter in grid.meters]


def _meter_sections(score: ScoreTick, grid: RemiGrid) -> _Sections:
    """The meters in force, each moved to the next bar line of the one before it.

    Of several that come to one bar line the last counts; one that repeats the meter in force changes nothing.
    """
    starts, meters = [0], [DEFAULT_METER]
    for time, meter in _changes(score, grid):
        if meter == meters[-1]:
            continue
        start = _next_bar_line(time, score.ticks_per_quarter, grid, starts[-1], meters[-1])
        if start == starts[-1]:
            starts.pop()
            meters.pop()
            if meters and meters[-1] == meter:
                continue
        starts.append(start)
        meters.append(meter)
    return _Sections(grid, starts, meters)


def _next_bar_line(time: int, ticks_per_quarter: int, grid: RemiGrid, start: int, meter: Meter) -> int:
    """The first bar line at or after a time; a fraction of a position late still counts as on the line."""
    step, length = grid.steps[meter[1]], grid.bar_length(meter)
    position = time * grid.ticks_per_quarter // (ticks_per_quarter * step) * step
    return start + -(-max(position - start, 0) // length) * length


def _quantise_tracks(score: ScoreTick, sections: _Sections) -> TrackTickList:
    """One track per program, drums first, each with its notes by onset and pitch."""
    by_program: dict[int, list[dict[str, np.ndarray]]] = {}
    for track in score.tracks:
        if len(track.notes):
            by_program.setdefault(-1 if track.is_drum else track.program, []).append(track.notes.numpy())
    tracks = []
    for program in sorted(by_program):
        if program >= len(PROGRAM_NAMES):
            raise EncodingError(f"a track has program {program}; expected 0 to {len(PROGRAM_NAMES) - 1}")
        arrays = by_program[program]
        notes = {name: np.concatenate([array[name] for array in arrays]) for name in arrays[0]}
        tracks.append(named_track(program, _quantise_notes(notes, score.ticks_per_quarter, sections)))
    return TrackTickList(tracks)


def _quantise_notes(notes: dict[str, np.ndarray], ticks_per_quarter: int, sections: _Sections) -> NoteTickList:
    if notes["time"].min() < 0:
        raise EncodingError(f"a note begins at tick {notes['time'].min()}; expected 0 or later")
    times = sections.round_times(notes["time"], ticks_per_quarter)
    if times.max() > LAST_TICK:
        raise EncodingError(f"a note begins at tick {times.max():,}; expected at most {LAST_TICK:,}")
    durations = sections.round_durations(times, notes["duration"], ticks_per_quarter)
    if sections.grid.edition > 1 and (times + durations).max() > LAST_TICK:
        raise EncodingError(f"a note ends at tick {(times + durations).max():,}; expected at most {LAST_TICK:,}")
    velocities = _nearest(sections.grid.velocities, notes["velocity"])
    # Of notes with one onset and pitch the shortest, and of these the softest, is kept.
    order = np.lexsort((velocities, durations, notes["pitch"], times))
    times, pitches = times[order], notes["pitch"][order]
    first = np.concatenate([[True], (np.diff(times) != 0) | (np.diff(pitches) != 0)])
    order = order[first]
    return NoteTickList.from_numpy(
        times[first].astype(np.int32),
        durations[order].astype(np.int32),
        pitches[first],
        velocities[order].astype(notes["velocity"].dtype),
    )


def named_track(program: int, notes: NoteTickList) -> TrackTick:
    """A track of a program; -1 is drums, whichever kit."""
    name = "Drums" if program < 0 else PROGRAM_NAMES[program]
    track = TrackTick(name, max(program, 0), program < 0)
    track.notes = notes
    return track


def _quantise_tempos(score: ScoreTick, sections: _Sections, last_onset: int) -> TempoTickList:
    """Tempos that change the one in force, up to the last onset; the first stands at 0."""
    changes = sorted(score.tempos, key=lambda change: change.time)
    times = np.array([max(change.time, 0) for change in changes], dtype=np.int64)
    written = {0: DEFAULT_MICROSECONDS}
    for time, change in zip(sections.round_times(times, score.ticks_per_quarter).tolist(), changes, strict=True):
        written[time] = change.mspq  # of several at one tick the last counts
    tempos: list[TempoTick] = []
    for time, microseconds in sorted(written.items()):
        tempo = int(_nearest(sections.grid.tempos, np.array([microseconds]))[0])
        if time <= last_onset and (not tempos or tempos[-1].mspq != tempo):
            tempos.append(TempoTick(time, mspq=tempo))
    return TempoTickList(tempos)


def _tempos_on_the_clock(score: ScoreTick, sections: _Sections, last_onset: int) -> TempoTickList:
    """Tempos where those of the source change, at the nearest positions, so that the piece keeps its time."""
    unit = score.ticks_per_quarter
    clock = Clock(score, sections.grid.ticks_per_quarter)
    times = np.array(clock.places, dtype=np.int64) // sections.grid.ticks_per_quarter
    places = np.unique(sections.round_times(times, unit))
    places = places[places <= last_onset].tolist()
    end = max(last_note_end(score) * clock.parts, (places[-1] + 1) * unit)
    speeds = keep_time(clock, [*(place * unit for place in places), end], sections.grid.tempos)
    kept = [index for index, speed in enumerate(speeds) if index == 0 or speed != speeds[index - 1]]
    return TempoTickList([TempoTick(places[index], mspq=speeds[index]) for index in kept])


def _nearest(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted number the nearest of ascending values; of two equally near the larger."""
    above = np.searchsorted(values, wanted).clip(0, len(values) - 1)
    below = (above - 1).clip(0)
    nearer_below = np.abs(wanted - values[below]) < np.abs(values[above] - wanted)
    return values[np.where(nearer_below, below, above)]
