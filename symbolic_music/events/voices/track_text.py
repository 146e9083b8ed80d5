"""Track text: a window of bars as lines, one for each instrument, behind a header that says what is to come.

    Tempo_120 Meter_4/4 Key_G Bars_2 Instrument_0 Instrument_40 Tracks_None
    Track_1 Instrument_0 Bar_None Note_C4:q With_E4 Rest_h. Bar_last Tie_q Note_D4:h.
    Track_2 Instrument_40 Bar_None Rest_w Bar_last Note_G5:w

The header names tempo, meter, key, bars and every instrument; each instrument then has a line of as many bars, in the
header's order, and sounds somewhere in it. Each note or rest is one event with its duration; `With` adds a pitch to
the note before it, `Tie` holds it on, over a bar line too. A window has one tempo, meter and key, and its last bar
sounds. `text` writes the events as a language model's tokens do: `<BPM=120> … C4_q .E4 REST_h.`.

A piece is cut into windows before it comes here. This module knows nothing of ids.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise, product
from typing import Any

import numpy as np
from symusic.core import ScoreTick, TimeSignatureTick, TimeSignatureTickList

from symbolic_music.events.codec import EncodingError, check_complete, settings_from_json, settings_to_json
from symbolic_music.events.grammar import EventGrammar
from symbolic_music.events.meters import Meter, parse_meter, written_meters
from symbolic_music.events.tempos import fine_tempos
from symbolic_music.events.voices.bars import Span, VoiceWriter, rests, spans_by_bar
from symbolic_music.events.voices.codec import DRUMS_VALUE, VoiceCodec, VoiceSettings
from symbolic_music.events.voices.quantise import Voice, VoicePiece, bar_tempos, piece_score, quantise_piece
from symbolic_music.events.voices.track_text_grammar import track_text_grammar
from symbolic_music.score.bars import bar_table, equal_parts, last_note_end
from symbolic_music.score.programs import DRUMS, PROGRAM_NAMES, PROGRAMS_BY_NAME
from symbolic_music.score.transforms.edit import cut_bars

DRUMS_NAME = "Drums"
_FIELD_NAMES = {"Tempo": "the tempo", "Meter": "the meter", "Key": "the key", "Bars": "the number of bars"}
_NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
# Letters of note values, in quarter notes, and what a sign behind the letter makes of them.
_LETTERS = {letter: Fraction(4, 2**halvings) for halvings, letter in enumerate("whqestx")}
_SIGNS = {"": Fraction(1), ".": Fraction(3, 2), "3": Fraction(2, 3)}


@dataclass(frozen=True)
class TrackTextSettings(VoiceSettings):
    """What a vocabulary of track text can say.

    Attributes:
        tempo_range: slowest and fastest tempo in quarter notes per minute; those between are at most 1.5% apart (see
            `events.tempos.fine_tempos`), in the first edition all whole numbers.
        max_bars: bars in a window.
        max_tracks: lines in a window.
        max_masks: bars of lines that may be masked at once, for models that fill them in; see `events.infilling`.

    Raises:
        ValueError: when these do not fit together.
    """

    tempo_range: tuple[int, int] = (16, 600)
    max_bars: int = 16
    max_tracks: int = 30
    max_masks: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.tempo_range[0] <= 120 <= self.tempo_range[1]:
            raise ValueError(f"expected a range of tempos around 120, got {self.tempo_range}")
        if self.max_bars < 1 or self.max_tracks < 1:
            raise ValueError(f"expected at least one bar and one track, got {self.max_bars} and {self.max_tracks}")
        if self.max_masks < 0:
            raise ValueError(f"expected no fewer than 0 masks, got {self.max_masks}")


@dataclass(frozen=True)
class HeaderFields:
    """What a header is asked to say; what is left out is left to the model.

    Attributes:
        tempo: quarter notes per minute; the nearest of the vocabulary is taken.
        meter: such as "3/4".
        key: such as "G" or "F#m".
        num_bars: bars of the window.
        instruments: in the order of their lines: names of General MIDI programs, their numbers from 0, or "Drums".
    """

    tempo: int | None = None
    meter: str | None = None
    key: str | None = None
    num_bars: int | None = None
    instruments: tuple[str, ...] = ()


def duration_name(steps: int, steps_per_quarter: int) -> str:
    """A duration in words: q is a quarter note, "e." a dotted eighth, "e3" one of a triplet of eighths.

    Any other is a fraction of a quarter note, such as "5/24".
    """
    quarters = Fraction(steps, steps_per_quarter)
    for (letter, value), (sign, factor) in product(_LETTERS.items(), _SIGNS.items()):
        if value * factor == quarters:
            return letter + sign
    return str(quarters)


def note_name(pitch: int) -> str:
    """A pitch in scientific notation, by sharps: 60 is "C4"."""
    return f"{_NOTE_NAMES[pitch % 12]}{pitch // 12 - 1}"


def find_instrument(name: str) -> str:
    """The value of the `Instrument` event that a name or number stands for, upper and lower case alike.

    Raises:
        ValueError: when there is none; the message names what comes near.
    """
    if name.isdecimal() and int(name) < len(PROGRAM_NAMES):
        return str(int(name))
    program = PROGRAMS_BY_NAME.get(name.strip().lower())
    if program is not None:
        return DRUMS_VALUE if program == DRUMS else str(program)
    near = difflib.get_close_matches(name.lower(), PROGRAMS_BY_NAME, n=3)
    near += [title for title in PROGRAMS_BY_NAME if name.lower() in title and title not in near][:3]
    hint = f"did you mean {' or '.join(repr(title) for title in near)}?" if near else "see General MIDI's names"
    raise ValueError(f"unknown instrument {name!r}; expected a General MIDI name, 0 to 127 or Drums ({hint})")


class TrackTextCodec(VoiceCodec):
    """Score <-> track text events.

    Args:
        settings: the vocabulary.
    """

    codec_type = "track_text"

    def __init__(self, settings: TrackTextSettings | None = None):
        self.settings = settings or TrackTextSettings()
        low, high = self.settings.tempo_range
        whole_tempos = self.settings.edition == 1
        super().__init__(
            self.settings,
            lambda steps: duration_name(steps, self.settings.steps_per_quarter),
            note_name,
            np.arange(low, high + 1, dtype=np.float64) if whole_tempos else fine_tempos(low, high),
            self.settings.max_tracks,
        )

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "TrackTextCodec":
        """The codec whose `to_dict` gave `settings`."""
        return cls(settings_from_json(TrackTextSettings, settings))

    def to_dict(self) -> dict[str, Any]:
        """Settings of the codec, for `processor_config.json`."""
        return {"codec_type": self.codec_type, **settings_to_json(self.settings)}

    @cached_property
    def events(self) -> list[str]:
        """Event names in the order of their ids, without special tokens."""
        return [
            *(f"Tempo_{tempo:g}" for tempo in self._grid.tempos.tolist()),
            *(f"Meter_{meter}" for meter in self.settings.meters),
            *(f"Key_{key}" for key in self._key.values()),
            *(f"Bars_{number}" for number in range(1, self.settings.max_bars + 1)),
            *(f"Instrument_{program}" for program in self._program.values()),
            "Tracks_None",
            *(f"Track_{number}" for number in range(1, self.settings.max_tracks + 1)),
            "Bar_None",
            "Bar_last",
            *self._span_names(),
            *(f"Mask_{number}" for number in range(1, self.settings.max_masks + 1)),
            *(["Fill_None"] if self.settings.max_masks else []),
        ]

    def text(self, event: str) -> str:
        """An event as a language model's token."""
        kind, _, value = event.partition("_")
        if kind == "Instrument":
            return f"<INST={DRUMS_NAME if value == DRUMS_VALUE else PROGRAM_NAMES[int(value)]}>"
        if kind in ("Rest", "Tie"):
            return f"{kind.upper()}_{value}"
        written = {"Note": value.replace(":", "_"), "With": f".{value}", "Tempo": f"<BPM={value}>"}
        written |= {"Tracks": "<TRACKS>", "Fill": "<FILL>", "Bar": "<LASTBAR>" if value == "last" else "<BAR>"}
        return written.get(kind, f"<{kind.upper()}={value}>")

    def windows(self, score: ScoreTick) -> list[ScoreTick]:
        """A Score cut where the meter changes, and what is longer than a window into parts of about equal length.

        Notes are moved to the grid first, so that none leaves its window by that; silent windows are left out. A bar
        that a change of meter cuts short is filled up with silence. A note ends with its window.

        Raises:
            EncodingError: when the clock does not run.
        """
        return [window for _, window in self.placed_windows(score)]

    def placed_windows(self, score: ScoreTick) -> list[tuple[Fraction, ScoreTick]]:
        """The same, and where each window begins, in quarter notes."""
        score = self.move_to_grid(score)
        if self.settings.edition > 1:
            changes = list(written_meters(score, self._grid.meters, last_note_end(score)))
            score.time_signatures = TimeSignatureTickList([TimeSignatureTick(at, *meter) for at, meter in changes])
        starts = bar_table(score).starts.tolist()
        windows = [
            (Fraction(starts[first], self.settings.steps_per_quarter), cut_bars(score, first, end - first))
            for begin, behind in self.stretches(score)
            for first, end in pairwise(equal_parts(begin, behind, self.settings.max_bars))
        ]
        return [(start, window) for start, window in windows if window.note_num()]

    def move_to_grid(self, score: ScoreTick) -> ScoreTick:
        """The Score with everything at the nearest step; notes keep their order.

        Raises:
            EncodingError: when the clock does not run.
        """
        if score.ticks_per_quarter <= 0:
            raise EncodingError(f"expected ticks per quarter note above 0, found {score.ticks_per_quarter}")
        return score.resample(self.settings.steps_per_quarter, min_dur=1)

    def steps_in_bar(self, meter: str) -> int:
        """Steps of the grid in a bar of a meter of the vocabulary."""
        return self._bar_steps[f"Meter_{meter}"]

    def stretches(self, score: ScoreTick) -> list[tuple[int, int]]:
        """The stretches of whole bars of one meter of a Score on the grid: first bar, and the one behind the last."""
        bars = bar_table(score)
        whole = 4 * self.settings.steps_per_quarter * bars.numerators // bars.denominators
        changes = (np.diff(bars.numerators) != 0) | (np.diff(bars.denominators) != 0) | (bars.lengths != whole)[:-1]
        return list(pairwise([0, *(np.flatnonzero(changes) + 1).tolist(), len(bars)]))

    def quantise(self, score: ScoreTick) -> ScoreTick:
        """The Score this codec writes for `score`.

        Onsets and durations move to the nearest step; the window lasts as long as it did, to the nearest tempo; the
        key of the first bar holds throughout; notes of a track that overlap without being a chord become tracks of
        their own, behind it, and where these are too many, tracks of one instrument share them and the least busy are
        left out; of notes with one onset and pitch in a track the shortest is kept; loudness and what is not played
        are dropped; a Score without a key gets the major key it fits best.

        Raises:
            EncodingError: without notes that it has pitches for; with more bars than there may be, or a change of
                meter, the bar being named.
        """
        return piece_score(self.read_window(score), self._grid)

    def read_window(self, score: ScoreTick) -> VoicePiece:
        """The voices of a Score that is one window; see `quantise`.

        Raises:
            EncodingError: see `quantise`.
        """
        piece = quantise_piece(score, self._grid, by_entry=False)
        bars, most = len(piece.bar_starts), self.settings.max_bars
        if bars > most:
            raise EncodingError(f"bar {most + 1} of {bars} lies outside a window of {most}; cut the piece there")
        for bar, (before, meter) in enumerate(zip(piece.meters, piece.meters[1:], strict=False), start=2):
            if meter != before:
                change = f"{before[0]}/{before[1]} to {meter[0]}/{meter[1]}"
                raise EncodingError(f"bar {bar} changes the meter from {change}; cut the piece there")
        tempos = piece.tempos if self.settings.edition == 1 else bar_tempos(score, self._grid, [0, piece.end])
        piece.keys, piece.tempos = piece.keys[:1] * bars, tempos[:1] * bars
        return piece

    def encode(self, score: ScoreTick) -> list[str]:
        """Events of a Score, without special tokens.

        Raises:
            EncodingError: see `quantise`.
        """
        piece = self.read_window(score)
        events = self.header_of(piece)
        for number, voice in enumerate(piece.voices, start=1):
            events += self.line_opening(number, voice)
            for bar, spans in enumerate(self.bars_of(voice, piece)):
                events += [self.bar_line(bar, piece), *self.span_events(spans)]
        return events

    def header_of(self, piece: VoicePiece) -> list[str]:
        """The events before the first line of a window."""
        programs = [self._program[voice.program] for voice in piece.voices]
        return self.header(piece.tempos[0], piece.meters[0], piece.keys[0], len(piece.bar_starts), programs)

    def line_opening(self, number: int, voice: Voice) -> list[str]:
        """The events before the first bar of a line, whose numbers begin at 1."""
        return [f"Track_{number}", f"Instrument_{self._program[voice.program]}"]

    def bar_line(self, bar: int, piece: VoicePiece) -> str:
        """The event that begins a bar, whose numbers begin at 0."""
        return "Bar_last" if bar == len(piece.bar_starts) - 1 else "Bar_None"

    def bars_of(self, voice: Voice, piece: VoicePiece) -> list[list[Span]]:
        """What a voice does in each bar of its window."""
        sounding = spans_by_bar(voice, piece, self.settings.durations)
        silence = rests(self._grid.bar_steps(piece.meters[0]), self.settings.durations)
        return [sounding.get(bar, silence) for bar in range(len(piece.bar_starts))]

    def header(
        self, tempo: float, meter: Meter, key: tuple[int, bool], num_bars: int, programs: Sequence[str]
    ) -> list[str]:
        """The events before the first line."""
        return [
            f"Tempo_{tempo:g}",
            f"Meter_{meter[0]}/{meter[1]}",
            f"Key_{self._key[key]}",
            f"Bars_{num_bars}",
            *(f"Instrument_{program}" for program in programs),
            "Tracks_None",
        ]

    def header_choices(self, fields: HeaderFields) -> list[list[str] | None]:
        """By place behind BOS, the events that a header asked for may have there; None where any may stand.

        Raises:
            ValueError: for a value outside the vocabulary; the message names it and what there is.
        """
        tempo = None if fields.tempo is None else f"{self._near_tempo(fields.tempo):g}"
        asked = {"Tempo": tempo, "Meter": fields.meter, "Key": fields.key, "Bars": fields.num_bars}
        places: list[list[str] | None] = [
            None if value is None else [self._asked_event(kind, str(value))] for kind, value in asked.items()
        ]
        if len(fields.instruments) > self.settings.max_tracks:
            raise ValueError(f"{len(fields.instruments)} instruments; expected at most {self.settings.max_tracks}")
        if fields.instruments:
            places += [[f"Instrument_{find_instrument(name)}"] for name in fields.instruments]
            places.append(["Tracks_None"])
        return places

    def _near_tempo(self, tempo: float) -> float:
        """The nearest tempo of the vocabulary; one beyond its range is given back, to be refused by name."""
        tempos = self._grid.tempos
        return float(tempos[np.abs(tempos - tempo).argmin()]) if tempos[0] <= tempo <= tempos[-1] else tempo

    def _asked_event(self, kind: str, value: str) -> str:
        if f"{kind}_{value}" in self._event_set:
            return f"{kind}_{value}"
        values = [event.partition("_")[2] for event in self.events if event.startswith(f"{kind}_")]
        many = f"{values[0]} to {values[-1]}" if kind in ("Tempo", "Bars") else ", ".join(values)
        raise ValueError(f"{_FIELD_NAMES[kind]} is {value}; expected {many}")

    @cached_property
    def event_steps(self) -> dict[str, int]:
        """By event of a length, the length in steps."""
        return self._durations(self.events)

    @cached_property
    def _event_set(self) -> frozenset[str]:
        return frozenset(self.events)

    def encode_opening(self, score: ScoreTick, num_bars: int) -> list[str]:
        """Refused: lines stand one below the other, so a window cannot go on bar by bar.

        Raises:
            EncodingError: always.
        """
        raise EncodingError("track text is written line by line and cannot be continued bar by bar; infill it instead")

    def decode(self, events: Sequence[str]) -> ScoreTick:
        """The Score that the events write.

        Raises:
            DecodingError: when the grammar does not accept the sequence; the message names the first wrong event.
        """
        check_complete(self.grammar(), events)
        return piece_score(self._read(events), self._grid)

    def _read(self, events: Sequence[str]) -> VoicePiece:
        fields = dict(event.split("_", 1) for event in events[:4])
        meter, bars = parse_meter(fields["Meter"]), int(fields["Bars"])
        steps = self._grid.bar_steps(meter)
        starts = [bar * steps for bar in range(bars)]
        key, tempo = self._keys[fields["Key"]], float(fields["Tempo"])
        piece = VoicePiece([], starts, bars * steps, [meter] * bars, [key] * bars, [tempo] * bars)
        writer = None
        for event in events[events.index("Tracks_None") + 1 :]:
            kind, _, value = event.partition("_")
            if kind == "Instrument":
                piece.voices.append(Voice(self._programs[value]))
                writer = VoiceWriter(piece.voices[-1], 0)
            elif kind not in ("Track", "Bar"):
                assert writer is not None
                self.write_span(writer, kind, value)
        return piece

    def grammar(self) -> EventGrammar:
        """The automata over `events` and the special tokens."""
        return self._grammar

    @cached_property
    def _grammar(self) -> EventGrammar:
        return track_text_grammar(
            ["PAD_None", "BOS_None", "EOS_None", *self.events],
            bar_steps=self._bar_steps,
            durations=self.event_steps,
            max_bars=self.settings.max_bars,
            max_tracks=self.settings.max_tracks,
        )
