"""An ABC tune's lines, read in order: fields to the voices they are for, signs to the voice that is being written.

What a tune says that is no music, or cannot be read, is counted by kind. Knows nothing of playing.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from symbolic_music.score.abc.parse import fields
from symbolic_music.score.abc.parse.directives import read_midi_directive
from symbolic_music.score.abc.parse.fields import Key
from symbolic_music.score.abc.parse.macros import Macros
from symbolic_music.score.abc.parse.signs import NOTE, SIGN
from symbolic_music.score.abc.parse.voice import Head, Loudness, Setting, Voice
from symbolic_music.score.chords import normal_chord
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.notation.playback import MAX_PLAYED_BARS

LYRICS = "lyrics"
"""Lines of words, `w:` and `W:`."""
MACROS = "macros"
"""Definitions, `m:` and `U:`; what they stand for is read."""
TEXT = "text"
"""Annotations such as "^slowly", and lines of history, notes and discography."""
CHORD_SYMBOLS = "chord symbols"
"""Words where a chord symbol stands that are none; those that are go with the piece."""
GRACE_NOTES = "grace notes"
DECORATIONS = "decorations"
"""Ornaments and bowings; dynamics and jumps such as !D.C.! are played."""
COMMENTS = "comments"
BROKEN_LINES = "broken lines"
"""Lines of the tune's body with signs that no music has; the rest of such a line is read."""
UNREAD_FIELDS = "unread fields"
"""Keys, meters, lengths and tempos in the tune's body, or words in them, that say nothing known."""
MICROTONES = "microtones"
"""Accidentals by less than a semitone; the nearest semitone sounds."""
BROKEN_RHYTHM = "broken rhythm"
"""`>` and `<` between notes of unequal lengths, which say nothing defined; the notes last as long as is written."""
JUMP_WORDS = "jump words"
"""D.C., Fine and the like as words in quotation marks; only signs such as !D.C.! are played."""
ACCOMPANIMENT = "accompaniment"
"""Directives for what abc2midi makes up besides the written notes: chords, drums, drones."""
DIRECTIVES = "MIDI directives"
"""Other `%%MIDI` directives that are not followed."""
MAX_VOICES = 512
MAX_UNKNOWN_SIGNS = 10_000
"""A tune with more is some other text."""
MAX_CHARACTERS = 2_000_000
"""Of a tune's text; `voice.MAX_NOTES` notes need fewer."""
DEFAULT_TEMPO = 120.0
"""Quarter notes per minute where a tune does not say."""

_TEXT_FIELDS = frozenset("ABCDFGHNORSZ")
_COMMENT = re.compile(r"(?<!\\)%.*")
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


@dataclass
class Tune:
    """What a tune holds, voice by voice.

    Args:
        voices: in the order in which they are named.
        key: the first key; None where the tune states none.
        part_order: parts in the order they are played; None where the header does not say.
        opening_tempo: quarter notes per minute from the start until the first of `tempos`.
        tempos: quarter notes per minute, by voice, bar and quarter notes from its beginning.
        keys: likewise, changes of key.
        chords: likewise, chord symbols in their normal form.
        left_out: what does not go into the notes, by kind.
    """

    voices: list[Voice] = field(default_factory=list)
    key: Key | None = None
    part_order: list[str] | None = None
    opening_tempo: float = DEFAULT_TEMPO
    tempos: list[tuple[Voice, int, Fraction, float]] = field(default_factory=list)
    keys: list[tuple[Voice, int, Fraction, Key]] = field(default_factory=list)
    chords: list[tuple[Voice, int, Fraction, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


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


class _TuneReader:
    def __init__(self) -> None:
        self.tune = Tune()
        self.count = self.tune.left_out
        self.header = Setting(Key((0,) * 7, 0))
        self.settings: dict[str, Setting] = {}
        self.titles: dict[str, str] = {}
        self.voices: dict[str, Voice] = {}
        self.header_voice: str | None = None
        self.voice: Voice | None = None
        self.in_body = False
        self.text_block = ""
        self.macros = Macros()
        self.user: dict[str, str] = {}
        self.signs: list[str] = []
        self.chord_words: list[str] = []
        self.line_notes: list[tuple[int, int, int]] = []  # bar, and place in it as in `Voice`
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
                self._directive(line[2:].strip())
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
            self._user_symbol(value)
        elif letter in _TEXT_FIELDS:
            self.count[TEXT] += 1
        else:
            self._musical_field(letter, _COMMENT.sub("", value).strip())

    def _musical_field(self, letter: str, value: str) -> None:
        if letter in "KLMPQVI":
            getattr(self, f"_field_{letter.lower()}")(value)

    def _music_line(self, line: str) -> None:
        if "=" in line:
            line = _QUOTED_PRINTABLE.sub(lambda found: "=" if found[1] == "3D" else " ", line)
        line = self.macros.expand(line)
        if not self.goes_on:
            self.line_notes = []
        comment = _COMMENT.search(line)
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
        voice = self.voice or self._enter_voice("")
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
            elif kind == "nothing" or kind == "slur":
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
            symbol = _chord_symbol(words)
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

    def _sign_line_break(self, voice: Voice, sign: re.Match[str]) -> None:
        pass

    def _sign_ending(self, voice: Voice, sign: re.Match[str]) -> None:
        voice.start_ending(_passes(sign["passes"]) if sign["passes"] else ())

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
        voice.end_bar(ends, starts, double, _passes(volta) if volta else ())

    def _signs_at_bar_line(self, voice: Voice) -> None:
        """Signs right before a bar line: segno and the second coda mark what follows it, the others what precedes."""
        bar = voice.bars[voice.index]
        if not voice.at and voice.index:
            bar = voice.bars[voice.index - 1]
        bar.jumps += [(name, True) for name in self.signs if name != "segno"]
        self.signs = [name for name in self.signs if name == "segno"]

    # Fields

    def _inline_field(self, letter: str, value: str) -> None:
        if letter in "rNnTtw":
            self.count[TEXT] += 1
        elif letter in "mU":
            self._field(letter, value)
        else:
            self._musical_field(letter, value.strip())

    def _field_k(self, value: str) -> None:
        words, pairs = fields.read_parameters(value)
        sounding, words = fields.read_sounding(words, pairs)
        try:
            key = fields.read_key(" ".join(words))
        except ValueError as error:
            if not self.in_body:
                detail = f"expected a key such as G, Dm or Ador, found K:{value[:30]}"
                raise ScoreError(Refusal.UNREADABLE, None, detail) from error
            self.count[UNREAD_FIELDS] += 1
            return
        self.count[UNREAD_FIELDS] += key is not None and key.unread
        if not self.in_body:
            self._end_header(key, sounding)
            return
        voice = self.voice or self._enter_voice("")
        voice.change_key(key, sounding)
        if key is not None:
            self.tune.keys.append((voice, *voice.place, key))

    def _end_header(self, key: Key | None, sounding: fields.Sounding) -> None:
        self.in_body = True
        self.tune.key = key
        for setting in (self.header, *self.settings.values()):
            if key is not None:
                setting.key = key
            stated = setting.sounding
            setting.sound_as(sounding)
            setting.sound_as(stated)

    def _field_m(self, value: str) -> None:
        try:
            meter = fields.read_meter(value)
        except ValueError:
            self.count[UNREAD_FIELDS] += 1
            return
        self.count[UNREAD_FIELDS] += fields.has_more_meters(value)
        if not self.in_body:
            for setting in (self.header, *self.settings.values()):
                setting.meter, setting.has_meter = meter, True
            return
        (self.voice or self._enter_voice("")).change_meter(meter)

    def _field_l(self, value: str) -> None:
        unit = fields.read_unit(value)
        if unit is None:
            self.count[UNREAD_FIELDS] += 1
        elif not self.in_body:
            for setting in (self.header, *self.settings.values()):
                setting.unit = unit
        else:
            (self.voice or self._enter_voice("")).change_unit(unit)

    def _field_q(self, value: str) -> None:
        setting = self.voice.setting if self.voice else self.header
        tempo = fields.read_tempo(value, setting.unit_length)
        if tempo is None:
            self.count[UNREAD_FIELDS] += bool(value)
        elif self.in_body:
            voice = self.voice or self._enter_voice("")
            self.tune.tempos.append((voice, *voice.place, tempo))
        else:
            self.tune.opening_tempo = tempo

    def _field_p(self, value: str) -> None:
        if not self.in_body:
            self.tune.part_order = fields.read_part_order(value, MAX_PLAYED_BARS)
            if self.tune.part_order is None:
                detail = f"expected parts of at most {MAX_PLAYED_BARS:,} bars in all, found P:{value[:30]}"
                raise ScoreError(Refusal.TOO_LONG, None, detail)
        elif value:
            voice = self.voice or self._enter_voice("")
            voice.start_part(value[0])

    def _field_v(self, value: str) -> None:
        name, _, rest = value.partition(" ")
        if not name:
            return
        words, pairs = fields.read_parameters(rest)
        sounding, _ = fields.read_sounding(words, pairs)
        title = pairs.get("name", pairs.get("nm", ""))
        if self.in_body:
            voice = self._enter_voice(name)
            voice.change_key(None, sounding)
            voice.title = title or voice.title
        else:
            self.header_voice = name
            setting = self.settings.setdefault(name, replace(self.header))
            setting.sound_as(sounding)
            self.titles[name] = title or self.titles.get(name, "")
        self._check_voices()

    def _check_voices(self) -> None:
        if max(len(self.voices), len(self.settings)) > MAX_VOICES:
            raise ScoreError(Refusal.TOO_MANY_VOICES, None, f"expected at most {MAX_VOICES} voices, found more")

    def _enter_voice(self, name: str) -> Voice:
        if name not in self.voices:
            setting = self.settings.get(name, self.header)
            self.voices[name] = Voice(name, replace(setting))
            self.voices[name].title = self.titles.get(name, "")
        self.voice = self.voices[name]
        self.signs, self.line_notes = [], []
        return self.voice

    def _field_i(self, value: str) -> None:
        self._directive(value)

    def _directive(self, text: str) -> None:
        if text[:4].upper() != "MIDI":
            return
        target = self.voice.setting if self.voice else self.settings.get(self.header_voice or "", self.header)
        targets = [target]
        if not self.in_body and target is self.header:
            targets += self.settings.values()
        read = read_midi_directive(_COMMENT.sub("", text[4:]).split(), target)
        if read.left_out:
            self.count[ACCOMPANIMENT if read.left_out == "accompaniment" else DIRECTIVES] += 1
        for setting in targets:
            self._apply(setting, read)

    def _apply(self, setting: Setting, read: Any) -> None:
        if self.voice is not None and setting is self.voice.setting:
            self.voice.change_sound(read.instrument, read.loudness, read.transpose)
            return
        setting.instrument = read.instrument or setting.instrument
        setting.loudness = read.loudness or setting.loudness
        setting.transpose = setting.transpose if read.transpose is None else read.transpose

    def _user_symbol(self, value: str) -> None:
        match = re.match(r"\s*([~.H-Wh-wX-Z])\s*=\s*(.*)", _COMMENT.sub("", value))
        if match:
            self.user[match[1]] = match[2].strip().strip("!+")

    def _symbol_line(self, value: str) -> None:
        """`s:`: signs for the notes of the line before, one each (ABC 2.1, section 4.15)."""
        place = 0
        voice = self.voice
        for sign in re.findall(r"\"[^\"]*\"|![^!]*!|\+[^+]*\+|\*|\|", value):
            if sign == "|":
                place = self._next_bar_of_line(place)
                continue
            if sign[0] == '"' and voice is not None and place < len(self.line_notes):
                symbol = None if sign[1:2] in "^_<>@" else _chord_symbol(sign[1:-1])
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


def _passes(text: str) -> tuple[int, ...]:
    """The passes of a volta: "1", "1,3", "1-3"."""
    passes: list[int] = []
    for part in re.findall(r"\d{1,2}-\d{1,2}|\d{1,2}", text[:100]):
        first, _, last = part.partition("-")
        passes += range(int(first), int(last or first) + 1)
    return tuple(sorted({number for number in passes if number}))


def _chord_symbol(words: str) -> str | None:
    """The normal form of a chord symbol; ABC writes a bass in small letters, too: "G/b" (ABC 2.1, section 4.18).

    An optional chord stands in brackets; older tune books write a sharp bass "D/F+".
    """
    if words[0] == "(" and words[-1] == ")":
        words = words[1:-1]
    chord, slash, bass = words.partition("/")
    return normal_chord(f"{chord}/{bass[0].upper()}{bass[1:].replace('+', '#')}" if slash and bass else words)
