"""What the events of each representation say, in words that all of them share. Knows no wishes.

The representations differ in how they tell time: REMI names the position in the bar, the others let durations add up;
and in order: REMI and note-level ABC go bar by bar, track text line by line.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.events.grammar import Automaton
from symbolic_music.events.meters import parse_meter
from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.events.voices.abc_notes import AbcNotesCodec
from symbolic_music.events.voices.codec import DRUMS_VALUE, VoiceCodec
from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.score.programs import DRUMS

Kind = Literal["remi", "abc_notes", "track_text"]


@dataclass(frozen=True)
class Dialect:
    """Columns of a codec's grammar by what their events say.

    Attributes:
        kind: the representation.
        events: names of all events, special tokens included, in the order of the grammar's columns.
        grid: positions in a beat (REMI), or steps in a quarter note.
        pitch: (events,) int64; of an event that begins a note its pitch, else -1.
        steps: (events,) int64; by how much an event moves time on, in steps; 0 in REMI.
        max_voices: most instruments of a piece, or None where there is no limit.
        max_bars: most bars of a piece, or None.
    """

    kind: Kind
    events: tuple[str, ...]
    grid: int
    pitch: np.ndarray
    steps: np.ndarray
    max_voices: int | None
    max_bars: int | None

    @cached_property
    def column(self) -> dict[str, int]:
        """Of each event."""
        return {event: column for column, event in enumerate(self.events)}

    @cached_property
    def _by_type(self) -> dict[str, dict[str, int]]:
        types: dict[str, dict[str, int]] = {}
        for event, column in self.column.items():
            kind, _, value = event.partition("_")
            types.setdefault(kind, {})[value] = column
        return types

    def columns(self, *types: str) -> np.ndarray:
        """Of all events of some types, (n,) int64."""
        if types not in self._columns:
            self._columns[types] = self._columns_of(types)
        return self._columns[types]

    def _columns_of(self, types: tuple[str, ...]) -> np.ndarray:
        return np.array([column for kind in types for column in self._by_type.get(kind, {}).values()], dtype=np.int64)

    @cached_property
    def _columns(self) -> dict[tuple[str, ...], np.ndarray]:
        """Those that were asked for."""
        return {}

    @property
    def bar(self) -> np.ndarray:
        """Events that begin a bar."""
        return self.columns("Bar")

    @property
    def end(self) -> np.ndarray:
        """The event that ends a piece."""
        return self.columns("EOS")

    @cached_property
    def notes(self) -> np.ndarray:
        """Events that begin a note, (n,)."""
        return np.flatnonzero(self.pitch >= 0)

    @cached_property
    def meters(self) -> dict[str, int]:
        """Columns of meters."""
        return self._by_type["TimeSig" if self.kind == "remi" else "Meter"]

    @cached_property
    def keys(self) -> dict[str, int]:
        """Columns of key signatures; none in REMI."""
        return self._by_type.get("Key", {})

    @cached_property
    def tempos(self) -> dict[float, int]:
        """Columns of tempos in quarter notes per minute."""
        return {float(value): column for value, column in self._by_type["Tempo"].items()}

    @cached_property
    def positions(self) -> dict[int, int]:
        """Columns of positions; in REMI alone."""
        return {int(value): column for value, column in self._by_type.get("Position", {}).items()}

    @cached_property
    def lengths(self) -> dict[int, int]:
        """By column of a `Duration`, how many positions it lasts, rounded up; in REMI alone."""
        found = {}
        for value, column in self._by_type.get("Duration", {}).items():
            beats, steps, per_beat = map(int, value.split("."))
            found[column] = -(-(beats * per_beat + steps) * self.grid // per_beat)
        return found

    @cached_property
    def programs(self) -> dict[int, int]:
        """Columns of the events that name an instrument; drums are -1."""
        name = {"remi": "Program", "abc_notes": "New", "track_text": "Instrument"}[self.kind]
        return {DRUMS if value == DRUMS_VALUE else int(value): column for value, column in self._by_type[name].items()}

    @cached_property
    def drums(self) -> np.ndarray:
        """The event that names drums, (1,)."""
        return np.array([column for program, column in self.programs.items() if program == DRUMS])

    @cached_property
    def pitched(self) -> np.ndarray:
        """Events that name any other instrument, (n,)."""
        return np.array([column for program, column in self.programs.items() if program != DRUMS])

    @cached_property
    def voices(self) -> dict[int, int]:
        """Columns of the events that go on with a voice (ABC) or begin a line (track text), by its number from 1."""
        name = {"remi": "", "abc_notes": "Voice", "track_text": "Track"}[self.kind]
        return {int(value): column for value, column in self._by_type.get(name, {}).items()}

    def bar_length(self, meter: str) -> int:
        """Positions or steps in a bar."""
        beats, unit = parse_meter(meter)
        return beats * self.grid if self.kind == "remi" else 4 * self.grid * beats // unit

    def strong(self, meter: str) -> list[int]:
        """Positions or steps of the strong beats of a meter, ascending; as `metrics.harmony.beats` has them."""
        beats, _ = parse_meter(meter)
        counted = beats // 3 if beats > 3 and beats % 3 == 0 else beats
        return [0, self.bar_length(meter) // 2] if counted % 4 == 0 else [0]

    def completing(
        self,
        controls: Sequence[Automaton],
        usual: Sequence[Automaton],
        places: Collection[int] = (),
        together: int = 3,
        given: Sequence[int] = (),
    ) -> tuple[np.ndarray, int]:
        """Columns of events enough to complete a piece by: of those that are alike to the controls, a few of each.

        Args:
            controls: automata of what is asked for.
            usual: those of them that notes of every length must be told apart for, for most pieces.
            places: positions at which something may have to begin, besides halves of beats.
            together: notes that may have to begin together.
            given: columns that a piece may need besides.

        Returns:
            The columns, (n,) int64, and how many of them, from the first, do for most pieces.
        """
        alike = self._alike(controls)
        chosen: list[int] = [*self.end.tolist(), self.column["BOS_None"], *self.bar.tolist()]
        for kind, few in (("Tracks", 1), ("Velocity", 1), ("Tempo", 1), ("Key", 1), ("TimeSig", 2), ("Meter", 2)):
            chosen += _few(self.columns(kind), alike, few)
        for kind in ("Voice", "Track", "Rest", "Bars"):
            chosen += self.columns(kind).tolist()
        chosen += _few(np.array(list(self.programs.values())), alike, 1)
        chosen += self.columns("Duration").tolist()[:1]
        half = max(self.grid // 2, 1)
        chosen += [column for position, column in self.positions.items() if not position % half or position in places]
        added, *notes = self._notes_by_steps() if self.kind != "remi" else [self.notes]
        chosen += _few(added, alike, together)
        alike_usually = self._alike(usual)
        for number, columns in enumerate(notes):
            chosen += _few(columns, alike_usually if number else alike, 1)
        chosen += given
        possible = [column for column in dict.fromkeys(chosen) if alike[column] >= 0]
        longer = [column for columns in notes[1:] for column in _few(columns, alike, 1)]
        return np.array(list(dict.fromkeys([*possible, *longer])), dtype=np.int64), len(possible)

    def _alike(self, controls: Sequence[Automaton]) -> np.ndarray:
        """(events,) int64: a number for all events that do the same to every control; -1 where one never allows it."""
        if not controls:
            return np.zeros(len(self.events), dtype=np.int64)
        kinds = np.stack([automaton.alike for automaton in controls])
        never = np.any([(automaton.transitions < 0).all(axis=0) for automaton in controls], axis=0)
        return np.where(never, -1, np.unique(kinds, axis=1, return_inverse=True)[1].ravel())

    def _notes_by_steps(self) -> list[np.ndarray]:
        """Events that begin a note, ascending in pitch, by what they move time on by."""
        notes = self.notes[np.argsort(self.pitch[self.notes], kind="stable")]
        return [notes[self.steps[notes] == steps] for steps in np.unique(self.steps[notes])]


def _few(columns: np.ndarray, alike: np.ndarray, few: int) -> list[int]:
    """Of columns that are alike, the first, the last and those between, so many at the most."""
    chosen: list[int] = []
    for number in np.unique(alike[columns]):
        if number >= 0:
            same = columns[alike[columns] == number]
            places = np.linspace(0, len(same) - 1, min(few, len(same))).round().astype(int)
            chosen += same[places].tolist()
    return chosen


def dialect_of(codec: ScoreCodec) -> Dialect:
    """Of a codec."""
    events = codec.grammar().events
    pitch = np.full(len(events), -1, dtype=np.int64)
    steps = np.zeros(len(events), dtype=np.int64)
    max_voices = max_bars = None
    if isinstance(codec, RemiCodec):
        grid = codec.settings.positions_per_beat
        for column, event in enumerate(events):
            if event.startswith("Pitch_"):
                pitch[column] = int(event.partition("_")[2])
    else:
        assert isinstance(codec, VoiceCodec)
        grid, max_voices = codec.ticks_per_quarter, codec.max_voices
        max_bars = codec.settings.max_bars if isinstance(codec, TrackTextCodec) else None
        for column, event in enumerate(events):
            pitch[column], steps[column] = codec.says(event)
    kind: Kind = (
        "remi" if isinstance(codec, RemiCodec) else "abc_notes" if isinstance(codec, AbcNotesCodec) else "track_text"
    )
    return Dialect(kind, tuple(events), grid, pitch, steps, max_voices, max_bars)
