"""REMI events as a Score. Knows event names and grids, nothing of ids; what it reads, the grammar has accepted."""

from collections.abc import Sequence

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

from symbolic_music.events.codec import DecodingError
from symbolic_music.events.meters import parse_meter
from symbolic_music.events.remi.quantise import LAST_TICK, RemiGrid, named_track

_BAR, _METER, _POSITION, _TEMPO, _PROGRAM, _PITCH, _VELOCITY, _DURATION = range(8)
_KINDS = {
    "Bar": _BAR,
    "TimeSig": _METER,
    "Position": _POSITION,
    "Tempo": _TEMPO,
    "Program": _PROGRAM,
    "Pitch": _PITCH,
    "Velocity": _VELOCITY,
    "Duration": _DURATION,
}


class RemiReader:
    """Reads events as Scores, a whole piece at a time in numpy.

    Args:
        grid: of the vocabulary.
        names: event names.
        durations: event names of `grid.durations`, in order; the same for every beat unit.
        tempos: event name of each of `grid.tempos`, in order.
    """

    def __init__(self, grid: RemiGrid, names: Sequence[str], durations: list[str], tempos: list[str]):
        self.grid = grid
        self.names = list(names)
        parted = [name.partition("_") for name in names]
        self.kinds = np.array([_KINDS[kind] for kind, _, _ in parted])
        # What an event says as a number: its place among durations, its microseconds, its meter's place, or its value.
        self.meters = sorted({parse_meter(value) for kind, _, value in parted if kind == "TimeSig"})
        meter_places = {meter: place for place, meter in enumerate(self.meters)}
        places = {name: place for place, name in enumerate(durations)}
        places |= dict(zip(tempos, grid.tempos.tolist(), strict=True))
        self.values = np.array(
            [
                meter_places[parse_meter(value)] if kind == "TimeSig" else places.get(name, _number(value))
                for name, (kind, _, value) in zip(names, parted, strict=True)
            ]
        )
        self.bar_lengths = np.array([grid.bar_length(meter) for meter in self.meters])
        self.steps = np.array([grid.steps[unit] for _, unit in self.meters])
        self.durations = np.stack([grid.durations[unit] for _, unit in self.meters])

    def read(self, numbers: np.ndarray) -> ScoreTick:
        """The Score that a complete, canonical sequence writes.

        Args:
            numbers: (n,) places in `names`.

        Raises:
            DecodingError: when its notes last longer than a Score can say.
        """
        kinds, values = self.kinds[numbers], self.values[numbers]
        is_bar = kinds == _BAR
        bar_of = np.cumsum(is_bar) - 1
        meters = values[kinds == _METER]  # one behind each bar
        lengths = self.bar_lengths[meters]
        bar_starts = np.cumsum(lengths) - lengths
        is_position = kinds == _POSITION
        onsets = np.where(is_position, bar_starts[bar_of] + self.steps[meters[bar_of]] * values, 0)
        onsets = onsets[_last(is_position)]
        is_duration = kinds == _DURATION
        ticks = np.where(is_duration, self.durations[meters[bar_of], np.where(is_duration, values, 0)], 0)
        pitches = np.flatnonzero(kinds == _PITCH)
        note_of = np.cumsum(kinds == _PITCH) - 1
        lengths = np.bincount(note_of[is_duration], ticks[is_duration], len(pitches)).astype(np.int64)
        self._check_ticks(numbers, onsets, pitches, onsets[pitches] + lengths)
        programs = values[_last(kinds == _PROGRAM)][pitches]
        notes = (onsets[pitches], lengths, values[pitches], values[kinds == _VELOCITY])
        score = ScoreTick(self.grid.ticks_per_quarter)
        score.tracks = TrackTickList(
            [
                _track(program, *(part[programs == program] for part in notes))
                for program in np.unique(programs).tolist()
            ]
        )
        is_tempo = kinds == _TEMPO
        said = zip(onsets[is_tempo].tolist(), values[is_tempo].tolist(), strict=True)
        score.tempos = TempoTickList([TempoTick(tick, mspq=microseconds) for tick, microseconds in said])
        changes = np.flatnonzero(np.diff(meters, prepend=-1))
        score.time_signatures = TimeSignatureTickList(
            [TimeSignatureTick(int(bar_starts[bar]), *self.meters[meters[bar]]) for bar in changes]
        )
        return score

    def _check_ticks(self, numbers: np.ndarray, onsets: np.ndarray, pitches: np.ndarray, ends: np.ndarray) -> None:
        late = np.flatnonzero(onsets > LAST_TICK)[:1].tolist() + pitches[ends > LAST_TICK][:1].tolist()
        if late:
            index = min(late)
            raise DecodingError(
                f"event {index} is {self.names[numbers[index]]!r}, beyond tick {LAST_TICK:,} of a Score"
            )


def _number(value: str) -> int:
    """What a value says, where it is a number."""
    return int(value) if value.lstrip("-").isdecimal() else 0


def _last(is_it: np.ndarray) -> np.ndarray:
    """(n,) for each place, the last place up to it that is one; 0 where there is none."""
    return np.maximum.accumulate(np.where(is_it, np.arange(len(is_it)), 0))


def _track(
    program: int, onsets: np.ndarray, durations: np.ndarray, pitches: np.ndarray, velocities: np.ndarray
) -> TrackTick:
    notes = NoteTickList.from_numpy(
        onsets.astype(np.int32), durations.astype(np.int32), pitches.astype(np.int8), velocities.astype(np.int8)
    )
    return named_track(program, notes)
