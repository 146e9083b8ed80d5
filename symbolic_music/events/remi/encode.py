"""A quantised Score as REMI events: the very sequence that MidiTok writes, a whole piece at a time in numpy.

Everything a piece says becomes a row (tick, rank, event), and one sort by tick and rank puts the rows in order. Knows
event names and grids, nothing of ids.
"""

from collections.abc import Iterable

import numpy as np
from symusic.core import ScoreTick

from symbolic_music.events.remi.quantise import RemiGrid

# Ranks of what stands at one tick; behind these come notes, each with a rank for all that it may write.
_BAR, _METER, _POSITION, _TEMPO, _NOTES = range(5)
_PROGRAM, _PITCH, _VELOCITY, _DURATIONS = range(4)


class RemiWriter:
    """Writes quantised Scores as events.

    Args:
        grid: of the vocabulary.
        durations: event names of `grid.durations`, in order; the same for every beat unit.
        tempos: event name of each of `grid.tempos`, in order.
    """

    def __init__(self, grid: RemiGrid, durations: list[str], tempos: list[str]):
        self.grid = grid
        self.tempo_of_microseconds = dict(zip(grid.tempos.tolist(), tempos, strict=True))
        self.names: list[str] = []
        self.bar = self._add(["Bar_None"])
        self.meters = {meter: self._add([f"TimeSig_{meter[0]}/{meter[1]}"]) for meter in sorted(grid.meters)}
        most_beats = max(numerator for numerator, _ in grid.meters)
        some_unit = next(iter(grid.steps))
        positions_per_beat = 4 * grid.ticks_per_quarter // some_unit // grid.steps[some_unit]
        self.position = self._add(f"Position_{position}" for position in range(most_beats * positions_per_beat))
        self.tempos = {microseconds: self._add([name]) for microseconds, name in self.tempo_of_microseconds.items()}
        self.program = self._add(f"Program_{program}" for program in range(-1, 128)) + 1  # drums are -1
        self.pitch = self._add(f"Pitch_{pitch}" for pitch in range(128))
        self.velocity = self._add(f"Velocity_{velocity}" for velocity in grid.velocities.tolist())
        self.duration = self._add(durations)

    def _add(self, names: Iterable[str]) -> int:
        first = len(self.names)
        self.names += names
        return first

    def write(self, score: ScoreTick) -> np.ndarray:
        """Events of a Score that the grid's `quantise_score` returned, as places in `names`, (n,) int64."""
        notes = _all_notes(score)
        starts, units, bar_starts, bar_meters = self._bars(score, int(notes["time"][-1]))
        tempo_ticks = np.array([tempo.time for tempo in score.tempos], dtype=np.int64)
        tempo_events = np.array([self.tempos[tempo.mspq] for tempo in score.tempos], dtype=np.int64)
        position_ticks = np.unique(np.concatenate([notes["time"], tempo_ticks]))
        bar_of_position = np.searchsorted(bar_starts, position_ticks, side="right") - 1
        section = np.searchsorted(starts, position_ticks, side="right") - 1
        steps = np.array([self.grid.steps[unit] for unit in units], dtype=np.int64)
        positions = (position_ticks - bar_starts[bar_of_position]) // steps[section]
        rows = [
            (bar_starts, np.full(len(bar_starts), _BAR), np.full(len(bar_starts), self.bar)),
            (bar_starts, np.full(len(bar_starts), _METER), bar_meters),
            (position_ticks, np.full(len(position_ticks), _POSITION), self.position + positions),
            (tempo_ticks, np.full(len(tempo_ticks), _TEMPO), tempo_events),
            *self._note_rows(notes, starts, units),
        ]
        ticks = np.concatenate([tick for tick, _, _ in rows])
        ranks = np.concatenate([rank for _, rank, _ in rows])
        events = np.concatenate([event for _, _, event in rows])
        return events[np.lexsort((ranks, ticks))]

    def _bars(self, score: ScoreTick, last_onset: int) -> tuple[np.ndarray, list[int], np.ndarray, np.ndarray]:
        """Starts and beat units of the sections; starts and meter events of the bars up to the last onset."""
        changes = list(score.time_signatures)
        starts = np.array([change.time for change in changes], dtype=np.int64)
        bar_starts, bar_meters = [], []
        for index, change in enumerate(changes):
            meter = (change.numerator, change.denominator)
            end = int(starts[index + 1]) if index + 1 < len(changes) else last_onset + 1
            section_starts = np.arange(change.time, end, self.grid.bar_length(meter), dtype=np.int64)
            bar_starts.append(section_starts)
            bar_meters.append(np.full(len(section_starts), self.meters[meter]))
        units = [change.denominator for change in changes]
        return starts, units, np.concatenate(bar_starts), np.concatenate(bar_meters)

    def _note_rows(
        self, notes: dict[str, np.ndarray], starts: np.ndarray, units: list[int]
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        ticks, programs = notes["time"], notes["program"]
        unit_of_note = np.array(units)[np.searchsorted(starts, ticks, side="right") - 1]
        longest = np.array([self.grid.durations[unit][-1] for unit in units])[
            np.searchsorted(starts, ticks, side="right") - 1
        ]
        counts = -(-notes["duration"].astype(np.int64) // longest)
        widths = _DURATIONS + counts
        ranks = _NOTES + np.cumsum(widths) - widths
        changed = np.concatenate([[True], np.diff(programs) != 0])
        last = np.empty(len(ticks), dtype=np.int64)
        left = notes["duration"] - (counts - 1) * longest
        for unit in set(units):
            here = unit_of_note == unit
            last[here] = np.searchsorted(self.grid.durations[unit], left[here])
        note = np.repeat(np.arange(len(ticks)), counts)
        place = np.arange(len(note)) - (np.cumsum(counts) - counts)[note]
        durations = np.where(place == counts[note] - 1, last[note], len(self.grid.durations[units[0]]) - 1)
        return [
            (ticks[changed], ranks[changed] + _PROGRAM, self.program + programs[changed]),
            (ticks, ranks + _PITCH, self.pitch + notes["pitch"].astype(np.int64)),
            (ticks, ranks + _VELOCITY, self.velocity + np.searchsorted(self.grid.velocities, notes["velocity"])),
            (ticks[note], ranks[note] + _DURATIONS + place, self.duration + durations),
        ]


def _all_notes(score: ScoreTick) -> dict[str, np.ndarray]:
    """Notes of all tracks by onset, program and pitch, each (notes,); drums have program -1."""
    arrays = [track.notes.numpy() for track in score.tracks]
    notes = {name: np.concatenate([array[name] for array in arrays]) for name in arrays[0]}
    programs = [np.full(len(track.notes), -1 if track.is_drum else track.program) for track in score.tracks]
    notes["program"] = np.concatenate(programs).astype(np.int64)
    notes["time"] = notes["time"].astype(np.int64)
    order = np.lexsort((notes["pitch"], notes["program"], notes["time"]))
    return {name: values[order] for name, values in notes.items()}
