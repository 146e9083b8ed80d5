"""REMI: bars, positions and notes as one stream of events over all tracks, with programs, meter and tempo.

The representation is that of Huang & Yang, "Pop Music Transformer" (2020), as MidiTok writes it in one stream; a
`Program` event stands only where the program changes (MidiTok's `program_changes`). A note longer than the longest
duration has it again and again, and what is left behind them: `Pitch_36 Velocity_79 Duration_32.0.1 Duration_8.0.4`.
On top of MidiTok this codec puts every Score into one canonical order, so that a piece has exactly one event sequence.
It knows nothing of ids.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from symusic.core import ScoreTick

from symbolic_music.events.codec import check_complete, settings_from_json, settings_to_json
from symbolic_music.events.grammar import EventGrammar
from symbolic_music.events.remi.decode import RemiReader
from symbolic_music.events.remi.encode import RemiWriter
from symbolic_music.events.remi.grammar import remi_grammar
from symbolic_music.events.remi.quantise import RemiGrid, quantise_score
from symbolic_music.events.remi.vocabulary import RemiSettings, RemiVocabulary
from symbolic_music.score.transforms.edit import cut_bars

__all__ = ["RemiCodec", "RemiSettings"]


class RemiCodec:
    """Score <-> REMI events.

    Args:
        settings: the vocabulary.
    """

    codec_type = "remi"
    note_types: tuple[str, ...] = ("Pitch",)

    def __init__(self, settings: RemiSettings | None = None):
        self.settings = settings or RemiSettings()
        self._vocabulary = RemiVocabulary(self.settings)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "RemiCodec":
        """The codec whose `to_dict` gave `settings`."""
        return cls(settings_from_json(RemiSettings, settings))

    @property
    def events(self) -> list[str]:
        """Event names in the order of their ids, without special tokens."""
        return self._vocabulary.events

    @cached_property
    def midi_tokenizer(self) -> Any:
        """MidiTok's REMI with the same vocabulary, untrained as it is made."""
        from symbolic_music.events.remi.miditok_remi import midi_tokenizer  # imports torch

        return midi_tokenizer(self.settings)

    @property
    def ticks_per_quarter(self) -> int:
        """Ticks per quarter note of every Score this codec returns."""
        return self._vocabulary.ticks_per_quarter

    def windows(self, score: ScoreTick) -> list[ScoreTick]:
        """The Score alone: a piece is written whole."""
        return [score]

    def placed_windows(self, score: ScoreTick) -> list[tuple[Fraction, ScoreTick]]:
        """The Score alone, from its beginning."""
        return [(Fraction(0), score)]

    def quantise(self, score: ScoreTick) -> ScoreTick:
        """The Score this codec writes for `score`.

        Onsets, durations and velocities move to the nearest value of the vocabulary, tempos to those that keep the
        piece on the clock, a change of meter to the next bar line; a bar that the vocabulary lacks is cut into bars
        that it has; tracks of one program become one track; of notes with the same program, onset and pitch the
        shortest is kept; what is not played (lyrics, controls, meters and tempos after the last onset) is dropped;
        tracks and notes are sorted.

        Raises:
            EncodingError: when no note is left, or the last one begins beyond any sensible number of bars.
        """
        return quantise_score(score, self._grid)

    @property
    def _grid(self) -> RemiGrid:
        return self._vocabulary.grid

    def encode(self, score: ScoreTick) -> list[str]:
        """Events of a Score, without special tokens.

        Raises:
            EncodingError: see `quantise`.
        """
        return self.encode_quantised(self.quantise(score))

    def encode_quantised(self, score: ScoreTick) -> list[str]:
        """Events of a Score that `quantise` returned; what MidiTok would write, some twenty times as fast."""
        names = self.events
        return [names[number] for number in self._write(score).tolist()]

    def encode_numbers(self, score: ScoreTick) -> np.ndarray:
        """The same as `encode`, as places in `events`, (n,) int64."""
        return self._write(self.quantise(score))

    def _write(self, quantised: ScoreTick) -> np.ndarray:
        return self._number_of_written[self._writer.write(quantised)]

    @cached_property
    def _number_of_written(self) -> np.ndarray:
        """The place in `events` of each name of the writer."""
        return np.array([self._numbers.get(name, -1) for name in self._writer.names], dtype=np.int64)

    @cached_property
    def _writer(self) -> RemiWriter:
        return RemiWriter(self._grid, self._vocabulary.durations, self._vocabulary.tempos)

    def transposed(self, event: str, semitones: int) -> str | None:
        """What an event becomes in a piece moved by `semitones`; None where its pitch would leave 0 to 127.

        Not to be asked of drums, whose pitches name instruments.
        """
        kind, _, value = event.partition("_")
        if kind != "Pitch":
            return event
        pitch = int(value) + semitones
        return f"Pitch_{pitch}" if 0 <= pitch <= 127 else None

    def encode_opening(self, score: ScoreTick, num_bars: int) -> list[str]:
        """Events of the first `num_bars` bars, and the bar line and meter behind them.

        Raises:
            EncodingError: see `encode`.
        """
        events = self.encode(cut_bars(score, 0, num_bars) if score.note_num() else score)  # which refuses it by name
        meter = next(event for event in reversed(events) if event.startswith("TimeSig_"))
        return [*events, *["Bar_None", meter] * max(1, num_bars + 1 - events.count("Bar_None"))]

    def decode(self, events: Sequence[str]) -> ScoreTick:
        """The Score that a complete sequence of events writes.

        Args:
            events: event names without special tokens.

        Raises:
            DecodingError: when the grammar does not accept the sequence; the message names the first wrong event.
        """
        check_complete(self.grammar(), events)
        return self.read(np.array([self._numbers[event] for event in events]))

    def read(self, numbers: np.ndarray) -> ScoreTick:
        """The same of places in `events`, of a sequence that the grammar has accepted."""
        return self._reader.read(numbers)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {event: number for number, event in enumerate(self.events)}

    @cached_property
    def _reader(self) -> RemiReader:
        return RemiReader(self._grid, self.events, self._vocabulary.durations, self._vocabulary.tempos)

    def grammar(self) -> EventGrammar:
        """The automata over `events` and the special tokens."""
        return self._grammar

    @cached_property
    def _grammar(self) -> EventGrammar:
        return remi_grammar(
            ["PAD_None", "BOS_None", "EOS_None", *self.events],
            positions_per_beat=self.settings.positions_per_beat,
            held_on_by=self._vocabulary.durations[-1] if self.settings.edition > 1 else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Settings of the codec, for `processor_config.json`."""
        return {"codec_type": self.codec_type, **settings_to_json(self.settings)}
