"""One part as it is written, and the numbers its measures are counted in. Knows nothing of the walk through XML."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from lxml.etree import _Element

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.musicxml.reading.header import PartHeader
from symbolic_music.score.musicxml.reading.tempo import TempoMark
from symbolic_music.score.notation.clock import MAX_UNIT
from symbolic_music.score.notation.dynamics import Dynamics
from symbolic_music.score.notation.written import Placed, WrittenKey


@dataclass
class MeasureFacts:
    """What one part says of one bar; times in units of the part.

    Args:
        end: where its last note, written rest or <forward> ends.
        sound_end: where its last note or rest ends that is no whole-measure rest.
        note_end: where its last note ends.
        meter: in force; None in free time.
        implicit: whether it is not counted as a bar: an upbeat, or the second half of one.
    """

    end: int = 0
    sound_end: int = 0
    note_end: int = 0
    meter: tuple[int, int] | None = (4, 4)
    implicit: bool = False


@dataclass
class Part:
    """One part as it is written.

    Args:
        header: name and instruments.
        unit: how many units of time a quarter note has.
        facts: of each bar.
        rows: of the notes: staff, instrument program, voice, bar, onset, duration, pitch, velocity percent (-1: none),
            grace, tie start, tie stop, passes (as of `NoteTable`).
        keys: at sounding pitch, with the mode as written.
        tempos, chords: by bar.
        dynamics: bar, onset and sign or level, in the order of the file.
        hairpins: bar and onset of begin and end; 1 for louder, -1 for softer.
    """

    header: PartHeader
    unit: int = 1
    facts: list[MeasureFacts] = field(default_factory=list)
    rows: list[tuple[int, ...]] = field(default_factory=list)
    keys: list[Placed[tuple[WrittenKey, str]]] = field(default_factory=list)
    tempos: list[Placed[TempoMark]] = field(default_factory=list)
    chords: list[Placed[str]] = field(default_factory=list)
    dynamics: list[tuple[int, int, str | int]] = field(default_factory=list)
    hairpins: list[tuple[int, int, int, int, int]] = field(default_factory=list)

    def dynamics_at(self, starts: list[float]) -> Dynamics:
        """The part's dynamics by time, where each bar starts at `starts`, in quarter notes."""
        found = Dynamics()
        for bar, onset, sign in self.dynamics:
            time = starts[bar] + onset / self.unit
            if isinstance(sign, int):
                found.levels.append((time, sign))
            else:
                found.add_sign(time, sign)
        for bar, onset, end_bar, end_onset, way in self.hairpins:
            found.hairpins.append((starts[bar] + onset / self.unit, starts[end_bar] + end_onset / self.unit, way))
        return found


def common_unit(measures: Iterable[_Element]) -> int:
    """The least number in which every <divisions> of the part goes."""
    unit = 1
    for measure in measures:
        for element in measure.iterfind("attributes/divisions"):
            unit = math.lcm(unit, divisions(element.text))
            if unit > MAX_UNIT:
                detail = f"expected at most {MAX_UNIT:,} divisions of a quarter note, found {unit:.3g}"
                raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
    return unit


def divisions(text: str | None) -> int:
    """Divisions of a quarter note; 1 for what is no number above 0, and fractions are made whole."""
    number = number_of(text)
    if number is None or number <= 0:
        return 1
    # "0.5" and the like: MusicXML allows decimals, whose durations are then decimals too.
    return number.numerator if number.denominator == 1 else math.ceil(number)


def number_of(text: str | None) -> Fraction | None:
    """A decimal number of reasonable length; None for anything else."""
    text = (text or "").strip()
    if text.isdecimal() and len(text) < 16:
        return Fraction(int(text))
    try:
        return Fraction(text) if len(text) < 32 and "e" not in text.lower() else None
    except (ValueError, ZeroDivisionError):
        return None
