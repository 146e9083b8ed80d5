"""Note lengths in ABC: any number of ticks as one or a few lengths that both abc2midi and music21 read exactly.

abc2midi only knows lengths whose denominator is a power of two, so thirds and fifths of them are written as tuplets;
what is neither (a fifteenth) is the sum of a third and a fifth, tied. music21 knows no tuplet of a length that needs
more than one note head, so such a length is tied together as well. Knows nothing of pitches, voices or bars.
"""

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

TICKS_PER_QUARTER = 480
"""abc2midi's own clock; nothing finer survives it."""
UNIT_TICKS = TICKS_PER_QUARTER // 2
"""Ticks of the unit note length, `L:1/8`."""


class Tuplet(NamedTuple):
    """`notes` in the time of `time` (ABC 2.1, section 4.13)."""

    notes: int
    time: int


PLAIN = Tuplet(1, 1)
TRIPLET = Tuplet(3, 2)
QUINTUPLET = Tuplet(5, 4)
# Its written lengths are half as short as a quintuplet's: music21 knows no note below 1/2048.
_HALF_QUINTUPLET = Tuplet(5, 2)
TUPLETS = (PLAIN, TRIPLET, QUINTUPLET, _HALF_QUINTUPLET)


class Length(NamedTuple):
    """A length as written: the number of its tuplet in `TUPLETS`, and the text behind the note ("3/2")."""

    tuplet: int
    text: str


@lru_cache(maxsize=8192)
def written_lengths(ticks: int) -> tuple[Length, ...]:
    """The lengths, to be tied, that last `ticks` ticks together.

    Raises:
        ValueError: when `ticks` is not positive.
    """
    if ticks <= 0:
        raise ValueError(f"expected a length above 0 ticks, got {ticks}")
    length = Fraction(ticks, UNIT_TICKS)
    odd = _odd_part(length.denominator)
    if odd == 15:
        third, fifth = _third_and_fifth(ticks)
        return (*_tuplet_lengths(third, TRIPLET), *_tuplet_lengths(fifth, _HALF_QUINTUPLET))
    tuplet = {1: PLAIN, 3: TRIPLET, 5: QUINTUPLET}[odd]
    return (Length(0, length_text(length)),) if tuplet == PLAIN else _tuplet_lengths(length, tuplet)


def length_text(length: Fraction) -> str:
    """A length in units as ABC writes it: "" for 1, "3", "3/2", "/2"."""
    numerator = "" if length.numerator == 1 else str(length.numerator)
    return numerator if length.denominator == 1 else f"{numerator}/{length.denominator}"


def tuplet_mark(tuplet: Tuplet, notes: int) -> str:
    """What stands before `notes` notes of a tuplet: "(3" for a whole triplet, "(3:2:1" for one note of it."""
    if tuplet == PLAIN:
        return ""
    return "(3" if (tuplet, notes) == (TRIPLET, 3) else f"({tuplet.notes}:{tuplet.time}:{notes}"


def _odd_part(number: int) -> int:
    return number // (number & -number)


def _third_and_fifth(ticks: int) -> tuple[Fraction, Fraction]:
    """Two lengths that sum to `ticks`, one a third and the other a fifth of a power of two.

    A 48th of a unit is 5 ticks and an 80th is 3; of every eight numbers in a row from 8 on each is 5 x + 3 y, and a
    smaller number is one of them when counted in halves, quarters or eighths of a tick.
    """
    for halvings in range(4):
        for fifths in range(1, 6):
            thirds, rest = divmod((ticks << halvings) - 3 * fifths, 5)
            if thirds > 0 and rest == 0:
                unit = UNIT_TICKS << halvings
                return Fraction(5 * thirds, unit), Fraction(3 * fifths, unit)
    raise AssertionError(f"no sum of 5 x + 3 y gives 8 times {ticks}")


def _tuplet_lengths(length: Fraction, tuplet: Tuplet) -> tuple[Length, ...]:
    """A length within a tuplet, cut into lengths of one note head: m x 2^n with m = 1, 3 or 7."""
    written = length * Fraction(tuplet.notes, tuplet.time)
    number, lengths = written.numerator, []
    while number:
        head = _largest_note_head(number)
        lengths.append(Length(TUPLETS.index(tuplet), length_text(Fraction(head, written.denominator))))
        number -= head
    return tuple(lengths)


def _largest_note_head(number: int) -> int:
    """The largest number up to `number` of at most three binary ones in a row: a note, dotted or double-dotted."""
    bits = number.bit_length()
    head, place = 0, bits - 1
    while place >= max(bits - 3, 0) and number >> place & 1:
        head |= 1 << place
        place -= 1
    return head
