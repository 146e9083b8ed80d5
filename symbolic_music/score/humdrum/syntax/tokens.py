"""What one `**kern` token says: its duration, and the notes that begin with it.

The rules are those of the `**kern` reference (humdrum.org/rep/kern): a duration is the reciprocal of a part of a whole
note, with dots; `0`, `00`, `000` are two, four, eight whole notes; `3%2` is two thirds of one (extended `**recip`).
`c` is middle C, each further letter is an octave higher, `C` is the C below, each further letter an octave lower.
Notes of a chord are separated by spaces and last as long as the first. `[`, `_`, `]` begin, continue and end a tie,
`q` and `qq` make a grace note, `r` a rest (a pitch beside it says where the rest is drawn). Knows nothing of spines
or of time.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np

MAX_TOKEN_BYTES = 4096
"""More is no chord; the longest token of the 13 million of the Polish Scores has 130 bytes."""
LONGEST_DURATION = 2048
SHORTEST_DURATION = Fraction(1, 25_000)
"""Bounds in quarter notes: a thousand breves, and far less than what any instrument plays."""

MAX_DOTS = 8

TIE_START, TIE_STOP, GRACE = 1, 2, 4
FLAGS = 8

NO_DURATION = "notes without a duration"
ABSURD_DURATION = "durations beyond all music"
UNPITCHED = "notes without a pitch"

_RECIPROCAL = re.compile(rb"(\d{1,9})(?:%(\d{1,9}))?")
_TOO_MANY_DIGITS = re.compile(rb"\d{10}")
_PITCH = re.compile(rb"(([a-g])\2{0,9}|([A-G])\3{0,9})([#-]{0,3})")
_SEMITONES = dict(zip(b"cdefgab", (0, 2, 4, 5, 7, 9, 11), strict=True))
_MIDDLE_C = 60
_SILENT = b"/\\LJkKXxn()<>^~'`;,\"|&{}vTtMmSsWwouUijlzhHPp$VZ"
"""Signs of beams, stems, slurs, articulation and ornaments: without them few different tokens are left."""


class KernToken(NamedTuple):
    """A token, parsed.

    Args:
        numerator: of its duration in quarter notes, until the next token of its voice; 0 for grace notes and where
            none is stated.
        denominator: likewise.
        notes: `FLAGS` times the MIDI pitch, plus `TIE_START`, `TIE_STOP` and `GRACE`, of each note; () for a rest.
        is_grace: whether all its notes are grace notes.
        left_out: the kind of what cannot be used, "" where all is.
    """

    numerator: int = 0
    denominator: int = 1
    notes: tuple[int, ...] = ()
    is_grace: bool = False
    left_out: str = ""


@dataclass
class TokenTable:
    """Many tokens as columns.

    Args:
        numerators: of their durations in quarter notes, (tokens,) int64.
        denominators: likewise.
        is_grace: whether they are grace notes, (tokens,) bool.
        note_counts: how many notes each has, (tokens,) int64.
        pitches: of all notes, token by token, (notes,) int64.
        flags: likewise.
        left_out: the number of each token that cannot be used, and why.
    """

    numerators: np.ndarray
    denominators: np.ndarray
    is_grace: np.ndarray
    note_counts: np.ndarray
    pitches: np.ndarray
    flags: np.ndarray
    left_out: list[tuple[int, str]]

    def ticks(self, unit: int) -> np.ndarray:
        """The durations in ticks, `unit` of which a quarter note has, to the nearest; (tokens,) int64."""
        return (2 * self.numerators * unit + self.denominators) // (2 * self.denominators)


def parse_tokens(tokens: list[bytes]) -> TokenTable:
    """The meaning of tokens of `**kern` spines; the null token is one without duration."""
    parsed = [parse_token(token.translate(None, _SILENT)) for token in tokens]
    numerators, denominators, notes, is_grace, left_out = zip(*parsed, strict=True)
    pitches, flags = np.divmod(np.fromiter(chain.from_iterable(notes), np.int64), FLAGS)
    return TokenTable(
        np.array(numerators, np.int64),
        np.array(denominators, np.int64),
        np.array(is_grace, bool),
        np.array(list(map(len, notes)), np.int64),
        pitches,
        flags,
        [(number, kind) for number, kind in enumerate(left_out) if kind] if any(left_out) else [],
    )


# The Polish Scores have 100,000 different ones, of 23,000 different notes: some 50 MB where all are kept.
@lru_cache(maxsize=2**17)
def parse_token(token: bytes) -> KernToken:
    """The meaning of a token of a `**kern` spine, once the signs that change nothing are left out."""
    if len(token) > MAX_TOKEN_BYTES:
        return KernToken(left_out=ABSURD_DURATION)
    parts = token.split()
    duration, stated = (0, 1), False
    for part in parts:
        match = _RECIPROCAL.search(part)
        if match and b"q" not in part:
            if _TOO_MANY_DIGITS.search(part):
                return KernToken(left_out=ABSURD_DURATION)
            duration, stated = _duration(match[1], match[2], part.count(b".")), True
            break
    if not duration[1]:
        return KernToken(left_out=ABSURD_DURATION)
    notes = tuple(dict.fromkeys(note for note in map(_note, parts) if note is not None))
    is_grace = bool(notes) and all(note & GRACE for note in notes)
    if notes and not stated and not is_grace:
        return KernToken(left_out=NO_DURATION)
    unpitched = not notes and b"R" in token
    return KernToken(*duration, notes, is_grace, UNPITCHED if unpitched else "")


@lru_cache(maxsize=2**12)
def _duration(number: bytes, of: bytes | None, dots: int) -> tuple[int, int]:
    """Quarter notes of a duration as written, as a fraction; with 0 below where it is beyond all music."""
    # 0 is a breve, two whole notes; each further 0 doubles it.
    whole = Fraction(int(of or 1), int(number)) if int(number) else Fraction(2 ** len(number))
    quarters = 4 * whole * (2 - Fraction(1, 2 ** min(dots, MAX_DOTS)))
    return quarters.as_integer_ratio() if SHORTEST_DURATION <= quarters <= LONGEST_DURATION else (0, 0)


@lru_cache(maxsize=2**15)
def _note(part: bytes) -> int | None:
    """MIDI pitch and flags of a note in one number; None for a rest or a space."""
    if b"r" in part:
        return None
    match = _PITCH.search(part)
    if match is None:
        return None
    letters, accidentals = match[1], match[4]
    octaves = len(letters) - 1 if match[2] else -len(letters)
    pitch = _MIDDLE_C + _SEMITONES[letters[:1].lower()[0]] + 12 * octaves
    pitch += accidentals.count(b"#") - accidentals.count(b"-")
    flags = 0
    if b"[" in part or b"_" in part:
        flags |= TIE_START
    if b"]" in part or b"_" in part:
        flags |= TIE_STOP
    if b"q" in part:
        flags |= GRACE
    return FLAGS * pitch + flags
