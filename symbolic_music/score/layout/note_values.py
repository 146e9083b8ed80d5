"""Stretches of time as note values: types, dots and tuplets, cut where a reader of the music wants to see the beat.

All times are whole numbers of `CLOCK` to a quarter note, counted from the start of the bar. Knows nothing of pitches,
voices or files.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm

_ODD = 3 * 3 * 5 * 7 * 11 * 13
"""The odd part of `CLOCK`; what is a multiple of it needs no tuplet."""
CLOCK = 256 * _ODD
"""Units in a quarter note: 1024th notes and tuplets of 3, 5, 7, 9, 11 and 13 are whole numbers."""
SHORTEST = CLOCK // 256
"""A 1024th note, the shortest that has a name (MusicXML 4.0, note-type-value)."""
TYPE_NAMES = (
    "1024th",
    "512th",
    "256th",
    "128th",
    "64th",
    "32nd",
    "16th",
    "eighth",
    "quarter",
    "half",
    "whole",
    "breve",
)
"""Names of note values, each twice as long as the one before."""
QUARTER_TYPE = TYPE_NAMES.index("quarter")
_LONGEST_TYPE = len(TYPE_NAMES) - 1
_SMALLEST_SPAN = CLOCK // 16
_LARGEST_SPAN = 4 * CLOCK
_DOTS_OF_ODD_PART = {1: 0, 3: 1, 7: 2}


@dataclass(frozen=True)
class Meter:
    """A meter, and the length of its bar and beats in units of `CLOCK`."""

    numerator: int
    denominator: int

    @property
    def is_compound(self) -> bool:
        """Whether three of its units make a beat: 6/8, 9/8, 12/8, and 3/8 as one beat."""
        return self.denominator >= 8 and self.numerator % 3 == 0

    @property
    def unit(self) -> int:
        """The note value that the meter counts."""
        return 4 * CLOCK // self.denominator

    @property
    def length(self) -> int:
        """A whole bar."""
        return self.numerator * self.unit

    @property
    def beat(self) -> int:
        """What a listener taps to."""
        return 3 * self.unit if self.is_compound else self.unit


@dataclass(frozen=True)
class Tuplet:
    """A stretch of a bar in which `actual` notes stand in the time of `normal` ones.

    Attributes:
        start: where it begins.
        length: how long it lasts in all.
        actual: notes of the tuplet's unit in it.
        normal: as many of them without the tuplet last as long.
    """

    start: int
    length: int
    actual: int
    normal: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + self.length


@dataclass(frozen=True)
class NoteValue:
    """One note or rest as written.

    Attributes:
        start: where it begins.
        length: how long it sounds.
        type: number in `TYPE_NAMES`.
        dots: augmentation dots.
        tuplet: that it belongs to, or None.
    """

    start: int
    length: int
    type: int
    dots: int
    tuplet: Tuplet | None = None

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + self.length


def find_tuplets(boundaries: tuple[int, ...], length: int) -> tuple[Tuplet, ...]:
    """The tuplets that a voice needs in a bar, complete ones that do not overlap, in order.

    Args:
        boundaries: where notes and rests begin and end, within the bar.
        length: of the bar.
    """
    if all(boundary % _ODD == 0 for boundary in boundaries):
        return ()
    return _find_tuplets(boundaries, length)


@lru_cache(maxsize=65_536)
def _find_tuplets(boundaries: tuple[int, ...], length: int) -> tuple[Tuplet, ...]:
    found: list[Tuplet] = []
    start = 0
    while start < length:
        span = _LARGEST_SPAN
        while start % span or start + span > length:
            span //= 2
        found += _tuplets_within(start, span, [at for at in boundaries if start < at < start + span])
        start += span
    return tuple(found)


def _tuplets_within(start: int, length: int, boundaries: list[int]) -> list[Tuplet]:
    """The tuplets of a stretch that begins on a multiple of its length: itself, or those of its halves."""
    actual = _odd_denominator(boundaries)
    if actual == 1:
        return []
    half = start + length // 2
    if length <= _SMALLEST_SPAN or _is_one_tuplet(start, length, boundaries, actual):
        return [Tuplet(start, length, actual, _normal_notes(actual))]
    return [
        *_tuplets_within(start, length // 2, [at for at in boundaries if at < half]),
        *_tuplets_within(half, length // 2, [at for at in boundaries if at > half]),
    ]


def _is_one_tuplet(start: int, length: int, boundaries: list[int], actual: int) -> bool:
    """Whether a stretch reads better as one tuplet than as two halves."""
    half = start + length // 2
    # A triplet of crotchets has its notes in thirds of the stretch; within a beat, halves of them occur, too.
    finest = Fraction(length, actual * (2 if length <= CLOCK else 1))
    if half in boundaries or any((at - start) % finest for at in boundaries):
        return False
    parts = [_odd_denominator([at for at in boundaries if (at < half) == is_first]) for is_first in (True, False)]
    return actual in (3, 5, 7, 9, 11, 13) or actual in parts


def _odd_denominator(times: list[int]) -> int:
    return lcm(*(_ODD // gcd(time, _ODD) for time in times))


def _normal_notes(actual: int) -> int:
    """The largest power of two below: 3 in the time of 2, 5 of 4, 7 of 4."""
    return 1 << (actual.bit_length() - 1)


@lru_cache(maxsize=65_536)
def write_stretch(start: int, end: int, meter: Meter, is_rest: bool) -> tuple[NoteValue, ...]:
    """A note or rest outside of tuplets as the values, to be tied, that show the bar's beats.

    Args:
        start: in the bar.
        end: in the bar; both are multiples of `SHORTEST`.
        meter: of the bar.
        is_rest: rests show every beat, notes may be syncopated.
    """
    pieces = _cut(Fraction(start), Fraction(end), _levels(meter), meter.is_compound, is_rest)
    return tuple(NoteValue(int(begin), int(stop - begin), *value) for begin, stop, value in pieces)


@lru_cache(maxsize=65_536)
def write_in_tuplet(start: int, end: int, tuplet: Tuplet) -> tuple[NoteValue, ...]:
    """A note or rest within a tuplet as values; the tuplet's unit takes the place of the beat."""
    stretched = Fraction(tuplet.actual, tuplet.normal)
    unit = Fraction(tuplet.length, tuplet.normal)
    levels = (unit * tuplet.actual, *_halvings(unit))
    first, last = ((at - tuplet.start) * stretched for at in (start, end))
    pieces = _cut(first, last, levels, False, False)
    values = []
    for begin, stop, value in pieces:
        at, until = (int(tuplet.start + edge / stretched) for edge in (begin, stop))
        values.append(NoteValue(at, until - at, *value, tuplet))
    return tuple(values)


def _halvings(length: Fraction) -> list[Fraction]:
    levels = [length]
    while levels[-1] / 2 >= SHORTEST:
        levels.append(levels[-1] / 2)
    return levels


@lru_cache(maxsize=256)
def _levels(meter: Meter) -> tuple[Fraction, ...]:
    """The layers of a meter from the bar down, each a length whose multiples are equally strong."""
    bar, beat = Fraction(meter.length), Fraction(meter.beat)
    beats = meter.length // meter.beat
    levels = [bar]
    while beats % 2 == 0 and beats > 2:
        beats //= 2
        levels.append(beat * beats)
    levels += [] if beat == levels[-1] else [beat]
    return (*levels, *_halvings(beat / 3 if meter.is_compound else beat / 2))


Piece = tuple[Fraction, Fraction, tuple[int, int]]


def _cut(
    start: Fraction, end: Fraction, levels: tuple[Fraction, ...], is_compound: bool, is_rest: bool
) -> list[Piece]:
    value = _value(end - start)
    inside = next((level for level in levels if _first_multiple(start, level) < end), None)
    if inside is None:
        return [(start, end, value or _nearest_value(end - start))]
    if value and _reads_well(start, end, inside, levels, is_compound, is_rest, value[1]):
        return [(start, end, value)]
    at = _first_multiple(start, inside)
    while at + inside < end and _value(at + inside - start):
        at += inside
    return [
        *_cut(start, at, levels, is_compound, is_rest),
        *_cut(at, end, levels, is_compound, is_rest),
    ]


def _first_multiple(start: Fraction, level: Fraction) -> Fraction:
    """The first multiple of a length after `start`."""
    return (start // level + 1) * level


def _reads_well(
    start: Fraction,
    end: Fraction,
    inside: Fraction,
    levels: tuple[Fraction, ...],
    is_compound: bool,
    is_rest: bool,
    dots: int,
) -> bool:
    """Whether one note may hide the strongest beat inside it, which lies on multiples of `inside`."""
    length = end - start
    on_start, on_end = start % inside == 0, end % inside == 0
    if dots == 2 and (is_rest or start % (length * 8 / 7)):
        return False
    if is_compound and inside in levels[: _num_beat_levels(levels)]:
        return on_start and on_end
    if is_rest:
        on_half = dots == 0 and start % (length / 2) == 0 and length == 2 * inside
        return on_start and (start % length == 0 or on_half)
    if on_start or on_end:
        return True
    # A syncopation: twice the level that it begins on, across the next stronger one and no more.
    place = levels.index(inside) + 1
    return place < len(levels) and start % levels[place] == 0 and length == 2 * levels[place]


def _num_beat_levels(levels: tuple[Fraction, ...]) -> int:
    """How many levels from the top are not shorter than a compound meter's beat: a third follows the beat."""
    return next(place for place in range(1, len(levels)) if levels[place - 1] == 3 * levels[place])


def _value(length: Fraction) -> tuple[int, int] | None:
    """Type and dots of a length that one note head can say, else None."""
    units = length / SHORTEST
    if units.denominator != 1:
        return None
    number = units.numerator
    power = (number & -number).bit_length() - 1
    dots = _DOTS_OF_ODD_PART.get(number >> power)
    # A dotted note is called by its undotted head: three units are a head of two and a dot.
    kind = power + (dots or 0)
    return None if dots is None or kind > _LONGEST_TYPE else (kind, dots)


def _nearest_value(length: Fraction) -> tuple[int, int]:
    """A type for what is shorter than the shortest note: only its duration is right."""
    kind = max((length / SHORTEST).__floor__(), 1).bit_length() - 1
    return min(kind, _LONGEST_TYPE), 0
