"""REMI: bars, positions and notes as one stream of events over all tracks, with programs, meter and tempo.

The representation is that of Huang & Yang, "Pop Music Transformer" (2020), as MidiTok writes it in one stream; a
`Program` event stands only where the program changes (MidiTok's `program_changes`). A note longer than the longest
duration has it again and again, and what is left behind them: `Pitch_36 Velocity_79 Duration_32.0.1 Duration_8.0.4`.
On top of MidiTok this codec puts every Score into one canonical order, so that a piece has exactly one event sequence.
It knows nothing of ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import miditok
import numpy as np
from symusic.core import ScoreTick

from symbolic_music.events.codec import (
    EDITION,
    added_field,
    check_complete,
    check_edition,
    settings_from_json,
    settings_to_json,
)
from symbolic_music.events.grammar import EventGrammar
from symbolic_music.events.meters import parse_meter
from symbolic_music.events.remi.decode import RemiReader
from symbolic_music.events.remi.encode import RemiWriter
from symbolic_music.events.remi.grammar import remi_grammar
from symbolic_music.events.remi.quantise import RemiGrid, quantise_score
from symbolic_music.events.tempos import fine_tempos, microseconds
from symbolic_music.score.transforms.edit import cut_bars

SPECIAL_TOKENS = ["PAD", "BOS", "EOS"]
# Tempos of `fine_tempos` that MidiTok spaces in the same way.
_WHOLE_TEMPOS = (16, 200)


@dataclass(frozen=True)
class RemiSettings:
    """What a REMI vocabulary can say.

    Attributes:
        beat_resolution: (first beat, end beat, steps per beat) for durations, finest first; the first also sets the
            positions per beat. 24 hold sixteenths and triplets exactly in every meter, cut time included, where the
            beat is a half note; the last end is the longest note in beats.
        beat_units: denominators of meters.
        max_beats_per_bar: largest numerator of a meter with any of these.
        long_meters: meters with more beats.
        tempo_range: slowest and fastest tempo in quarter notes per minute.
        num_tempos: evenly spaced tempos; None takes `events.tempos.fine_tempos`, at most 1.5% apart.
        num_velocities: evenly spaced velocities.
        edition: of the rules of rounding; see `events.codec.EDITION`.
    """

    beat_resolution: tuple[tuple[int, int, int], ...] = ((0, 4, 24), (4, 16, 4), (16, 32, 1))
    beat_units: tuple[int, ...] = (2, 4, 8, 16)
    max_beats_per_bar: int = 12
    long_meters: tuple[str, ...] = added_field(
        tuple(f"{beats}/{unit}" for unit in (8, 16) for beats in (13, 14, 15, 16, 18, 21)), before=()
    )
    tempo_range: tuple[int, int] = (16, 600)
    num_tempos: int | None = None
    num_velocities: int = 16
    edition: int = added_field(EDITION, before=1)

    def __post_init__(self) -> None:
        check_edition(self.edition)

    @property
    def positions_per_beat(self) -> int:
        """Positions in one beat, the beat being the note of the meter's denominator."""
        return self.beat_resolution[0][2]

    @property
    def meters(self) -> dict[int, list[int]]:
        """By denominator, the numerators of meters."""
        numerators = {unit: list(range(1, self.max_beats_per_bar + 1)) for unit in self.beat_units}
        for beats, unit in map(parse_meter, self.long_meters):
            numerators.setdefault(unit, []).append(beats)
        return numerators

    def midi_tokenizer(self) -> miditok.REMI:
        """An untrained MidiTok tokenizer with these settings.

        MidiTok spaces tempos evenly: it is given the whole numbers, and the others are added to its vocabulary.
        """
        slowest, fastest = self.tempo_range
        if self.num_tempos is None:
            slowest, fastest = max(slowest, _WHOLE_TEMPOS[0]), min(fastest, _WHOLE_TEMPOS[1])
        midi_tokenizer = self._midi_tokenizer((slowest, fastest), self.num_tempos or fastest - slowest + 1)
        if self.num_tempos is None:
            names = [f"Tempo_{tempo}" for tempo in fine_tempos(*self.tempo_range).tolist()]
            for name in names:
                if name not in midi_tokenizer.vocab:
                    midi_tokenizer.add_to_vocab(name)
        return midi_tokenizer

    def tempos(self) -> np.ndarray:
        """Every tempo in quarter notes per minute, ascending."""
        if self.num_tempos is None:
            return fine_tempos(*self.tempo_range)
        return np.linspace(*self.tempo_range, self.num_tempos).round(2)  # as MidiTok rounds

    def _midi_tokenizer(self, tempo_range: tuple[int, int], num_tempos: int) -> miditok.REMI:
        return miditok.REMI(
            miditok.TokenizerConfig(
                pitch_range=(0, 127),
                beat_res={(first, end): steps for first, end, steps in self.beat_resolution},
                num_velocities=self.num_velocities,
                special_tokens=SPECIAL_TOKENS,
                encode_ids_split="no",
                use_programs=True,
                one_token_stream_for_programs=True,
                program_changes=True,
                use_pitchdrum_tokens=False,
                use_tempos=True,
                tempo_range=tempo_range,
                num_tempos=num_tempos,
                delete_equal_successive_tempo_changes=True,
                use_time_signatures=True,
                time_signature_range=self.meters,
                delete_equal_successive_time_sig_changes=True,
                remove_duplicated_notes=True,
            )
        )


class RemiCodec:
    """Score <-> REMI events.

    Args:
        settings: the vocabulary.
    """

    codec_type = "remi"
    note_types: tuple[str, ...] = ("Pitch",)

    def __init__(self, settings: RemiSettings | None = None):
        self.settings = settings or RemiSettings()
        self.midi_tokenizer = self.settings.midi_tokenizer()

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "RemiCodec":
        """The codec whose `to_dict` gave `settings`."""
        return cls(settings_from_json(RemiSettings, settings))

    @cached_property
    def events(self) -> list[str]:
        """Event names in the order of their ids, without special tokens."""
        specials = {f"{name}_None" for name in SPECIAL_TOKENS}
        base = self.midi_tokenizer._vocab_base
        return [name for name in sorted(base, key=base.__getitem__) if name not in specials]

    @property
    def ticks_per_quarter(self) -> int:
        """Ticks per quarter note of every Score this codec returns."""
        return self.midi_tokenizer.time_division

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

    @cached_property
    def _grid(self) -> RemiGrid:
        midi_tokenizer = self.midi_tokenizer
        ticks_per_beat = midi_tokenizer._tpb_per_ts
        return RemiGrid(
            ticks_per_quarter=self.ticks_per_quarter,
            steps={unit: ticks // self.settings.positions_per_beat for unit, ticks in ticks_per_beat.items()},
            durations={unit: midi_tokenizer._tpb_to_time_array[ticks] for unit, ticks in ticks_per_beat.items()},
            velocities=midi_tokenizer.velocities,
            tempos=np.sort(microseconds(self.settings.tempos())),
            meters=frozenset(midi_tokenizer.time_signatures),
            edition=self.settings.edition,
        )

    def encode(self, score: ScoreTick) -> list[str]:
        """Events of a Score, without special tokens.

        Raises:
            EncodingError: see `quantise`.
        """
        return self.encode_quantised(self.quantise(score))

    def encode_quantised(self, score: ScoreTick) -> list[str]:
        """Events of a Score that `quantise` returned; what MidiTok would write, some twenty times as fast."""
        return self._writer.write(score)

    @cached_property
    def _writer(self) -> RemiWriter:
        return RemiWriter(self._grid, self._durations, self._tempos)

    @cached_property
    def _durations(self) -> list[str]:
        """Event names of durations, the shortest first."""
        return [f"Duration_{'.'.join(map(str, duration))}" for duration in self.midi_tokenizer.durations]

    @cached_property
    def _tempos(self) -> list[str]:
        """Event names of tempos, the fastest first, for the grid counts microseconds."""
        return [f"Tempo_{tempo}" for tempo in self.settings.tempos()[::-1].tolist()]

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
        return self._reader.read(events)

    @cached_property
    def _reader(self) -> RemiReader:
        return RemiReader(self._grid, self._durations, self._tempos)

    def grammar(self) -> EventGrammar:
        """The automata over `events` and the special tokens."""
        return self._grammar

    @cached_property
    def _grammar(self) -> EventGrammar:
        return remi_grammar(
            ["PAD_None", "BOS_None", "EOS_None", *self.events],
            positions_per_beat=self.settings.positions_per_beat,
            held_on_by=self._durations[-1] if self.settings.edition > 1 else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """Settings of the codec, for `processor_config.json`."""
        return {"codec_type": self.codec_type, **settings_to_json(self.settings)}
