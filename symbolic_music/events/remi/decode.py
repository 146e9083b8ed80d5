"""REMI events as a Score. Knows event names and grids, nothing of ids; what it reads, the grammar has accepted."""

from collections import defaultdict
from collections.abc import Sequence

from symusic.core import (
    NoteTick,
    NoteTickList,
    ScoreTick,
    TempoTick,
    TempoTickList,
    TimeSignatureTick,
    TimeSignatureTickList,
    TrackTickList,
)

from symbolic_music.events.codec import DecodingError
from symbolic_music.events.meters import parse_meter
from symbolic_music.events.remi.quantise import LAST_TICK, RemiGrid, named_track


class RemiReader:
    """Reads events as Scores.

    Args:
        grid: of the vocabulary.
        durations: event names of `grid.durations`, in order; the same for every beat unit.
        tempos: event name of each of `grid.tempos`, in order.
    """

    def __init__(self, grid: RemiGrid, durations: list[str], tempos: list[str]):
        self.grid = grid
        self.durations = {
            unit: dict(zip(durations, ticks.tolist(), strict=True)) for unit, ticks in grid.durations.items()
        }
        self.tempos = dict(zip(tempos, grid.tempos.tolist(), strict=True))

    def read(self, events: Sequence[str]) -> ScoreTick:
        """The Score that a complete, canonical sequence writes.

        Raises:
            DecodingError: when its notes last longer than a Score can say.
        """
        tracks: dict[int, list[NoteTick]] = defaultdict(list)
        meters: list[TimeSignatureTick] = []
        tempos: list[TempoTick] = []
        at = bar = bar_length = program = pitch = velocity = 0
        step, durations = 0, self.durations[next(iter(self.durations))]
        for index, event in enumerate(events):
            kind, _, value = event.partition("_")
            if kind == "Bar":
                bar += bar_length
            elif kind == "TimeSig":
                meter = parse_meter(value)
                bar_length, step, durations = self._bar(meter)
                if not meters or (meters[-1].numerator, meters[-1].denominator) != meter:
                    meters.append(TimeSignatureTick(bar, *meter))
            elif kind == "Position":
                at = bar + step * int(value)
            elif kind == "Tempo":
                tempos.append(TempoTick(at, mspq=self.tempos[event]))
            elif kind == "Program":
                program = int(value)
            elif kind == "Pitch":
                pitch = int(value)
            elif kind == "Velocity":
                velocity = int(value)
            elif events[index - 1].startswith("Duration_"):
                tracks[program][-1].duration += durations[event]
            else:
                tracks[program].append(NoteTick(at, durations[event], pitch, velocity))
            if at > LAST_TICK or (kind == "Duration" and tracks[program][-1].end > LAST_TICK):
                raise DecodingError(f"event {index} is {event!r}, beyond tick {LAST_TICK:,} of a Score")
        score = ScoreTick(self.grid.ticks_per_quarter)
        score.tracks = TrackTickList(
            [named_track(program, NoteTickList(tracks[program])) for program in sorted(tracks)]
        )
        score.tempos, score.time_signatures = TempoTickList(tempos), TimeSignatureTickList(meters)
        return score

    def _bar(self, meter: tuple[int, int]) -> tuple[int, int, dict[str, int]]:
        """Of a meter, the ticks in a bar, those from a position to the next, and durations by their event."""
        return self.grid.bar_length(meter), self.grid.steps[meter[1]], self.durations[meter[1]]
