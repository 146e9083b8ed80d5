"""What a REMI vocabulary can say, and the names it says it by: MidiTok's, in MidiTok's order, without importing it.

MidiTok imports torch, which takes seconds; a piece is written and read without either.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from symbolic_music.events.codec import EDITION, added_field, check_edition
from symbolic_music.events.meters import Meter, parse_meter
from symbolic_music.events.remi.quantise import RemiGrid
from symbolic_music.events.tempos import fine_tempos, microseconds

# Tempos of `fine_tempos` that MidiTok spaces in the same way; the others stand behind all its names.
WHOLE_TEMPOS = (16, 200)
_LOUDEST = 127


@dataclass(frozen=True)
class RemiSettings:
    """What a REMI vocabulary can say.

    Attributes:
        beat_resolution: (first beat, end beat, steps per beat) for durations, finest first; the first also sets the
            positions per beat. 24 hold sixteenths and triplets exactly in every meter, cut time included, where the
            beat is a half note; the last end is the longest note in beats.
        beat_units: denominators of meters.
        max_beats_per_bar: largest numerator of a meter with any of these.
        long_meters: meters with more beats.
        tempo_range: slowest and fastest tempo in quarter notes per minute.
        num_tempos: evenly spaced tempos; None takes `events.tempos.fine_tempos`, at most 1.5% apart.
        num_velocities: evenly spaced velocities.
        edition: of the rules of rounding; see `events.codec.EDITION`.
    """

    beat_resolution: tuple[tuple[int, int, int], ...] = ((0, 4, 24), (4, 16, 4), (16, 32, 1))
    beat_units: tuple[int, ...] = (2, 4, 8, 16)
    max_beats_per_bar: int = 12
    long_meters: tuple[str, ...] = added_field(
        tuple(f"{beats}/{unit}" for unit in (8, 16) for beats in (13, 14, 15, 16, 18, 21)), before=()
    )
    tempo_range: tuple[int, int] = (16, 600)
    num_tempos: int | None = None
    num_velocities: int = 16
    edition: int = added_field(EDITION, before=1)

    def __post_init__(self) -> None:
        check_edition(self.edition)

    @property
    def positions_per_beat(self) -> int:
        """Positions in one beat, the beat being the note of the meter's denominator."""
        return self.beat_resolution[0][2]

    @property
    def meters(self) -> dict[int, list[int]]:
        """By denominator, the numerators of meters."""
        numerators = {unit: list(range(1, self.max_beats_per_bar + 1)) for unit in self.beat_units}
        for beats, unit in map(parse_meter, self.long_meters):
            numerators.setdefault(unit, []).append(beats)
        return numerators

    def tempos(self) -> np.ndarray:
        """Every tempo in quarter notes per minute, ascending."""
        if self.num_tempos is None:
            return fine_tempos(*self.tempo_range)
        return np.linspace(*self.tempo_range, self.num_tempos).round(2)  # as MidiTok rounds


class RemiVocabulary:
    """Names of events, and the grid of what they mean.

    Args:
        settings: what can be said.
    """

    def __init__(self, settings: RemiSettings):
        self.settings = settings

    @cached_property
    def durations(self) -> list[str]:
        """Names of durations, the shortest first: whole beats, steps, and steps per beat."""
        return [f"Duration_{beats}.{steps}.{per_beat}" for beats, steps, per_beat in self._durations]

    @cached_property
    def _durations(self) -> list[tuple[int, int, int]]:
        ranges = self.settings.beat_resolution
        found = [
            (beats, steps, per_beat)
            for first, end, per_beat in ranges
            for beats in range(first, end)
            for steps in range(per_beat)
        ]
        return [*found[1:], (ranges[-1][1], 0, ranges[-1][2])]  # no duration of nothing

    @cached_property
    def tempos(self) -> list[str]:
        """Names of tempos, the fastest first, for the grid counts microseconds."""
        return [f"Tempo_{tempo}" for tempo in self.settings.tempos()[::-1].tolist()]

    @cached_property
    def events(self) -> list[str]:
        """All names in the order of their ids, without special tokens."""
        settings = self.settings
        tempos = self.tempos[::-1]
        first, others = tempos, []
        if settings.num_tempos is None:
            slowest, fastest = WHOLE_TEMPOS
            even = {f"Tempo_{float(tempo)}" for tempo in range(slowest, fastest + 1)}
            first, others = [name for name in tempos if name in even], [name for name in tempos if name not in even]
        most_beats = max(beats for numerators in settings.meters.values() for beats in numerators)
        return [
            "Bar_None",
            *(f"Pitch_{pitch}" for pitch in range(128)),
            *(f"Velocity_{velocity}" for velocity in self.velocities.tolist()),
            *self.durations,
            *(f"Position_{position}" for position in range(most_beats * settings.positions_per_beat)),
            *first,
            *(f"Program_{program}" for program in (*range(128), -1)),
            *(f"TimeSig_{beats}/{unit}" for beats, unit in self.meters),
            *others,
        ]

    @property
    def velocities(self) -> np.ndarray:
        """Every velocity, ascending."""
        return np.linspace(0, _LOUDEST, self.settings.num_velocities + 1, dtype=np.intc)[1:]

    @property
    def meters(self) -> list[Meter]:
        """Every meter, by unit and beats."""
        return [(beats, unit) for unit, numerators in self.settings.meters.items() for beats in numerators]

    @property
    def ticks_per_quarter(self) -> int:
        """Enough for every position in every meter."""
        return self.settings.positions_per_beat * max(self.settings.meters) // 4

    @cached_property
    def grid(self) -> RemiGrid:
        """What the names mean in ticks."""
        settings = self.settings
        per_beat = {unit: self.ticks_per_quarter * 4 // unit for unit in settings.meters}
        return RemiGrid(
            ticks_per_quarter=self.ticks_per_quarter,
            steps={unit: ticks // settings.positions_per_beat for unit, ticks in per_beat.items()},
            durations={unit: self._durations_in_ticks(ticks) for unit, ticks in per_beat.items()},
            velocities=self.velocities,
            tempos=np.sort(microseconds(settings.tempos())),
            meters=frozenset(self.meters),
            edition=settings.edition,
        )

    def _durations_in_ticks(self, ticks_per_beat: int) -> np.ndarray:
        ticks = [(beats * own + steps) * ticks_per_beat // own for beats, steps, own in self._durations]
        return np.array(ticks, dtype=np.int32)
