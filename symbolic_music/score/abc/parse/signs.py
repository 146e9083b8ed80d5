"""The signs of a line of ABC music, one after the other; lengths in numbers.

Knows which sign is which (ABC 2.1, section 4), and nothing of what signs mean together.
"""

import re
from fractions import Fraction
from functools import lru_cache

from symbolic_music.score.errors import Refusal, ScoreError

_LENGTH = r"\d*(?:/+\d*)*"
_ACCIDENTAL = r"(?:\^\^?|__?|=)(?:\d+/\d+|/\d*)?"
_NOTE = rf"(?P<accidental>{_ACCIDENTAL})?(?P<letter>[A-Ga-g])(?P<octaves>[,']*)(?P<length>{_LENGTH})(?P<tie>-?)"
NOTE = re.compile(_NOTE)
"""A single note, with an accidental that may be a fraction of a semitone, as in a chord or by itself."""
SIGN = re.compile(
    rf"(?P<note>{_NOTE})"
    r"|(?P<inline>\[(?P<field>[A-Za-z]):(?P<value>[^\[\]]*)\])"
    # Thin, thick, dotted and invisible bar lines are the same to the ear.
    # The colons of `[|]:|` belong to the second.
    r"|(?P<bar>(?P<line>\.?(?::[: ]{0,6})?\[?\|[|\]]*(?:(?!(?<=\]) ?:+\|) ?:[: ]{0,5})?|::+)(?P<volta>\d[\d,.\-]*)?)"
    r"|(?P<ending>\[(?P<passes>\d[\d,.\-]*|(?=\s{0,9}\"[^\"]{0,99}\"[^\]|\"]{0,99}[|])))"
    r"|(?P<chord>\[(?P<inside>(?:[^\[\]\"!|:]|\"[^\"]*\"|![^!|\s]*!)*)\]"
    rf"(?P<chord_length>{_LENGTH})(?P<chord_tie>-?))"
    rf"|(?P<rest>[zx](?P<rest_length>{_LENGTH}))"
    r"|(?P<bars_of_rest>[ZX](?P<count>\d*))"
    r"|(?P<nothing>[\s`\\*$;?#@]+|y[\d/]*)"
    r"|(?P<quoted>\"(?P<text>[^\"]*)\")"
    r"|(?P<decoration>!(?P<name>[^!|\s]+|(?i:d\.?[cs]\.?|dal?)[^!|]{0,20})!)"
    r"|(?P<plus>\+(?P<plus_name>[^+|\s]+)\+)"
    r"|(?P<grace>\{(?P<graces>[^{}]*)\})"
    r"|(?P<tuplet>\((?P<p>\d+)(?::(?P<q>\d*))?(?::(?P<r>\d*))?)"
    r"|(?P<overlay>\(&|&\)|&)"
    r"|(?P<slur>[()])"
    r"|(?P<broken><+|>+)"
    r"|(?P<letter_decoration>[~.H-Wh-w])"
    r"|(?P<late_tie>-)"
    r"|(?P<line_break>!+)"
    r"|(?P<other>.)"
)
"""Every sign of a line; the match's `lastgroup` says of which kind it is."""
_MAX_DIGITS = 9


def length_of(text: str) -> Fraction:
    """A length as written behind a note: "" is 1, "3/2", "/" is 1/2, "//" 1/4 (ABC 2.1, section 4.3).

    Raises:
        ScoreError: unreadable, for a length of nothing or with more than nine digits in a row.
    """
    return _length_of(text) if len(text) <= 2 * _MAX_DIGITS else _refuse(text)


@lru_cache(maxsize=4096)
def _length_of(text: str) -> Fraction:
    numerator, *denominators = text.split("/")
    length = Fraction(int(numerator) if numerator else 1)
    for denominator in denominators:
        if len(denominator) > _MAX_DIGITS or denominator.strip("0") == "" != denominator:
            _refuse(text)
        length /= int(denominator or 2)
    if not length or length > 1024 or length.denominator > 4096:
        _refuse(text)
    return length


def _refuse(text: str) -> Fraction:
    shown = text if len(text) < 30 else f"{text[:30]}…"
    raise ScoreError(Refusal.UNREADABLE, None, f"expected a note's length such as 2, 3/2 or /4, found {shown!r}")
