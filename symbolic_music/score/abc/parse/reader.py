"""An ABC tune's lines, read in order: fields to the voices they are for, signs to the voice that is being written.

What a tune says that is no music, or cannot be read, is counted by kind. Knows nothing of playing.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from symbolic_music.score.abc.parse.elements import Head, Loudness
from symbolic_music.score.abc.parse.field_reader import COMMENT, FieldReader
from symbolic_music.score.abc.parse.macros import Macros
from symbolic_music.score.abc.parse.signs import JUMPS, NOTE, SIGN, read_chord_symbol, read_passes
from symbolic_music.score.abc.parse.tune import (
    BROKEN_LINES,
    BROKEN_RHYTHM,
    CHORD_SYMBOLS,
    COMMENTS,
    DECORATIONS,
    GRACE_NOTES,
    JUMP_WORDS,
    LYRICS,
    MACROS,
    MICROTONES,
    TEXT,
    Tune,
)
from symbolic_music.score.abc.parse.voice import Voice
from symbolic_music.score.errors import Refusal, ScoreError

MAX_UNKNOWN_SIGNS = 10_000
"""A tune with more is some other text."""
MAX_CHARACTERS = 2_000_000
"""Of a tune's text; `voice.MAX_NOTES` notes need fewer."""

_TEXT_FIELDS = frozenset("ABCDFGHNORSZ")
_FIELD = re.compile(r"([A-Za-z+]):")
# Two decorations in a row that no note follows are a word.
_WORD = re.compile(r"[H-Wh-w]{2}(?![~.H-Wh-w]*[A-Ga-gxz^=_\[({])")
_UNREAD_WORD = re.compile(r"\"[^\"]*\"|![^!|\s]*!|\{[^}]*\}|\[[A-Za-z]:[^\]]*\]|\+[^+|\s]+\+")
_VOLTA = re.compile(r"\s*\d[\d,.\-]*(?=[\s\"(])")
_OLD_CHORD = re.compile(r"(?:[_^=]*[A-Ga-g][,']*[\d/]*){2,}$")
_LIKE_CHORD = re.compile(r"\(?[A-G](?:[#bmMdas/+\-o°\d♯♭]|$)")
_JUMP_WORDS = re.compile(r"[\^_<>@]?\W*(?:d\.? ?[cs]\b|da ?capo|dal ?segno|fine\b|(?:to |da )?coda\b|segno)", re.I)
# What e-mail left in some tunes: a space, a natural sign, the end of a line.
_QUOTED_PRINTABLE = re.compile(r"=(20|3D|\s*$)")
_DYNAMICS = {
    name: Loudness(min(first, 127), min(first - 10, 127), min(first - 10, 127))
    for name, first in {
        "pppp": 30, "ppp": 30, "pp": 45, "p": 60, "mp": 75, "mf": 90, "f": 105, "ff": 120, "fff": 135, "ffff": 135
    }.items()
}  # fmt: skip
"""Velocities of dynamics, as abc2midi plays them."""


def read_tune(text: str) -> Tune:
    """Read one tune.

    Args:
        text: from its `X:` on; a tune without `K:` is none.

    Raises:
        ScoreError: unreadable, too_many_voices, too_many_notes, too_long, corrupt_timing or pitch_out_of_range.
    """
    if len(text) > MAX_CHARACTERS:
        detail = f"expected a tune of at most {MAX_CHARACTERS:,} characters, found {len(text):,}"
        raise ScoreError(Refusal.TOO_LONG, None, detail)
    reader = _TuneReader()
    for line in _logical_lines(text):
        reader.line(line)
    return reader.finish()


def _logical_lines(text: str) -> Iterator[str]:
    """Lines without what continues them: `+:` adds to the field before it (ABC 2.1, section 3.3)."""
    held: str | None = None
    for line in text.split("\n"):
        if line.startswith("+:") and held is not None:
            held += " " + line[2:].strip()
            continue
        if held is not None:
            yield held
        held = line
    if held is not None:
        yield held


class _TuneReader(FieldReader):
    """Gives each line to what reads it; reads the signs of music itself."""

    def __init__(self) -> None:
        super().__init__()
        self.text_block = ""
        self.macros = Macros()
        self.chord_words: list[str] = []
        self.goes_on = False
        self.ends_in_bar_line = False
        self.unknown = 0

    # Lines

    def line(self, line: str) -> None:
        """One line of the tune."""
        if self._is_in_text_block(line):
            return
        if line.startswith("%"):
            if line.startswith("%%"):
                self.directive(line[2:].strip())
            else:
                self.count[COMMENTS] += 1
            return
        match = _FIELD.match(line)
        if match:
            self._field(match[1], line[2:])
        elif self.in_body and line.strip():
            self._music_line(line)

    def _is_in_text_block(self, line: str) -> bool:
        """`%%begintext` and the like go on to `%%endtext`: their lines are no music."""
        begins = re.match(r"%%\s*(begin|end)(text|ps|svg|ml|js|css)\b", line)
        if begins:
            self.text_block = begins[2] if begins[1] == "begin" else ""
            return True
        return bool(self.text_block)

    def _field(self, letter: str, value: str) -> None:
        if letter == "w" or letter == "W":
            self.count[LYRICS] += 1
        elif letter == "s":
            self._symbol_line(value)
        elif letter == "m":
            self.count[MACROS] += 1
            self.macros.define(value)
        elif letter == "U":
            self.count[MACROS] += 1
            self.user_symbol(value)
        elif letter in _TEXT_FIELDS:
            self.count[TEXT] += 1
        else:
            self.musical_field(letter, COMMENT.sub("", value).strip())

    def _music_line(self, line: str) -> None:
        if "=" in line:
            line = _QUOTED_PRINTABLE.sub(lambda found: "=" if found[1] == "3D" else " ", line)
        line = self.macros.expand(line)
        if not self.goes_on:
            self.line_notes = []
        comment = COMMENT.search(line)
        if comment:
            self.count[COMMENTS] += 1
            line = line[: comment.start()]
        if self.goes_on and self.ends_in_bar_line and _VOLTA.match(line):
            line = f"[{line.lstrip()}"
        self.goes_on = line.rstrip().endswith("\\")
        self.ends_in_bar_line = line.rstrip("\\ ").endswith(("|", ":"))
        if _WORD.search(line) and _WORD.search(_UNREAD_WORD.sub("", line)):
            self.count[BROKEN_LINES] += 1
            if "|" not in line:
                return  # words, not music
            self._music(line)
            return
        if not self._music(line):
            self.count[BROKEN_LINES] += 1

    def _music(self, line: str) -> bool:
        """Read a line of music; whether all its signs are known."""
        voice = self.voice or self.enter_voice("")
        known = True
        for sign in SIGN.finditer(line):
            kind = sign.lastgroup
            if kind == "note":
                accidental, letter, octaves, length, tie = sign.group(
                    "accidental", "letter", "octaves", "length", "tie"
                )
                self._before(voice, length)
                voice.sound([Head(accidental, letter, octaves, length, False)], "", tie == "-")
                self._after(voice)
            elif kind in ("nothing", "slur", "line_break"):
                pass
            elif kind == "bar":
                self._bar_line(voice, sign["line"], sign["volta"])
            elif kind == "inline":
                self._inline_field(sign["field"], sign["value"])
                voice = self.voice or voice
            elif kind == "other":
                known = False
                self._unknown_sign()
            else:
                self._rare_sign(voice, str(kind), sign)
        return known

    def _unknown_sign(self) -> None:
        self.unknown += 1
        if self.unknown > MAX_UNKNOWN_SIGNS:
            detail = f"expected ABC music, found over {MAX_UNKNOWN_SIGNS:,} signs that no music has"
            raise ScoreError(Refusal.UNREADABLE, None, detail)

    def _rare_sign(self, voice: Voice, kind: str, sign: re.Match[str]) -> None:
        getattr(self, f"_sign_{kind}")(voice, sign)

    # Signs

    def _before(self, voice: Voice, own: str = "", outer: str = "") -> None:
        """What stands before a note or rest of this length goes to where it begins."""
        if voice.broken:
            voice.settle_broken(own, outer)
        if self.chord_words:
            self._place_chords(voice)
        if self.signs:
            for name in self.signs:
                voice.bars[voice.index].jumps.append((name, voice.at > 0))
            self.signs = []

    def _after(self, voice: Voice) -> None:
        self.line_notes.append((*voice.onset_of_last, voice.per))

    def _place_chords(self, voice: Voice) -> None:
        place = voice.place
        first = True
        for words in self.chord_words:
            symbol = read_chord_symbol(words)
            if symbol is None or not first:
                self.count[CHORD_SYMBOLS if _LIKE_CHORD.match(words) else TEXT] += 1
            else:
                self.tune.chords.append((voice, *place, symbol))
                first = False
        self.chord_words = []

    def _sign_chord(self, voice: Voice, sign: re.Match[str]) -> None:
        self._chord(voice, sign["inside"], sign["chord_length"], sign["chord_tie"] == "-")

    def _chord(self, voice: Voice, inside: str, length: str, tied: bool) -> None:
        heads, rests, place = [], [], 0
        if '"' in inside or "!" in inside:
            inside = re.sub(r"\"([^\"]*)\"|!([^!|\s]*)!", self._in_chord, inside)
        for match in NOTE.finditer(inside):
            accidental, letter, octaves, own, tie = match.groups()
            heads.append(Head(accidental, letter, octaves, own, tie == "-"))
            place = match.end()
        if not heads:
            rests = re.findall(r"[zx]([\d/]*)", inside)
        if heads:
            tied = tied or inside[place:].strip().startswith("-")
            self._before(voice, heads[0].length, length)
            voice.sound(heads, length, tied)
            self._after(voice)
        elif rests:
            lasting = rests[0] + (length if not rests[0] else "")
            self._before(voice, lasting)
            voice.rest(lasting)

    def _in_chord(self, match: re.Match[str]) -> str:
        if match[1] is not None:
            self._words(match[1])
        else:
            self._decoration(match[2])
        return ""

    def _sign_rest(self, voice: Voice, sign: re.Match[str]) -> None:
        self._before(voice, sign["rest_length"])
        voice.rest(sign["rest_length"])

    def _sign_bars_of_rest(self, voice: Voice, sign: re.Match[str]) -> None:
        self._before(voice)
        count = sign["count"]
        voice.rest_bars(min(int(count[:9]), 10**9) if count else 1)

    def _sign_quoted(self, voice: Voice, sign: re.Match[str]) -> None:
        self._words(sign["text"])

    def _words(self, text: str) -> None:
        text = text.strip()
        if _JUMP_WORDS.match(text):
            self.count[JUMP_WORDS] += 1
        elif not text or text[0] in "^_<>@":
            self.count[TEXT] += 1
        else:
            self.chord_words.append(text)

    def _sign_decoration(self, voice: Voice, sign: re.Match[str]) -> None:
        self._decoration(sign["name"], voice)

    def _sign_plus(self, voice: Voice, sign: re.Match[str]) -> None:
        name = sign["plus_name"]
        if name not in _DYNAMICS and _OLD_CHORD.match(name):
            self._chord(voice, name, "", False)  # as before ABC 2.0
        else:
            self._decoration(name, voice)

    def _sign_letter_decoration(self, voice: Voice, sign: re.Match[str]) -> None:
        letter = sign["letter_decoration"]
        meaning = self.user.get(letter, {"S": "segno", "O": "coda"}.get(letter, ""))
        if meaning.startswith('"'):
            self._words(meaning.strip('"'))
        else:
            self._decoration(meaning, voice)

    def _decoration(self, name: str, voice: Voice | None = None) -> None:
        voice = voice or self.voice
        plain = re.sub(r"[\s._]", "", name).lower()
        if plain in JUMPS:
            self.signs.append(JUMPS[plain])
        elif name in _DYNAMICS and voice is not None:
            voice.change_sound(loudness=replace(_DYNAMICS[name], every=voice.setting.loudness.every))
        else:
            self.count[DECORATIONS] += 1

    def _sign_grace(self, voice: Voice, sign: re.Match[str]) -> None:
        self.count[GRACE_NOTES] += 1

    def _sign_tuplet(self, voice: Voice, sign: re.Match[str]) -> None:
        numbers = [int(number[:4]) if number else 0 for number in sign.group("p", "q", "r")]
        voice.start_tuplet(*numbers)

    def _sign_overlay(self, voice: Voice, sign: re.Match[str]) -> None:
        voice.overlay(sign["overlay"])

    def _sign_broken(self, voice: Voice, sign: re.Match[str]) -> None:
        voice.break_rhythm(sign["broken"])

    def _sign_late_tie(self, voice: Voice, sign: re.Match[str]) -> None:
        voice.tie()

    def _sign_ending(self, voice: Voice, sign: re.Match[str]) -> None:
        voice.start_ending(read_passes(sign["passes"]) if sign["passes"] else ())

    def _bar_line(self, voice: Voice, line: str, volta: str | None) -> None:
        if self.signs:
            self._signs_at_bar_line(voice)
        left, _, _ = line.partition("|")
        if left == line:  # colons only
            ends = starts = max(1, line.count(":") // 2)
        else:
            ends, starts = left.count(":"), line.rpartition("|")[2].count(":")
        seen = line.replace("[|]", "")  # an invisible bar line (ABC 2.1, section 4.8)
        double = "||" in seen or "|]" in seen or "[|" in seen
        voice.end_bar(ends, starts, double, read_passes(volta) if volta else ())

    def _signs_at_bar_line(self, voice: Voice) -> None:
        """Signs right before a bar line: segno and the second coda mark what follows it, the others what precedes."""
        bar = voice.bars[voice.index]
        if not voice.at and voice.index:
            bar = voice.bars[voice.index - 1]
        bar.jumps += [(name, True) for name in self.signs if name != "segno"]
        self.signs = [name for name in self.signs if name == "segno"]

    def _inline_field(self, letter: str, value: str) -> None:
        if letter in "rNnTtw":
            self.count[TEXT] += 1
        elif letter in "mU":
            self._field(letter, value)
        else:
            self.musical_field(letter, value.strip())

    def _symbol_line(self, value: str) -> None:
        """`s:`: signs for the notes of the line before, one each (ABC 2.1, section 4.15)."""
        place = 0
        voice = self.voice
        for sign in re.findall(r"\"[^\"]*\"|![^!]*!|\+[^+]*\+|\*|\|", value):
            if sign == "|":
                place = self._next_bar_of_line(place)
                continue
            if sign[0] == '"' and voice is not None and place < len(self.line_notes):
                symbol = None if sign[1:2] in "^_<>@" else read_chord_symbol(sign[1:-1])
                if symbol is not None:
                    bar, at, per = self.line_notes[place]
                    self.tune.chords.append((voice, bar, Fraction(at, per), symbol))
                else:
                    self.count[TEXT if sign[1:2] in "^_<>@" else CHORD_SYMBOLS] += 1
            elif sign != "*":
                self.count[DECORATIONS] += 1
            place += 1

    def _next_bar_of_line(self, place: int) -> int:
        if not 0 < place <= len(self.line_notes):
            return place
        bar = self.line_notes[place - 1][0]
        while place < len(self.line_notes) and self.line_notes[place][0] == bar:
            place += 1
        return place

    # The end

    def finish(self) -> Tune:
        """The tune, all its voices closed."""
        if not self.in_body:
            detail = "expected an ABC tune with a key, a line that begins with K:, found none"
            raise ScoreError(Refusal.UNREADABLE, None, detail)
        order = [name for name in self.settings if name in self.voices]
        order += [name for name in self.voices if name not in self.settings]
        self.tune.voices = [self.voices[name] for name in order]
        for voice in self.tune.voices:
            voice.finish()
            self.count[MICROTONES] += voice.microtones
            self.count[BROKEN_RHYTHM] += voice.unequal_broken
        self.count[CHORD_SYMBOLS] += len(self.chord_words)
        self.tune.left_out = +self.count  # a sum drops zeros
        return self.tune
