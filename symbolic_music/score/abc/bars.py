"""How long each bar of each voice of an ABC tune lasts, as written. Nothing is played, repaired or checked.

Reads lengths, tuplets, broken rhythm, rests of several bars, overlays, and voices line by line or inline (ABC 2.1,
section 4); macros and ABC 2.1's redefinable symbols are not expanded. Knows nothing of pitches.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

_TOKEN = re.compile(
    r'"[^"]*"|![^!|\s]*!|\+[^+|\s]+\+|\{[^}]*\}'  # words, decorations and grace notes take no time
    r"|\[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\]"
    r"|\((?P<p>[2-9])(?::(?P<q>\d*))?(?::(?P<r>\d*))?"
    r"|(?P<bar_line>\[\||:*\|[|\]:]*(?:\[?\d[\d,.-]*)?|::+)"
    r"|(?P<bars_of_rest>[ZX])(?P<count>\d*)"
    r"|(?P<sound>\[[^\]|]*\]|[_^=]*[A-Ga-gzx][,']*)(?P<length>\d*(?:/+\d*)*)"
    r"|y[\d/]*|(?P<overlay>&)|(?P<broken>[<>]+)"
)
_NOTE = re.compile(r"[A-Ga-gzx][,']*(?P<length>\d*(?:/+\d*)*)")
_FIELD_LINE = re.compile(r"(?P<field>[A-Za-z+]):(?P<value>.*)")
_METER_NAMES = {"C": Fraction(1), "C|": Fraction(1)}
# What a tuplet of p notes lasts, where the tune does not say (ABC 2.1, section 4.13); others depend on the meter.
_TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}


@dataclass
class _Voice:
    unit: Fraction
    meter: Fraction
    compound: bool
    bars: list[Fraction] = field(default_factory=list)
    # Lengths of what was written since the last bar line; each overlay begins again.
    layers: list[list[Fraction]] = field(default_factory=lambda: [[]])
    tuplet: Fraction = Fraction(1)
    in_tuplet: int = 0
    next_factor: Fraction = Fraction(1)

    def sound(self, length: Fraction) -> None:
        factor, self.next_factor = self.next_factor, Fraction(1)
        if self.in_tuplet:
            factor *= self.tuplet
            self.in_tuplet -= 1
        self.layers[-1].append(length * self.unit * factor)

    def break_rhythm(self, signs: str) -> None:
        """`a>b`: half of b goes to a; each further sign halves what is left."""
        if self.layers[-1]:
            less = Fraction(1, 2 ** len(signs))
            long, short = (2 - less, less) if signs[0] == ">" else (less, 2 - less)
            self.layers[-1][-1] *= long
            self.next_factor = short

    def start_tuplet(self, notes: int, time: int | None, count: int | None) -> None:
        usual = _TUPLET_TIME.get(notes, 3 if self.compound else 2)
        self.tuplet, self.in_tuplet = Fraction(time or usual, notes), count or notes

    def end_bar(self) -> None:
        length = max(sum(layer, Fraction(0)) for layer in self.layers)
        if length:
            self.bars.append(length)
        self.layers, self.in_tuplet, self.next_factor = [[]], 0, Fraction(1)


class _Reader:
    """Goes through a tune, token by token."""

    def __init__(self) -> None:
        self.unit: Fraction | None = None
        self.meter, self.compound = Fraction(1), False
        self.voices: dict[str, _Voice] = {}
        self.current = ""

    def voice(self) -> _Voice:
        if self.current not in self.voices:
            usual = Fraction(1, 16 if self.meter < Fraction(3, 4) else 8)
            self.voices[self.current] = _Voice(self.unit or usual, self.meter, self.compound)
        return self.voices[self.current]

    def read_field(self, letter: str, value: str, in_body: bool) -> None:
        value = value.partition("%")[0].strip()
        if letter == "V" and value:
            self.current = value.split()[0] if in_body else self.current
        elif letter == "L" and (unit := _fraction(value)) is not None:
            self._set("unit", unit, in_body)
        elif letter == "M" and (meter := _METER_NAMES.get(value, _fraction(value))) is not None:
            self._set("meter", meter, in_body)
            upper = value.partition("/")[0]
            self._set("compound", upper.isdigit() and int(upper) % 3 == 0 and int(upper) > 3, in_body)

    def _set(self, name: str, value: Fraction | bool, in_body: bool) -> None:
        setattr(self.voice() if in_body else self, name, value)

    def read_music(self, line: str) -> None:
        for token in _TOKEN.finditer(line):
            if token["field"]:
                self.read_field(token["field"], token["value"], in_body=True)
                continue
            voice = self.voice()
            if token["bar_line"]:
                voice.end_bar()
            elif token["sound"]:
                voice.sound(_sound_length(token["sound"]) * _length(token["length"]))
            elif token["bars_of_rest"]:
                voice.end_bar()
                voice.bars += [voice.meter] * int(token["count"] or 1)
            elif token["broken"]:
                voice.break_rhythm(token["broken"])
            elif token["overlay"]:
                voice.layers.append([])
            elif token["p"]:
                voice.start_tuplet(int(token["p"]), int(token["q"] or 0) or None, int(token["r"] or 0) or None)


def voice_bars(text: str) -> dict[str, list[Fraction]]:
    """The length of each bar of each voice, in whole notes.

    A bar is what stands between two bar lines, and before the first and behind the last, if it lasts at all. Where an
    overlay (`&`) lasts longer than the rest of its bar, it decides.

    Args:
        text: one tune.

    Returns:
        By the voice's name, "" where none is written; voices without a bar are left out.
    """
    reader, in_body = _Reader(), False
    for line in _lines(text):
        written = _FIELD_LINE.match(line)
        if written:
            reader.read_field(written["field"], written["value"], in_body)
            in_body = in_body or written["field"] == "K"
        elif in_body:
            reader.read_music(line)
    for voice in reader.voices.values():
        voice.end_bar()
    return {name: voice.bars for name, voice in reader.voices.items() if voice.bars}


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        line = re.sub(r"(?<!\\)%.*", "", line).strip()
        if line:
            yield line


def _sound_length(sound: str) -> Fraction:
    """Of a chord that of its first note (ABC 2.1, section 4.17), of all else 1."""
    if not sound.startswith("["):
        return Fraction(1)
    first = _NOTE.search(sound)
    return _length(first["length"]) if first else Fraction(0)


def _length(text: str) -> Fraction:
    """A length as written behind a note: "" is 1, "3/2", "/" is 1/2, "//" 1/4."""
    numerator, *denominators = text.split("/")
    length = Fraction(int(numerator or 1))
    for denominator in denominators:
        length /= int(denominator or 2) or 1
    return length


def _fraction(text: str) -> Fraction | None:
    found = re.search(r"(\d+)\s*/\s*(\d+)", text)
    return Fraction(int(found[1]), int(found[2])) if found and int(found[2]) else None
