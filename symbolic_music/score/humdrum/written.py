"""A piece of Humdrum records as a written score: bars, and notes by bar. Knows nothing of files or of playing."""

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import numpy as np

from symbolic_music.score.humdrum.dynamics import DYNAMICS, read_velocities
from symbolic_music.score.humdrum.form import Form, read_form
from symbolic_music.score.humdrum.harmony import CHORD_SPINES, read_chords
from symbolic_music.score.humdrum.parts import Staves, read_staves
from symbolic_music.score.humdrum.syntax.interpretations import Interpretations, read_interpretations
from symbolic_music.score.humdrum.syntax.spines import BAR_LINE, INTERPRETATION, Cells, Records, read_cells
from symbolic_music.score.humdrum.syntax.tokens import GRACE, TIE_START, TIE_STOP, TokenTable, parse_tokens
from symbolic_music.score.humdrum.timing import find_edges, row_times, ticks_per_quarter
from symbolic_music.score.notation.written import NoteTable, Placed, WrittenScore, WrittenTrack

KERN = b"**kern"
TIMED_SPINES = (KERN, b"**recip")
"""Spines whose tokens have durations; `**recip` has nothing else."""
OUT_OF_STEP = "tokens out of step with other voices"
OUT_OF_RANGE = "notes outside MIDI's pitches"
VOICES_PER_SPINE = 1024
T = TypeVar("T")


@dataclass
class Clock:
    """When records are.

    Args:
        unit: ticks of a quarter note.
        times: of each data record, and the end, in ticks.
        data_records: their numbers.
    """

    unit: int
    times: np.ndarray
    data_records: np.ndarray

    def at(self, records: list[int]) -> list[int]:
        """The tick of each record: that of the data which follow."""
        return self.times[np.searchsorted(self.data_records, records)].tolist() if records else []


def write_score(records: Records) -> tuple[WrittenScore, Interpretations]:
    """The written score that the records of a piece hold, and what is said of it besides.

    Raises:
        ScoreError: too_long, when its expansion list asks for too much.
    """
    kinds = records.spines.kinds
    timed = {spine for spine, kind in enumerate(kinds) if kind in TIMED_SPINES}
    kern = {spine for spine in timed if kinds[spine] == KERN}
    others = {spine for spine, kind in enumerate(kinds) if kind == DYNAMICS or kind in CHORD_SPINES}
    said = read_interpretations(records.interpretations, records.spines.lane_spine, kern)
    left_out = Counter(said.left_out)
    used = (*TIMED_SPINES, DYNAMICS, *CHORD_SPINES)
    left_out.update(f"{kind.decode('latin-1')} spines" for kind in kinds if kind not in used)
    data_records = np.flatnonzero((records.kinds != INTERPRETATION) & (records.kinds != BAR_LINE))
    cells = read_cells(records, data_records, timed, others)
    tokens = parse_tokens(cells.vocabulary)
    clock, in_lanes = _read_clock(records, data_records, cells, tokens, left_out)
    form = _read_form(records, said, clock, left_out)
    staves = read_staves(said, sorted(kern))
    notes = _read_notes(records, cells, tokens, clock, form, staves, in_lanes, left_out)
    chords = read_chords(records, data_records, cells, said, left_out)
    written = WrittenScore(
        [WrittenTrack(track.name, track.program) for track in staves.tracks],
        form.bars,
        notes,
        tempos=_place(said.tempos, clock, form),
        keys=_place(said.keys, clock, form),
        chords=_place(chords, clock, form),
        play_order=form.order,
        left_out=+left_out,
    )
    return written, said


def _read_clock(
    records: Records, data_records: np.ndarray, cells: Cells, tokens: TokenTable, left_out: Counter[str]
) -> tuple[Clock, np.ndarray]:
    """When each data record is, and the cells in order of their lanes."""
    unit = ticks_per_quarter(tokens.denominators)
    advance = tokens.ticks(unit)[cells.token]
    edges, in_lanes = find_edges(cells.lane, records.spines.lane_parents)
    times, out_of_step = row_times(len(data_records), cells.row, advance, edges)
    left_out[OUT_OF_STEP] += out_of_step
    end = int((times[cells.row] + advance).max()) if len(cells.row) else 0
    for number, kind in tokens.left_out:
        left_out[kind] += int((cells.token == number).sum())
    return Clock(unit, np.append(times, end), data_records), in_lanes


def _read_form(records: Records, said: Interpretations, clock: Clock, left_out: Counter[str]) -> Form:
    numbers = np.flatnonzero(records.kinds == BAR_LINE).tolist()
    bar_lines = [
        (number, tick, records.lines[number]) for number, tick in zip(numbers, clock.at(numbers), strict=True)
    ]
    label_ticks = clock.at([record for record, _ in said.labels])
    labels = [(record, tick, name) for (record, name), tick in zip(said.labels, label_ticks, strict=True)]
    meter_ticks = clock.at([record for record, _, _ in said.meters])
    meters = [(tick, above, below) for (_, above, below), tick in zip(said.meters, meter_ticks, strict=True)]
    return read_form(clock.unit, int(clock.times[-1]), bar_lines, labels, meters, said.lists, left_out)


def _place(values: list[tuple[int, T]], clock: Clock, form: Form) -> list[Placed[T]]:
    """What stands at records, by bar and onset."""
    placed = []
    for tick, (_, value) in zip(clock.at([record for record, _ in values]), values, strict=True):
        bar = max(0, bisect_right(form.starts, tick) - 1)
        placed.append(Placed(bar, Fraction(tick - form.starts[bar], clock.unit), value))
    return placed


def _read_notes(
    records: Records,
    cells: Cells,
    tokens: TokenTable,
    clock: Clock,
    form: Form,
    staves: Staves,
    in_lanes: np.ndarray,
    left_out: Counter[str],
) -> NoteTable:
    """The notes of all cells as columns."""
    grace_of_cell = _grace_numbers(cells, in_lanes, tokens.is_grace)
    counts = tokens.note_counts
    repeats = counts[cells.token]
    cell = np.repeat(np.arange(len(cells.token)), repeats)
    within = np.arange(len(cell)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    note = (np.cumsum(counts) - counts)[cells.token[cell]] + within
    row, lane, flag = cells.row[cell], cells.lane[cell], tokens.flags[note]
    record = clock.data_records[row]
    bar = np.searchsorted(form.records, record, side="right") - 1
    spine = np.array(records.spines.lane_spine)[lane]
    is_grace = (flag & GRACE) > 0
    dynamics = {each: found for each, found in cells.others.items() if records.spines.kinds[each] == DYNAMICS}
    velocity = read_velocities(dynamics, clock.times / clock.unit, staves, spine, row)
    track, drum_key = staves.tracks_of(spine, record)
    pitch = np.where(drum_key >= 0, drum_key, tokens.pitches[note])
    table = NoteTable(
        track=track,
        part=staves.parts_of(spine),
        voice=spine * VOICES_PER_SPINE + np.array(records.spines.lane_voice)[lane],
        bar=bar,
        onset=clock.times[row] - np.array(form.starts, np.int64)[bar],
        duration=np.where(is_grace, 0, tokens.ticks(clock.unit)[cells.token[cell]]),
        unit=np.full(len(cell), clock.unit),
        pitch=pitch,
        velocity=velocity,
        grace=np.where(is_grace, np.maximum(grace_of_cell[cell], 1), 0),
        tie_start=(flag & TIE_START) > 0,
        tie_stop=(flag & TIE_STOP) > 0,
    )
    usable = (pitch >= 0) & (pitch <= 127)
    left_out[OUT_OF_RANGE] += int((~usable).sum())
    return table.take(usable) if not usable.all() else table


def _grace_numbers(cells: Cells, in_lanes: np.ndarray, is_grace: np.ndarray) -> np.ndarray:
    """For each grace cell how many cells behind it, in its lane, its main note stands; 0 for other cells."""
    grace = is_grace[cells.token]
    numbers = np.zeros(len(cells.token), np.int64)
    if not grace.any():
        return numbers
    ranked, lane = grace[in_lanes], cells.lane[in_lanes]
    places = np.arange(len(ranked))
    # The run of grace notes ends at the first cell that is none, or where the lane ends.
    ends = ~ranked
    ends[1:] |= lane[1:] != lane[:-1]
    stop = np.append(np.where(ends, places, len(ranked))[1:], len(ranked))
    stop = np.minimum.accumulate(stop[::-1])[::-1]
    numbers[in_lanes] = np.where(ranked, stop - places, 0)
    return numbers
