"""What the fields of an ABC tune say: keys, clefs, meters, unit lengths, tempos, voices and orders of parts.

Text in, values out; None where a text says nothing that can be read. Knows nothing of the tune around a field.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from symbolic_music.score.chords import SEMITONES_OF_LETTER

LETTERS = "CDEFGAB"
_FIFTHS_OF_LETTER = {"F": -1, "C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5}
# Fifths from the major key of the same tonic (ABC 2.1, section 3.1.14); only three letters of a mode count.
_MODES = {
    **dict.fromkeys(("", "maj", "ion"), 0),
    **dict.fromkeys(("m", "min", "aeo"), -3),
    "mix": -1,
    "dor": -2,
    "phr": -4,
    "lyd": 1,
    "loc": -5,
}
_MINOR_MODES = frozenset(("m", "min", "aeo"))
_ORDER_OF_SHARPS = "FCGDAEB"
_CLEF = re.compile(
    r"(?:treble|alto|tenor|bass|mezzo|soprano|baritone|perc|auto)\d?(?P<octave>[+^_-](?:8|15))?(?:,|')?$",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"(?P<tonic>[A-Ga-g])(?P<sign>[#b♯♭]?)\s*"
    r"(?P<mode>(?i:maj|min|ion|aeo|mix|dor|phr|lyd|loc)[A-Za-z]*|[mM](?![A-Za-z]))?(?P<rest>.*)$"
)
_KEY_ACCIDENTAL = re.compile(r"(?P<sign>\^\^?|__?|=)(?P<letter>[A-Ga-g])[,']*")
_ALTERATION = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
_PARAMETER = re.compile(r"(?P<name>[A-Za-z-]+)\s*=\s*(?P<value>\"[^\"]*\"|\S+)|(?P<word>\S+)")
_KEY_WORD = re.compile(r"[A-G][#b]?m?|(?:[A-G][#b]?)?(?:maj|min|ion|aeo|mix|dor|phr|lyd|loc|exp)[a-z]*", re.IGNORECASE)
_METER = re.compile(r"(?P<top>[\d+()\s]+)/\s*(?P<bottom>\d+)")
_BEATS = re.compile(r"(\d+)/(\d+)")
_PART_SIGN = re.compile(r"[A-Za-z]|\(|\)\d*|\d+")
_CLEF_OCTAVES = {"-8": -1, "+8": 1, "-15": -2, "+15": 2}


@dataclass(frozen=True)
class Key:
    """A key signature.

    Args:
        alterations: semitones that it raises each of C D E F G A B.
        fifths: sharps above 0, flats below, as MIDI can say them: without what is added or stated one by one.
        minor: whether it is a minor key.
        unread: whether words stand behind it that say nothing known.
    """

    alterations: tuple[int, ...]
    fifths: int
    minor: bool = False
    unread: bool = False


@dataclass(frozen=True)
class Sounding:
    """What a clef and its parameters do to the pitch of a voice, each None where they do not say.

    Args:
        clef_octaves: octaves that a clef such as treble-8 moves the notes.
        octaves: of `octave=`.
        semitones: of `transpose=` or `shift=`.
        is_percussion: whether it is a percussion clef.
    """

    clef_octaves: int | None = None
    octaves: int | None = None
    semitones: int | None = None
    is_percussion: bool | None = None


@dataclass(frozen=True)
class Meter:
    """A meter: beats as written, and how long the bar lasts in whole notes."""

    numerator: int
    denominator: int

    @property
    def length(self) -> Fraction:
        """Of a bar, in whole notes."""
        return Fraction(self.numerator, self.denominator)

    @property
    def is_compound(self) -> bool:
        """Whether its beats are three of what is counted: 6/8, 9/8 and the like."""
        return self.numerator % 3 == 0 and self.numerator > 3


def read_parameters(text: str) -> tuple[list[str], dict[str, str]]:
    """The single words and the `name=value` pairs of a `K:` or `V:` field; quotation marks are taken off."""
    words, pairs = [], {}
    for match in _PARAMETER.finditer(text):
        if match["word"]:
            words.append(match["word"])
        elif _KEY_WORD.fullmatch(match["name"]):  # a natural, such as in K:Dmix=c
            words += [match["name"], f"={match['value']}"]
        else:
            pairs[match["name"].lower()] = match["value"].strip('"')
    return words, pairs


def read_sounding(words: list[str], pairs: dict[str, str]) -> tuple[Sounding, list[str]]:
    """What clef and parameters say of the sounding pitch (ABC 2.1, section 4.6), and the words that are no clef."""
    clefs = [word for word in words if _CLEF.match(word)]
    rest = [word for word in words if not _CLEF.match(word)]
    clef = pairs.get("clef", clefs[0] if clefs else None)
    clef_octaves = percussion = None
    if clef is not None:
        match = re.search(r"(?P<octave>[+-](?:8|15))", clef)
        clef_octaves = _CLEF_OCTAVES[match["octave"]] if match else 0
        percussion = clef.lower().startswith("p")
    semitones = _whole(pairs.get("transpose"))
    if "shift" in pairs:
        semitones = _interval(pairs["shift"])
    return Sounding(clef_octaves, _whole(pairs.get("octave")), semitones, percussion), rest


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"[+-]?\d{1,3}", text) else None


def _interval(text: str) -> int | None:
    """Semitones from the first note of `shift=CD` to the second."""
    notes = re.findall(r"([_^=]*)([A-Ga-g])([,']*)([#b]?)", text)
    if len(notes) != 2:
        return None
    first, second = (
        SEMITONES_OF_LETTER[letter.upper()]
        + 12 * letter.islower()
        + 12 * (octaves.count("'") - octaves.count(","))
        + accidentals.count("^")
        - accidentals.count("_")
        + (sign == "#")
        - (sign == "b")
        for accidentals, letter, octaves, sign in notes
    )
    return second - first


def read_key(text: str) -> Key | None:
    """The key of a `K:` field without its clef: tonic, mode, added or explicit accidentals; None where there is none.

    Raises:
        ValueError: for words that begin with no tonic.
    """
    text = text.strip()
    if text in ("HP", "Hp"):
        return _altered(2, False, {})  # Highland bagpipe: F and C sound sharp
    if text.lower() == "none":
        return Key((0,) * 7, 0)
    added = _KEY_ACCIDENTAL.findall(text)
    text = _KEY_ACCIDENTAL.sub(" ", text).strip()
    if not text and not added:
        return None
    match = _KEY.match(text or "C")
    if not match:
        raise ValueError(text)
    mode = (match["mode"] or "")[:3].lower()
    sign = {"#": 7, "♯": 7, "b": -7, "♭": -7}.get(match["sign"], 0)
    fifths = _FIFTHS_OF_LETTER[match["tonic"].upper()] + sign + _MODES[mode]
    changes = {letter.upper(): _ALTERATION[accidental] for accidental, letter in added}
    rest = match["rest"].strip()
    if re.match(r"exp\b", rest, re.IGNORECASE):
        return Key(tuple(changes.get(letter, 0) for letter in LETTERS), _fifths_of(changes))
    return replace(_altered(fifths, mode in _MINOR_MODES, changes), unread=bool(rest))


def _altered(fifths: int, minor: bool, changes: dict[str, int]) -> Key:
    alterations = dict.fromkeys(LETTERS, 0)
    for number in range(abs(fifths)):
        letter = _ORDER_OF_SHARPS[number % 7 if fifths > 0 else 6 - number % 7]
        alterations[letter] += 1 if fifths > 0 else -1
    return Key(tuple((alterations | changes)[letter] for letter in LETTERS), fifths, minor)


def _fifths_of(changes: dict[str, int]) -> int:
    """Sharps or flats of explicit accidentals where they are those of a major key, else 0."""
    for fifths in range(-7, 8):
        if _altered(fifths, False, {}).alterations == tuple(changes.get(letter, 0) for letter in LETTERS):
            return fifths
    return 0


def read_meter(text: str) -> Meter | None:
    """The meter of an `M:` field; None for free time. Beats that are added up, (2+3)/8, are one number.

    Of several meters, `2/4 3/4`, it is the first; see `has_more_meters`.

    Raises:
        ValueError: for a text that is no meter.
    """
    text = text.strip()
    if text.lower() in ("", "none"):
        return None
    if text.upper().startswith("C"):
        return Meter(2, 2) if text[1:2] == "|" else Meter(4, 4)
    match = _METER.match(text)
    if not match:
        if re.fullmatch(r"\d{1,2}", text) and int(text):
            return Meter(int(text), 4)  # abcm2ps writes beats of quarters so
        raise ValueError(text)
    numbers = re.findall(r"\d{1,6}", match["top"])
    top, bottom = sum(map(int, numbers)), int(match["bottom"][:7])
    if not 1 <= top <= 64 or bottom not in (1, 2, 4, 8, 16, 32, 64):
        raise ValueError(text)
    return Meter(top, bottom)


def has_more_meters(text: str) -> bool:
    """Whether an `M:` field names several meters, which take turns: 2/4 3/4, C 3/4."""
    return len(re.findall(r"\d\s*/\s*\d|C", text)) > 1


def read_unit(text: str) -> Fraction | None:
    """The unit note length of an `L:` field, in whole notes; None for a text that is none."""
    match = re.match(r"\s*(\d{1,4})\s*(?:/\s*(\d{1,4}))?", text)
    if not match or not int(match[1]) or not int(match[2] or 1):
        return None
    unit = Fraction(int(match[1]), int(match[2] or 1))
    return unit if unit.denominator <= 512 and unit <= 4 else None


def read_tempo(text: str, unit: Fraction) -> float | None:
    """Quarter notes per minute of a `Q:` field; None where it gives no number.

    `1/4=120` and sums of lengths are ABC 2.1 (section 3.1.8). Of the outdated forms `C3=40` counts unit lengths; a
    number alone counts quarter notes, as abc2midi plays it.
    """
    text = re.sub(r'"[^"]*"', " ", text).strip()
    match = re.search(r"(?P<beats>[^=]*)=\s*(?P<number>\d{1,5}(?:\.\d{1,4})?)", text)
    if not match:
        alone = re.match(r"(\d{1,5}(?:\.\d{1,4})?)\s*$", text)
        return _tempo(Fraction(1, 4), alone[1]) if alone else None
    beats = sum((Fraction(int(a), int(b)) for a, b in _BEATS.findall(match["beats"]) if int(b)), Fraction(0))
    if not beats:
        units = re.match(r"C(\d{0,2})\s*$", match["beats"].strip())
        beats = unit * int(units[1] or 1) if units else Fraction(0)
    return _tempo(beats, match["number"])


def _tempo(beats: Fraction, number: str) -> float | None:
    quarters = float(beats * 4) * float(number)
    return quarters if 3.6 < quarters < 6e7 else None  # what MIDI's 24 bits of microseconds can say


def read_part_order(text: str, most: int) -> list[str] | None:
    """The parts of a header's `P:` in the order they are played, `P:A(AB)2C`; None where there are more than `most`.

    (ABC 2.1, section 3.1.9.) Signs that are no part, bracket or number are passed over.
    """
    stack: list[list[str]] = [[]]
    last: list[str] = []
    for sign in _PART_SIGN.findall(text):
        if sign == "(":
            stack.append([])
            last = []
        elif sign[0] == ")":
            last = stack.pop() if len(stack) > 1 else []
            times = int(sign[1:5] or 1)
            if len(last) * times > most:
                return None
            stack[-1] += last * times
            last = []
        elif sign[0].isdigit():
            times = int(sign[:5])
            if len(last) * times > most:
                return None
            stack[-1] += last * (times - 1)
        else:
            last = [sign]
            stack[-1] += last
        if sum(map(len, stack)) > most:
            return None
    return [part for level in stack for part in level]
