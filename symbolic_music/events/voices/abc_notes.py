"""Note-level ABC: bars, voices and notes, each note one event with its accidental, octave and duration.

A piece is written bar by bar and, within a bar, voice by voice, so that every voice fills every bar it sounds in
exactly; a voice that is silent in a bar is left out of it. A voice holds one chord at a time: notes that overlap
otherwise are further voices. Nothing is said of loudness. An upbeat ends at a bar line: as events, its bar is a whole
one that begins with rests, so that every bar is as long as its meter; as text (`abc_text`) it is a short first bar.

    Bar_None Meter_3/4 Key_G Tempo_120 New_40 Rest_4 Note_D:2 Bar_None Voice_1 Note_G:2 With_B Tie_1 …

`New_40` opens a voice with program 40 (`New_drums`: drums); later bars call it by its number. `With` adds a pitch to
the note before it, `Tie` holds the note or chord before it, over a bar line too. Lengths are in eighth notes. Pitches
are named by sharps; `abc_text` spells them by the key. This module knows nothing of ids.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from symusic.core import ScoreTick

from symbolic_music.events.codec import check_complete, settings_from_json, settings_to_json
from symbolic_music.events.grammar import EventGrammar
from symbolic_music.events.meters import parse_meter
from symbolic_music.events.tempos import fine_tempos
from symbolic_music.events.voices.abc_notes_grammar import abc_notes_grammar
from symbolic_music.events.voices.bars import VoiceWriter, spans_by_bar
from symbolic_music.events.voices.codec import VoiceCodec, VoiceSettings
from symbolic_music.events.voices.quantise import (
    Voice,
    VoicePiece,
    piece_score,
    quantise_piece,
)
from symbolic_music.score.abc import write as abc_write
from symbolic_music.score.abc.lengths import length_text
from symbolic_music.score.abc.spelling import octave_text
from symbolic_music.score.transforms.edit import cut_bars

_SHARP_NAMES = ("C", "^C", "D", "^D", "E", "F", "^F", "G", "^G", "A", "^A", "B")


@dataclass(frozen=True)
class AbcNotesSettings(VoiceSettings):
    """What a note-level ABC vocabulary can say.

    Attributes:
        tempo_range: slowest and fastest tempo in quarter notes per minute.
        num_tempos: evenly spaced tempos; None takes `events.tempos.fine_tempos`, at most 1.5% apart.
        max_voices: voices in a piece.

    Raises:
        ValueError: when these do not fit together.
    """

    tempo_range: tuple[int, int] = (16, 600)
    num_tempos: int | None = None
    max_voices: int = 30

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_voices < 1:
            raise ValueError(f"expected at least one voice, got {self.max_voices}")


def _length_name(steps: int, unit: int) -> str:
    """A length in eighth notes as ABC writes it, never without a number: "1", "3/2", "1/4"."""
    text = length_text(Fraction(steps, unit)) or "1"
    return f"1{text}" if text.startswith("/") else text


def pitch_name(pitch: int) -> str:
    """A pitch in ABC, by sharps: "^C" is the semitone above middle C."""
    return octave_text(_SHARP_NAMES[pitch % 12], pitch // 12)


class AbcNotesCodec(VoiceCodec):
    """Score <-> note-level ABC events.

    Args:
        settings: the vocabulary.
    """

    codec_type = "abc_notes"

    def __init__(self, settings: AbcNotesSettings | None = None):
        self.settings = settings or AbcNotesSettings()
        unit = self.settings.steps_per_quarter // 2
        if 2 * unit != self.settings.steps_per_quarter:
            raise ValueError(f"expected an even number of steps per quarter, got {self.settings.steps_per_quarter}")
        slowest, fastest = self.settings.tempo_range
        number = self.settings.num_tempos
        tempos = fine_tempos(slowest, fastest) if number is None else np.linspace(slowest, fastest, number)
        self._tempo = {tempo: f"{tempo:g}" for tempo in tempos.tolist()}
        super().__init__(
            self.settings, lambda steps: _length_name(steps, unit), pitch_name, tempos, self.settings.max_voices
        )

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "AbcNotesCodec":
        """The codec whose `to_dict` gave `settings`."""
        return cls(settings_from_json(AbcNotesSettings, settings))

    def to_dict(self) -> dict[str, Any]:
        """Settings of the codec, for `processor_config.json`."""
        return {"codec_type": self.codec_type, **settings_to_json(self.settings)}

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
            *self._span_names(),
        ]

    def windows(self, score: ScoreTick) -> list[ScoreTick]:
        """The Score alone: a piece is written whole."""
        return [score]

    def placed_windows(self, score: ScoreTick) -> list[tuple[Fraction, ScoreTick]]:
        """The Score alone, from its beginning."""
        return [(Fraction(0), score)]

    def quantise(self, score: ScoreTick) -> ScoreTick:
        """The Score this codec writes for `score`.

        Onsets and durations move to the nearest step, changes of meter and key to the next bar line; each bar has the
        tempo that keeps the piece on the clock; a bar that the vocabulary lacks is cut into bars that it has; notes
        of a track that overlap without being a chord become tracks of their own, and where these are too many, tracks
        of one instrument share them and the least busy are left out; of notes with one onset and pitch in a track the
        shortest is kept; tracks are ordered by the bar in which they enter; loudness and what is not played are
        dropped; a Score without a key gets the major key it fits best.

        Raises:
            EncodingError: without notes that it has pitches for, or with more bars than any sensible piece.
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
                bars[bar] += self.span_events(spans)
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
                self.write_span(writer, kind, value)
        self._close_bar(piece, in_force)
        return piece

    def _close_bar(self, piece: VoicePiece, in_force: dict[str, Any]) -> None:
        if piece.bar_starts:
            meter = parse_meter(in_force["Meter"])
            piece.meters.append(meter)
            piece.keys.append(self._keys[in_force["Key"]])
            piece.tempos.append(self._tempos[in_force["Tempo"]])
            piece.end = piece.bar_starts[-1] + self._grid.bar_steps(meter)

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
            bar_steps=self._bar_steps,
            durations=self._durations(self.events),
            max_voices=self.settings.max_voices,
        )

    def abc_text(self, events: Sequence[str], title: str = "") -> str:
        """The events as a tune in ABC 2.1, spelled by its keys.

        Raises:
            DecodingError: see `decode`.
        """
        return abc_write.abc_text(self.decode(events), title)
