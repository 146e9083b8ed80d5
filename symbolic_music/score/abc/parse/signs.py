"""The signs of a line of ABC music, one after the other; lengths in numbers.

Knows which sign is which (ABC 2.1, section 4), and nothing of what signs mean together.
"""

import re
from fractions import Fraction
from functools import lru_cache

from symbolic_music.score.chords import normal_chord
from symbolic_music.score.errors import Refusal, ScoreError

ALTERATIONS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
"""Semitones that an accidental raises its letter by."""
TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
"""Notes of a tuplet and the time they take, where the tune does not say (ABC 2.1, section 4.13)."""
JUMPS = {
    **dict.fromkeys(("dc", "dacapo", "dcalfine", "dacapoalfine", "dcalcoda", "dacapoalcoda"), "da_capo"),
    **dict.fromkeys(("ds", "dalsegno", "dsalfine", "dalsegnoalfine", "dsalcoda", "dalsegnoalcoda"), "dal_segno"),
    "segno": "segno",
    "coda": "coda",
    "dacoda": "to_coda",
    "tocoda": "to_coda",
    "fine": "fine",
}
"""What decorations say of the order of playing, without dots, spaces and capitals (ABC 2.1, section 4.14)."""
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


def nearest_semitone(accidental: str) -> int:
    """By how many semitones an accidental raises its letter: "^" by 1.

    A fraction of a semitone ("^3/4") sounds as the nearest one, a half as the letter itself.
    """
    if accidental in ALTERATIONS:
        return ALTERATIONS[accidental]
    sign = accidental.rstrip("0123456789/")
    upper, _, lower = accidental[len(sign) :].partition("/")
    share = Fraction(int(upper[:3] or 1), int(lower[:3] or 2) or 1) * (1 if sign[0] == "^" else -1)
    return int(share + (Fraction(1, 2) if share > 0 else -Fraction(1, 2))) if abs(share) != Fraction(1, 2) else 0


def read_passes(text: str) -> tuple[int, ...]:
    """The passes of a volta: "1", "1,3", "1-3"."""
    passes: list[int] = []
    for part in re.findall(r"\d{1,2}-\d{1,2}|\d{1,2}", text[:100]):
        first, _, last = part.partition("-")
        passes += range(int(first), int(last or first) + 1)
    return tuple(sorted({number for number in passes if number}))


def read_chord_symbol(words: str) -> str | None:
    """The normal form of a chord symbol; ABC writes a bass in small letters, too: "G/b" (ABC 2.1, section 4.18).

    An optional chord stands in brackets; older tune books write a sharp bass "D/F+".
    """
    if words[0] == "(" and words[-1] == ")":
        words = words[1:-1]
    chord, slash, bass = words.partition("/")
    return normal_chord(f"{chord}/{bass[0].upper()}{bass[1:].replace('+', '#')}" if slash and bass else words)
