"""What is asked for as people write it, one text for each thing: "60-80", "C | Am | F G7 | C", "Violin:G3-E6"."""

import re

from symbolic_music.events.controls.asked import EVERY, ControlError, ControlValue
from symbolic_music.events.voices.codec import DRUMS_VALUE
from symbolic_music.events.voices.track_text import find_instrument
from symbolic_music.generation.controls.playable import PLAYABLE
from symbolic_music.score.chords import SEMITONES_OF_LETTER, normal_chord
from symbolic_music.score.programs import DRUMS

_PITCH = re.compile(r"(?P<letter>[A-Ga-g])(?P<accidentals>[#b]*)(?P<octave>-?\d+)$")


def parse_tempo(text: str) -> ControlValue:
    """A tempo, "96", or a range of them, "80-100".

    Raises:
        ControlError: when it is neither.
    """
    parts = text.split("-")
    try:
        values = [float(part) for part in parts]
    except ValueError:
        values = []
    if len(values) not in (1, 2) or not all(0 < value < 10_000 for value in values):
        raise ControlError(f"the tempo is {text!r}; expected quarter notes per minute, such as 96 or 80-100")
    return values[0] if len(values) == 1 else (values[0], values[1])


def parse_instruments(text: str) -> tuple[int, ...]:
    """Programs of names, numbers from 0 or Drums, separated by commas; drums are -1.

    Raises:
        ControlError: when there is none, or one is unknown.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ControlError("no instrument is named; expected a comma-separated list")
    return tuple(_program(name) for name in names)


def _program(name: str) -> int:
    try:
        value = find_instrument(name)
    except ValueError as error:
        raise ControlError(str(error)) from error
    return DRUMS if value == DRUMS_VALUE else int(value)


def parse_chords(text: str) -> tuple[tuple[str, ...], ...]:
    """A progression, bars separated by "|" and the chords of one by spaces; "%" repeats the bar before.

    Raises:
        ControlError: when a bar is empty, or something is no chord.
    """
    bars: list[tuple[str, ...]] = []
    for number, bar in enumerate(text.strip().strip("|").split("|"), start=1):
        written = bar.split()
        if not written:
            raise ControlError(f"bar {number} of the chords has none; expected such as C | Am | F G7 | C")
        if written == ["%"] and bars:
            bars.append(bars[-1])
            continue
        chords = [normal_chord(chord) for chord in written]
        unread = [chord for chord, read in zip(written, chords, strict=True) if read is None]
        if unread:
            raise ControlError(f"{unread[0]!r} in bar {number} is no chord symbol; expected such as C, F#m7 or Bb/D")
        bars.append(tuple(chord for chord in chords if chord is not None))
    return tuple(bars)


def parse_ranges(text: str) -> tuple[tuple[int, int, int], ...]:
    """Ranges of pitches by instrument, "Violin:G3-E6, Cello:36-76", or of every one: "C3-C6".

    Raises:
        ControlError: when one cannot be read.
    """
    ranges = []
    for part in text.split(","):
        name, colon, pitches = part.strip().rpartition(":")
        match = re.match(r"(.+?)-(.+)$", pitches.strip())
        if not match or (colon and not name):
            raise ControlError(f"the range is {part.strip()!r}; expected such as Violin:G3-E6, or C3-C6 for all")
        ranges.append((_program(name) if colon else EVERY, parse_pitch(match[1]), parse_pitch(match[2])))
    return tuple(ranges)


def parse_polyphony(text: str) -> tuple[tuple[int, int, int], ...]:
    """Fewest and most notes that begin together by instrument, "Piano:2-4, Violin:1", or of every one: "1-4".

    Raises:
        ControlError: when one cannot be read.
    """
    bounds = []
    for part in text.split(","):
        name, colon, counts = part.strip().rpartition(":")
        match = re.match(r"(\d+)(?:-(\d+))?$", counts.strip())
        if not match or (colon and not name):
            raise ControlError(f"the polyphony is {part.strip()!r}; expected such as 1-4, or Piano:2-4")
        bounds.append((_program(name) if colon else EVERY, int(match[1]), int(match[2] or match[1])))
    return tuple(bounds)


def parse_pitch(text: str) -> int:
    """A pitch as its number or its name; C4 is 60.

    Raises:
        ControlError: when it is neither.
    """
    text = text.strip()
    match = _PITCH.match(text)
    if match:
        accidentals = match["accidentals"].count("#") - match["accidentals"].count("b")
        pitch = SEMITONES_OF_LETTER[match["letter"].upper()] + accidentals + 12 * (int(match["octave"]) + 1)
    elif text.isdecimal():
        pitch = int(text)
    else:
        raise ControlError(f"the pitch is {text!r}; expected such as G3, or 0 to 127")
    if not 0 <= pitch <= 127:
        raise ControlError(f"the pitch is {text!r}, which lies outside of 0 to 127")
    return pitch


def parse_density(text: str) -> tuple[int, int]:
    """Fewest and most notes in a bar: "4-12", or one number for exactly so many.

    Raises:
        ControlError: when it is neither.
    """
    low, dash, high = text.partition("-")
    if not low.strip().isdecimal() or (dash and not high.strip().isdecimal()):
        raise ControlError(f"the density is {text!r}; expected notes in a bar, such as 4-12")
    return int(low), int(high if dash else low)


def playable_ranges(instruments: tuple[int, ...] | None) -> tuple[tuple[int, int, int], ...]:
    """What instruments can play, of those that are asked for or of all; see `PLAYABLE`."""
    programs = PLAYABLE if instruments is None else [program for program in instruments if program in PLAYABLE]
    return tuple((program, *PLAYABLE[program]) for program in dict.fromkeys(programs))
