"""Fields of an ABC tune -> what they say to the tune and its voices. Knows nothing of lines of music."""

import re
from dataclasses import replace
from typing import Any

from symbolic_music.score.abc.parse import fields
from symbolic_music.score.abc.parse.directives import read_midi_directive
from symbolic_music.score.abc.parse.elements import Setting
from symbolic_music.score.abc.parse.fields import Key
from symbolic_music.score.abc.parse.tune import ACCOMPANIMENT, DIRECTIVES, UNREAD_FIELDS, Tune
from symbolic_music.score.abc.parse.voice import Voice
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.notation.playback import MAX_PLAYED_BARS

MAX_VOICES = 512
COMMENT = re.compile(r"(?<!\\)%.*")


class FieldReader:
    """The tune so far, the voice that is being written, and the fields that change them."""

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
        self.user: dict[str, str] = {}
        self.signs: list[str] = []
        self.line_notes: list[tuple[int, int, int]] = []  # bar, and place in it as in `Voice`

    def musical_field(self, letter: str, value: str) -> None:
        """A field that says something of the notes; others are passed over."""
        if letter in "KLMPQVI":
            getattr(self, f"_field_{letter.lower()}")(value)

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
        voice = self.voice or self.enter_voice("")
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
        (self.voice or self.enter_voice("")).change_meter(meter)

    def _field_l(self, value: str) -> None:
        unit = fields.read_unit(value)
        if unit is None:
            self.count[UNREAD_FIELDS] += 1
        elif not self.in_body:
            for setting in (self.header, *self.settings.values()):
                setting.unit = unit
        else:
            (self.voice or self.enter_voice("")).change_unit(unit)

    def _field_q(self, value: str) -> None:
        setting = self.voice.setting if self.voice else self.header
        tempo = fields.read_tempo(value, setting.unit_length)
        if tempo is None:
            self.count[UNREAD_FIELDS] += bool(value)
        elif self.in_body:
            voice = self.voice or self.enter_voice("")
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
            voice = self.voice or self.enter_voice("")
            voice.start_part(value[0])

    def _field_v(self, value: str) -> None:
        name, _, rest = value.partition(" ")
        if not name:
            return
        words, pairs = fields.read_parameters(rest)
        sounding, _ = fields.read_sounding(words, pairs)
        title = pairs.get("name", pairs.get("nm", ""))
        if self.in_body:
            voice = self.enter_voice(name)
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

    def enter_voice(self, name: str) -> Voice:
        """The voice of this name, which what follows is for; made where it is new."""
        if name not in self.voices:
            setting = self.settings.get(name, self.header)
            self.voices[name] = Voice(name, replace(setting))
            self.voices[name].title = self.titles.get(name, "")
        self.voice = self.voices[name]
        self.signs, self.line_notes = [], []
        return self.voice

    def _field_i(self, value: str) -> None:
        self.directive(value)

    def directive(self, text: str) -> None:
        """A `%%` line or an `I:` field, without its first signs."""
        if text[:4].upper() != "MIDI":
            return
        target = self.voice.setting if self.voice else self.settings.get(self.header_voice or "", self.header)
        targets = [target]
        if not self.in_body and target is self.header:
            targets += self.settings.values()
        read = read_midi_directive(COMMENT.sub("", text[4:]).split(), target)
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

    def user_symbol(self, value: str) -> None:
        """A `U:` field: what a letter stands for."""
        match = re.match(r"\s*([~.H-Wh-wX-Z])\s*=\s*(.*)", COMMENT.sub("", value))
        if match:
            self.user[match[1]] = match[2].strip().strip("!+")
