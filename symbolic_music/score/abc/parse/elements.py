"""What a voice of an ABC tune is made of: its bars, its note rows, and what holds until it is changed."""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from symbolic_music.score.abc.parse.fields import Key, Meter, Sounding


@dataclass(slots=True)
class Bar:
    """A bar of one voice.

    Args:
        meter: in force at its beginning; None in free time.
        length: in quarter notes.
        starts: how many colons stand at its beginning, 1 for `|:`.
        ends: how many stand at its end, 1 for `:|`.
        endings: passes of the volta that begins with it; () where none begins.
        double_start: whether it begins with a double bar line.
        double_end: whether it ends with one.
        part: the `P:` that begins with it.
        is_cut: whether no bar line stands before that `P:`.
        jumps: names of the signs at its beginning and end, each with whether it stands behind the bar's first note.
    """

    meter: Meter | None
    length: Fraction = Fraction(0)
    starts: int = 0
    ends: int = 0
    endings: tuple[int, ...] = ()
    double_start: bool = False
    double_end: bool = False
    part: str = ""
    is_cut: bool = False
    jumps: list[tuple[str, bool]] = field(default_factory=list)


@dataclass(frozen=True)
class Loudness:
    """Velocities by place in the bar, as abc2midi's `%%MIDI beat` has them.

    Args:
        first: of notes on the first beat.
        strong: on the other beats that the meter stresses.
        other: elsewhere.
        every: notes between the stresses in place of the meter's own; 0 leaves it to the meter.
    """

    first: int = 105
    strong: int = 95
    other: int = 80
    every: int = 0


@dataclass(frozen=True)
class Instrument:
    """What plays a voice: a General MIDI program, or drums."""

    program: int = 0
    is_drum: bool = False


@dataclass(slots=True)
class NoteRow:
    """One written note; columns as in `notation.written.NoteTable`."""

    instrument: Instrument
    layer: int
    bar: int
    onset: int
    duration: int
    unit: int
    pitch: int
    velocity: int
    tie_start: bool = False
    tie_stop: bool = False


class Head(NamedTuple):
    """A note head as it is written: "" for no accidental; a letter from A to g; the marks of octaves; its length."""

    accidental: str
    letter: str
    octaves: str
    length: str
    tied: bool


@dataclass
class Setting:
    """What holds when a voice begins, and may change as it goes on."""

    key: Key
    meter: Meter | None = None
    has_meter: bool = False
    unit: Fraction | None = None
    sounding: Sounding = field(default_factory=Sounding)
    transpose: int = 0
    instrument: Instrument = field(default_factory=Instrument)
    loudness: Loudness = field(default_factory=Loudness)
    channel: int = 0

    @property
    def unit_length(self) -> Fraction:
        """In whole notes; by the meter where the tune does not say (ABC 2.1, section 3.1.7)."""
        if self.unit is not None:
            return self.unit
        return Fraction(1, 16) if self.meter is not None and self.meter.length < Fraction(3, 4) else Fraction(1, 8)

    def semitones(self) -> int:
        """By which notes sound above what is written."""
        octaves = (self.sounding.clef_octaves or 0) + (self.sounding.octaves or 0)
        return 12 * octaves + (self.sounding.semitones or 0) + self.transpose

    def sound_as(self, change: Sounding) -> None:
        """Take over what a clef or its parameters say."""
        said = {name: value for name, value in vars(change).items() if value is not None}
        self.sounding = replace(self.sounding, **said)
