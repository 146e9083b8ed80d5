"""Note-level ABC: bars, voices and notes, each note one event with its accidental, octave and duration.

A piece is written bar by bar and, within a bar, voice by voice, so that every voice fills every bar it sounds in
exactly; a voice that is silent in a bar is left out of it. A voice holds one chord at a time: notes that overlap
otherwise are further voices. Nothing is said of loudness, and a pickup is a first bar that begins with rests.

    Bar_None Meter_3/4 Key_G Tempo_120 New_40 Rest_4 Note_D:2 Bar_None Voice_1 Note_G:2 With_B Tie_1 …

`New_40` opens a voice with program 40 (`New_drums`: drums); later bars call it by its number. `With` adds a pitch to
the note before it, `Tie` holds the note or chord before it, over a bar line too. Lengths are in eighth notes. Pitches
are named by sharps; `abc_text` spells them by the key. This module knows nothing of ids.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from symusic.core import ScoreTick

from symbolic_music.events.abc_notes_grammar import abc_notes_grammar
from symbolic_music.events.codec import check_complete, settings_from_json
from symbolic_music.events.durations import check_durations
from symbolic_music.events.grammar import EventGrammar
from symbolic_music.events.voice_bars import Span, VoiceWriter, spans_by_bar
from symbolic_music.events.voice_quantise import (
    Voice,
    VoiceGrid,
    VoicePiece,
    piece_score,
    quantise_piece,
)
from symbolic_music.score import abc_write
from symbolic_music.score.abc_lengths import length_text
from symbolic_music.score.abc_spelling import key_text, octave_text
from symbolic_music.score.programs import DRUMS, PROGRAM_NAMES
from symbolic_music.score.transforms import cut_bars

_SHARP_NAMES = ("C", "^C", "D", "^D", "E", "F", "^F", "G", "^G", "A", "^A", "B")
_DRUMS_NAME = "drums"


@dataclass(frozen=True)
class AbcNotesSettings:
    """What a note-level ABC vocabulary can say.

    Attributes:
        steps_per_quarter: the grid; 24 hold thirty-seconds and triplets of sixteenths exactly.
        durations: lengths of one event in steps, ascending from 1. Any other length is tied together, the longest
            first; the shortest way must be that way, which is checked.
        lowest_pitch: lowest pitch, 0 to 127.
        highest_pitch: highest pitch, 0 to 127.
        meters: every meter; 4/4 must be one, for it holds where a Score says nothing.
        tempo_range: slowest and fastest tempo in quarter notes per minute.
        num_tempos: evenly spaced tempos.
        max_voices: voices in a piece.

    Raises:
        ValueError: when these do not fit together.
    """

    steps_per_quarter: int = 24
    durations: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96)
    lowest_pitch: int = 21
    highest_pitch: int = 108
    meters: tuple[str, ...] = (
        *("2/2", "3/2", "1/4", "2/4", "3/4", "4/4", "5/4", "6/4", "7/4"),
        *("2/8", "3/8", "4/8", "5/8", "6/8", "7/8", "9/8", "12/8"),
    )
    tempo_range: tuple[int, int] = (40, 240)
    num_tempos: int = 41
    max_voices: int = 8

    def __post_init__(self) -> None:
        check_durations(self.durations, 4 * self.steps_per_quarter * 2)
        if not 0 <= self.lowest_pitch < self.highest_pitch <= 127:
            raise ValueError(f"expected pitches within 0 to 127, got {self.lowest_pitch} to {self.highest_pitch}")
        if "4/4" not in self.meters:
            raise ValueError(f"expected 4/4 among the meters, got {self.meters}")
        uneven = [meter for meter in self.meters if 4 * self.steps_per_quarter % int(meter.partition("/")[2])]
        if uneven:
            raise ValueError(f"a beat of {uneven[0]} is no whole number of {self.steps_per_quarter} steps per quarter")
        if self.max_voices < 1:
            raise ValueError(f"expected at least one voice, got {self.max_voices}")

    @property
    def pitches(self) -> range:
        """Every pitch."""
        return range(self.lowest_pitch, self.highest_pitch + 1)


def pitch_name(pitch: int) -> str:
    """A pitch in ABC, by sharps: "^C" is the semitone above middle C."""
    return octave_text(_SHARP_NAMES[pitch % 12], pitch // 12)


class AbcNotesCodec:
    """Score <-> note-level ABC events.

    Args:
        settings: the vocabulary.
    """

    codec_type = "abc_notes"
    note_types: tuple[str, ...] = ("Note", "With")

    def __init__(self, settings: AbcNotesSettings | None = None):
        self.settings = settings or AbcNotesSettings()
        unit = self.settings.steps_per_quarter // 2
        if 2 * unit != self.settings.steps_per_quarter:
            raise ValueError(f"expected an even number of steps per quarter, got {self.settings.steps_per_quarter}")
        self._length = {steps: length_text(Fraction(steps, unit)) or "1" for steps in self.settings.durations}
        self._length = {steps: f"1{text}" if text.startswith("/") else text for steps, text in self._length.items()}
        self._pitch = {pitch: pitch_name(pitch) for pitch in self.settings.pitches}
        self._program = {DRUMS: _DRUMS_NAME, **{number: str(number) for number in range(len(PROGRAM_NAMES))}}
        self._key = {(fifths, minor): key_text(fifths, minor) for minor in (False, True) for fifths in range(-7, 8)}
        low, high = self.settings.tempo_range
        tempos = np.linspace(low, high, self.settings.num_tempos)
        self._tempo = {tempo: f"{tempo:g}" for tempo in tempos.tolist()}
        self._grid = VoiceGrid(
            steps_per_quarter=self.settings.steps_per_quarter,
            lowest_pitch=self.settings.lowest_pitch,
            highest_pitch=self.settings.highest_pitch,
            meters=frozenset(map(_meter, self.settings.meters)),
            tempos=tempos,
            max_voices=self.settings.max_voices,
        )

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "AbcNotesCodec":
        """The codec whose `to_dict` gave `settings`."""
        return cls(AbcNotesSettings(**settings_from_json(settings)))

    def to_dict(self) -> dict[str, Any]:
        """Settings of the codec, for `processor_config.json`."""
        return {"codec_type": self.codec_type, **asdict(self.settings)}

    @cached_property
    def events(self) -> list[str]:
        """Event names in the order of their ids, without special tokens."""
        return [
            "Bar_None",
            *(f"Meter_{meter}" for meter in self.settings.meters),
            *(f"Key_{key}" for key in self._key.values()),
            *(f"Tempo_{tempo}" for tempo in self._tempo.values()),
            *(f"New_{program}" for program in self._program.values()),
            *(f"Voice_{number}" for number in range(1, self.settings.max_voices + 1)),
            *(f"Rest_{length}" for length in self._length.values()),
            *(f"Tie_{length}" for length in self._length.values()),
            *(f"With_{self._pitch[pitch]}" for pitch in self.settings.pitches[1:]),
            *(f"Note_{pitch}:{length}" for pitch in self._pitch.values() for length in self._length.values()),
        ]

    @property
    def ticks_per_quarter(self) -> int:
        """Ticks per quarter note of every Score this codec returns."""
        return self.settings.steps_per_quarter

    def quantise(self, score: ScoreTick) -> ScoreTick:
        """The Score this codec writes for `score`.

        Onsets, durations and tempos move to the nearest value of the vocabulary, changes of meter, key and tempo to
        the next bar line; notes of a track that overlap without being a chord become tracks of their own; of notes
        with one onset and pitch in a track the shortest is kept; tracks are ordered by the bar in which they enter;
        loudness and what is not played are dropped; a Score without a key gets the major key it fits best.

        Raises:
            EncodingError: without notes; with a pitch outside the vocabulary, more voices than it has, or more bars
                than any sensible piece, the bar being named.
        """
        return piece_score(quantise_piece(score, self._grid), self._grid)

    def encode(self, score: ScoreTick) -> list[str]:
        """Events of a Score, without special tokens.

        Raises:
            EncodingError: see `quantise`.
        """
        piece = quantise_piece(score, self._grid)
        bars: list[list[str]] = []
        for bar in range(len(piece.bar_starts)):
            bars.append(["Bar_None", *self._fields(piece, bar)])
        first_bars = [bisect_right(piece.bar_starts, voice.chords[0][0]) - 1 for voice in piece.voices]
        for number, (voice, first_bar) in enumerate(zip(piece.voices, first_bars, strict=True), start=1):
            for bar, spans in spans_by_bar(voice, piece, self.settings.durations).items():
                is_new = bar == first_bar
                bars[bar].append(f"New_{self._program[voice.program]}" if is_new else f"Voice_{number}")
                bars[bar] += [event for span in spans for event in self._span_events(span)]
        return [event for bar in bars for event in bar]

    def _fields(self, piece: VoicePiece, bar: int) -> list[str]:
        """Meter, key and tempo where they change."""
        fields = []
        if bar == 0 or piece.meters[bar] != piece.meters[bar - 1]:
            fields.append(f"Meter_{piece.meters[bar][0]}/{piece.meters[bar][1]}")
        if bar == 0 or piece.keys[bar] != piece.keys[bar - 1]:
            fields.append(f"Key_{self._key[piece.keys[bar]]}")
        if bar == 0 or piece.tempos[bar] != piece.tempos[bar - 1]:
            fields.append(f"Tempo_{self._tempo[piece.tempos[bar]]}")
        return fields

    def _span_events(self, span: Span) -> list[str]:
        length = self._length[span.steps]
        if span.kind != "Note":
            return [f"{span.kind}_{length}"]
        lowest, *above = (self._pitch[pitch] for pitch in span.pitches)
        return [f"Note_{lowest}:{length}", *(f"With_{pitch}" for pitch in above)]

    def encode_opening(self, score: ScoreTick, num_bars: int) -> list[str]:
        """Events of the first `num_bars` bars and of the bar line behind them.

        Raises:
            EncodingError: see `quantise`.
        """
        events = self.encode(cut_bars(score, 0, num_bars) if score.note_num() else score)  # which refuses it by name
        return [*events, *["Bar_None"] * max(1, num_bars + 1 - events.count("Bar_None"))]

    def decode(self, events: Sequence[str]) -> ScoreTick:
        """The Score that the events write.

        Raises:
            DecodingError: when the grammar does not accept the sequence; the message names the first wrong event.
        """
        check_complete(self.grammar(), events)
        return piece_score(self._read(events), self._grid)

    def _read(self, events: Sequence[str]) -> VoicePiece:
        piece = VoicePiece([], [], 0, [], [], [])
        in_force: dict[str, Any] = {}
        writer = None
        for event in events:
            kind, _, value = event.partition("_")
            if kind == "Bar":
                # A bar takes its fields from the events behind it, so the one before is closed here.
                self._close_bar(piece, in_force)
                piece.bar_starts.append(piece.end)
            elif kind in ("Meter", "Key", "Tempo"):
                in_force[kind] = value
            elif kind in ("New", "Voice"):
                if kind == "New":
                    piece.voices.append(Voice(self._programs[value]))
                writer = VoiceWriter(piece.voices[-1 if kind == "New" else int(value) - 1], piece.bar_starts[-1])
            else:
                assert writer is not None
                self._write_span(writer, kind, value)
        self._close_bar(piece, in_force)
        return piece

    def _write_span(self, writer: VoiceWriter, kind: str, value: str) -> None:
        pitch, _, length = value.rpartition(":")
        if kind == "Note":
            writer.note(self._pitches[pitch], self._steps[length])
        elif kind == "With":
            writer.add_pitch(self._pitches[value])
        elif kind == "Tie":
            writer.tie(self._steps[length])
        else:
            writer.rest(self._steps[length])

    def _close_bar(self, piece: VoicePiece, in_force: dict[str, Any]) -> None:
        if piece.bar_starts:
            meter = _meter(in_force["Meter"])
            piece.meters.append(meter)
            piece.keys.append(self._keys[in_force["Key"]])
            piece.tempos.append(self._tempos[in_force["Tempo"]])
            piece.end = piece.bar_starts[-1] + self._grid.bar_steps(meter)

    @cached_property
    def _steps(self) -> dict[str, int]:
        return {text: steps for steps, text in self._length.items()}

    @cached_property
    def _pitches(self) -> dict[str, int]:
        return {name: pitch for pitch, name in self._pitch.items()}

    @cached_property
    def _programs(self) -> dict[str, int]:
        return {name: program for program, name in self._program.items()}

    @cached_property
    def _keys(self) -> dict[str, tuple[int, bool]]:
        return {name: key for key, name in self._key.items()}

    @cached_property
    def _tempos(self) -> dict[str, float]:
        return {name: tempo for tempo, name in self._tempo.items()}

    def grammar(self) -> EventGrammar:
        """The automata over `events` and the special tokens."""
        return self._grammar

    @cached_property
    def _grammar(self) -> EventGrammar:
        return abc_notes_grammar(
            ["PAD_None", "BOS_None", "EOS_None", *self.events],
            bar_steps={f"Meter_{meter}": self._grid.bar_steps(_meter(meter)) for meter in self.settings.meters},
            durations={
                event: self._steps[event.partition("_")[2].rpartition(":")[2]]
                for event in self.events
                if event.startswith(("Note_", "Rest_", "Tie_"))
            },
            max_voices=self.settings.max_voices,
        )

    def abc_text(self, events: Sequence[str], title: str = "") -> str:
        """The events as a tune in ABC 2.1, spelled by its keys.

        Raises:
            DecodingError: see `decode`.
        """
        return abc_write.abc_text(self.decode(events), title)


def _meter(text: str) -> tuple[int, int]:
    numerator, _, denominator = text.partition("/")
    return int(numerator), int(denominator)
