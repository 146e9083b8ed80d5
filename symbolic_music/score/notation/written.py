"""A score as it is written: bars with their meter and signs, and notes by bar, before anything is played.

Every reader of notation fills in a `WrittenScore`; `assemble` plays it. Knows nothing of file formats.
"""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from symbolic_music.score.notation.playback import NO_MARKS, BarMarks

T = TypeVar("T")
MAX_PASS = 62
"""Notes can be written for passes up to this one: more do not go in an integer."""


@dataclass(frozen=True, slots=True)
class WrittenTrack:
    """Where notes go: one staff of one part, with one instrument.

    Args:
        name: of the part; parts that change their instrument have several tracks of one name.
        program: 0 to 127, or `programs.DRUMS`.
    """

    name: str
    program: int = 0


@dataclass(frozen=True, slots=True)
class WrittenBar:
    """A bar, the same in all parts.

    Args:
        length: how long it lasts, in quarter notes, above 0.
        meter: the meter in force, such as (6, 8); None in free time, where each bar is its own meter.
        marks: its signs of repetition.
    """

    length: Fraction
    meter: tuple[int, int] | None = (4, 4)
    marks: BarMarks = NO_MARKS


class Placed(NamedTuple, Generic[T]):
    """Something that stands in a bar, `onset` quarter notes behind its beginning."""

    bar: int
    onset: Fraction
    value: T


class WrittenKey(NamedTuple):
    """A key signature: sharps above 0, flats below; whether it is stated to be minor."""

    fifths: int
    minor: bool = False


@dataclass
class NoteTable:
    """Written notes, one entry each in all columns, in any order. Rests are not kept.

    Columns are made arrays of int64. They are what keeps reading fast: there is no Python object for a note.

    Args:
        track: index into the score's tracks.
        part: ties join within a part, whatever the staff.
        voice: any number; two voices of one part have two.
        bar: index into the score's bars.
        onset: from the beginning of the bar, in units of `1 / unit` quarter notes. Of a grace note: of its main note.
        duration: likewise, as written, 0 for grace notes.
        unit: how many of them a quarter note has, above 0; each note may have its own.
        pitch: MIDI's sounding pitch, 0 to 127.
        velocity: 1 to 127.
        grace: 0 for ordinary notes; grace notes count backwards from their main note: 1 is the last before it. Those
            of one chord have one number.
        tie_start: whether a tie begins at the note.
        tie_stop: whether one ends at it; both in the middle of three.
        passes: on which passes through its bar the note is played (`playback`): bit `n - 1` for pass n, 0 for all.
            None given: all notes on all.
    """

    track: np.ndarray
    part: np.ndarray
    voice: np.ndarray
    bar: np.ndarray
    onset: np.ndarray
    duration: np.ndarray
    unit: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    grace: np.ndarray
    tie_start: np.ndarray
    tie_stop: np.ndarray
    passes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        if not len(self.passes):
            self.passes = np.zeros(len(self.pitch), np.int64)
        columns = {name: np.asarray(column, dtype=np.int64) for name, column in vars(self).items()}
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"expected columns of one length, got {sorted(lengths)}")
        vars(self).update(columns)

    def __len__(self) -> int:
        return len(self.pitch)

    def take(self, index: np.ndarray) -> "NoteTable":
        """The notes with these numbers, or where a mask holds, in that order."""
        return NoteTable(**{name: column[index] for name, column in vars(self).items()})


@dataclass
class WrittenScore:
    """What a file writes.

    Args:
        tracks: of the notes.
        bars: in the order they are written.
        notes: of all parts.
        tempos: quarter notes per minute.
        keys: key signatures.
        chords: chord symbols in their normal form.
        play_order: the numbers of the bars as they are played, where the file says so itself; None: by their marks.
        left_out: what of the file is none of this, by kind.
    """

    tracks: list[WrittenTrack]
    bars: list[WrittenBar]
    notes: NoteTable
    tempos: list[Placed[float]] = field(default_factory=list)
    keys: list[Placed[WrittenKey]] = field(default_factory=list)
    chords: list[Placed[str]] = field(default_factory=list)
    play_order: list[int] | None = None
    left_out: Counter[str] = field(default_factory=Counter)
