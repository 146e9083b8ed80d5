"""What a piece is asked to be, in words of music. Knows neither events nor models."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from symbolic_music.events.controls.errors import ControlError as ControlError
from symbolic_music.events.controls.given import GivenNotes
from symbolic_music.score.abc.spelling import key_text
from symbolic_music.score.chords import pitch_class

ControlValue = float | tuple[float, float]

_MAJOR_SCALE = frozenset((0, 2, 4, 5, 7, 9, 11))
# The natural, the harmonic and the melodic minor scale together.
_MINOR_SCALE = frozenset((0, 2, 3, 5, 7, 8, 9, 10, 11))
_FIFTHS_OF_LETTER = {letter: place - 1 for place, letter in enumerate("FCGDAEB")}


@dataclass(frozen=True)
class Key:
    """A key.

    Attributes:
        fifths: sharps of its signature, flats being negative.
        minor: else major.
    """

    fifths: int
    minor: bool

    @property
    def tonic(self) -> int:
        """Its first note as a pitch class, 0 is C."""
        return (7 * self.fifths + (9 if self.minor else 0)) % 12

    @property
    def scale(self) -> frozenset[int]:
        """Pitch classes of the major scale, or of the natural, harmonic and melodic minor scales together."""
        return frozenset((self.tonic + step) % 12 for step in (_MINOR_SCALE if self.minor else _MAJOR_SCALE))

    @property
    def triad(self) -> frozenset[int]:
        """Pitch classes of the chord on the tonic."""
        return frozenset((self.tonic + step) % 12 for step in (0, 3 if self.minor else 4, 7))

    def __str__(self) -> str:
        return key_text(self.fifths, self.minor)

    @classmethod
    def parse(cls, text: str) -> "Key":
        """The key that "G", "F#m", "D minor" or "Bb major" names.

        Raises:
            ControlError: when it names none.
        """
        words = text.strip().replace("♭", "b").replace("♯", "#").split()
        name, mode = (words[0], " ".join(words[1:]).lower()) if words else ("", "")
        minor = mode in ("minor", "min", "m")
        if name.endswith("m") and not mode:
            name, minor = name[:-1], True
        letter, accidentals = name[:1].upper(), name[1:]
        if (
            letter not in _FIFTHS_OF_LETTER
            or accidentals.strip("#b")
            or mode not in ("", "major", "maj", "minor", "min", "m")
        ):
            raise ControlError(f"the key is {text!r}; expected such as G, F#m or D minor")
        fifths = _FIFTHS_OF_LETTER[letter] + 7 * (accidentals.count("#") - accidentals.count("b")) - 3 * minor
        if not -7 <= fifths <= 7:
            raise ControlError(f"the key is {text!r}, which would have more than seven sharps or flats")
        assert (pitch_class(letter + accidentals)) == cls(fifths, minor).tonic
        return cls(fifths, minor)


@dataclass(frozen=True)
class Controls:
    """What a piece is asked to be; what is None is left open.

    Attributes:
        instruments: the General MIDI programs that play, and no others; drums are -1. One that is named twice has at
            least two tracks. A file may need several for one, whose notes overlap.
        with_instruments: programs that play at the least, whoever else does.
        tempo: in quarter notes per minute, throughout; or the slowest and the fastest that it may have.
        meter: such as "3/4", in every bar.
        bars: how many; the last note begins in the last of them or before, and sounds up to it or beyond.
        key: such as "G" or "Dm": every note that is no drum's belongs to its scale (see `Key.scale`), and where a
            representation writes key signatures, it writes this one.
        chords: by bar, chord symbols in their normal form that share the bar evenly: every note that is no drum's and
            begins on a strong beat (see `metrics.harmony.beats`) is a chord tone. Others may pass as they like. The
            progression goes round until the piece ends.
        ranges: by program, the lowest and the highest pitch; `EVERY` is every program but drums that is not named.
        density: fewest and most notes that begin in each bar, in all tracks together.
        ending: the last notes begin on a strong beat, on the tonic of the key: in each track, the lowest note that
            begins at the piece's last onset is the tonic, and those above belong to its triad.
        bass_on_root: on the first beat of each chord something that is no drum sounds, and the lowest of it is the
            chord's root, or the bass that the symbol names, as C/E does. Nothing but drums is held into that beat.
        max_repeats: how often at most a bar is repeated in a row; 0 has no bar like the one before it. A bar is
            repeated when each track begins the same pitches at the same places in the next one.
        polyphony: by program, fewest and most notes that one track begins together; `EVERY` as for ranges.
        keep: notes that stay: each is in the piece at its onset, with its duration, pitch and instrument; others may
            be added around it.
        rhythm: each instrument of the file plays as many notes of each onset and duration as there; nothing else and
            nobody else plays. One instrument that is asked for and is not the file's plays the rhythm of the file's
            melody (see `GivenNotes.melody`).
        pitches: each voice of the file plays its chords (what begins together) one after the other, when and for how
            long it likes; nothing else and nobody else plays. One instrument as for rhythm.

    Of these three, bars, meter and tempo are the file's where no others are asked for; so is, of notes that stay and
    of pitches, the key signature, where a representation writes one.
    """

    instruments: tuple[int, ...] | None = None
    tempo: ControlValue | None = None
    meter: str | None = None
    bars: int | None = None
    with_instruments: tuple[int, ...] | None = None
    key: str | None = None
    chords: tuple[tuple[str, ...], ...] | None = None
    ranges: tuple[tuple[int, int, int], ...] | None = None
    density: tuple[int, int] | None = None
    ending: bool | None = None
    bass_on_root: bool | None = None
    max_repeats: int | None = None
    polyphony: tuple[tuple[int, int, int], ...] | None = None
    keep: GivenNotes | None = None
    rhythm: GivenNotes | None = None
    pitches: GivenNotes | None = None

    @property
    def asked(self) -> list[str]:
        """Names of what is asked for."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return [name for name, value in values.items() if value is not None and value is not False]

    def told(self) -> dict[str, Any]:
        """What is asked for, for JSON; of files their names."""
        values = {name: getattr(self, name) for name in self.asked}
        return {name: value.name if isinstance(value, GivenNotes) else value for name, value in values.items()}

    @property
    def given(self) -> dict[str, GivenNotes]:
        """What files give, by name of the field; first what says most of where notes are."""
        values = {name: getattr(self, name) for name in ("rhythm", "keep", "pitches")}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def tempo_range(self) -> tuple[float, float] | None:
        """Slowest and fastest tempo, where one is asked for."""
        if self.tempo is None:
            return None
        return self.tempo if isinstance(self.tempo, tuple) else (self.tempo, self.tempo)

    @property
    def range_of(self) -> Mapping[int, tuple[int, int]]:
        """Lowest and highest pitch by program."""
        return {program: (low, high) for program, low, high in self.ranges or ()}


COMMON_METER = "4/4"
"""Of chords whose meter is not asked for, as lead sheets have it."""
EVERY = -2
"""Stands, in `Controls.ranges`, for every program but drums that is not named."""
