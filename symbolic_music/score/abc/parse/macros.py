"""Macros of a tune: `m:` and what they stand for. Text in, text out; each macro is expanded once, never its result.

(ABC 2.1, section 9.) Knows nothing of music beyond the letters of the scale.
"""

import re

from symbolic_music.score.errors import Refusal, ScoreError

_LETTERS = "CDEFGABcdefgab"
_NOTE = r"(?P<accidental>[\^_=]*)(?P<letter>[A-Ga-g])(?P<octaves>[,']*)"
_QUOTED = re.compile(r"(\"[^\"]*\"|\[[A-Za-z]:[^\]]*\])")
_WORDS = re.compile(r"(\"[^\"]*\"|![^!]*!)")
MAX_EXPANDED = 1_000_000
"""Characters of one expanded line; more is no music."""


class Macros:
    """The macros defined so far."""

    def __init__(self) -> None:
        self._macros: list[tuple[re.Pattern[str], str, bool]] = []

    def define(self, text: str) -> None:
        """`~G2 = {A}G{F}G` or, for any note in place of n, `~n2 = {o}n{m}n`; a text without = defines nothing."""
        target, equals, replacement = (part.strip() for part in text.partition("="))
        if not equals or not target or len(target) > 31 or len(replacement) > 200 or len(self._macros) >= 100:
            return
        plain = re.sub(r"![^!]*!", "", target)
        transposing = "n" in plain and not re.search(r"[A-Ga-g]", plain)
        pattern = re.escape(target)
        if transposing:
            place = target.rindex("n")
            pattern = re.escape(target[:place]) + _NOTE + re.escape(target[place + 1 :])
        # A length that goes on behind the macro's makes it another note.
        self._macros.append((re.compile(pattern + r"(?![\d/,'])"), replacement, transposing))

    def expand(self, line: str) -> str:
        """A line of music with its macros replaced, longest definition first, outside of quotation marks and fields.

        Raises:
            ScoreError: too_long, where the line becomes longer than `MAX_EXPANDED`.
        """
        if not self._macros:
            return line
        parts = _QUOTED.split(line)
        for number in range(0, len(parts), 2):
            parts[number] = self._expand_part(parts[number])
        expanded = "".join(parts)
        if len(expanded) > max(MAX_EXPANDED, len(line)):
            raise ScoreError(Refusal.TOO_LONG, None, f"expected macros of at most {MAX_EXPANDED:,} signs, found more")
        return expanded

    def _expand_part(self, part: str) -> str:
        done: list[str] = []
        place = 0
        macros = sorted(self._macros, key=lambda macro: -len(macro[0].pattern))
        either = re.compile("|".join(f"(?P<m{n}>{_anonymous(macro[0].pattern)})" for n, macro in enumerate(macros)))
        for match in either.finditer(part):
            number = int(str(match.lastgroup)[1:])
            pattern, replacement, transposing = macros[number]
            done.append(part[place : match.start()])
            inner = pattern.match(part, match.start())
            done.append(_transposed(replacement, inner) if transposing and inner else replacement)
            place = match.end()
        return "".join([*done, part[place:]])


def _anonymous(pattern: str) -> str:
    return re.sub(r"\(\?P<[a-z]+>", "(?:", pattern)


def _transposed(replacement: str, note: re.Match[str]) -> str:
    """The replacement with n as the note, o the one above, m the one below, and so on for h to z."""
    letter, octaves = note["letter"], note["octaves"]
    step = _LETTERS.index(letter) + 7 * (octaves.count("'") - octaves.count(","))

    def spelled(match: re.Match[str]) -> str:
        octave, degree = divmod(step + ord(match[0]) - ord("n"), 7)
        name = _LETTERS[degree]
        accidental = note["accidental"] if match[0] == "n" else ""
        return accidental + (name + "," * -octave if octave <= 0 else name.lower() + "'" * (octave - 1))

    parts = _WORDS.split(replacement)
    parts[::2] = [re.sub(r"[h-z]", spelled, part) for part in parts[::2]]
    return "".join(parts)
