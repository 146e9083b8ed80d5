"""REMI: bars, positions and notes as one stream of events over all tracks, with programs, meter and tempo.

The representation is that of Huang & Yang, "Pop Music Transformer" (2020), as MidiTok writes it in one stream; a
`Program` event stands only where the program changes (MidiTok's `program_changes`). On top of MidiTok this codec puts
every Score into one canonical order, so that a piece has exactly one event sequence. It knows nothing of ids.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import miditok
import numpy as np
from miditok.classes import TokSequence
from symusic.core import NoteTickList, ScoreTick, TempoTick, TrackTick, TrackTickList

from symbolic_music.events.codec import check_complete, settings_from_json
from symbolic_music.events.grammar import EventGrammar
from symbolic_music.events.remi.encode import RemiWriter
from symbolic_music.events.remi.grammar import remi_grammar
from symbolic_music.events.remi.quantise import RemiGrid, named_track, quantise_score
from symbolic_music.score.transforms import cut_bars

SPECIAL_TOKENS = ["PAD", "BOS", "EOS"]


@dataclass(frozen=True)
class RemiSettings:
    """What a REMI vocabulary can say.

    Attributes:
        beat_resolution: (first beat, end beat, steps per beat) for durations, finest first; the first also sets the
            positions per beat. 24 hold sixteenths and triplets exactly in every meter, cut time included, where the
            beat is a half note; the last end is the longest note in beats.
        beat_units: denominators of meters.
        max_beats_per_bar: largest numerator of a meter.
        tempo_range: slowest and fastest tempo in quarter notes per minute.
        num_tempos: evenly spaced tempos; steps of 5 keep the common tempos exact.
        num_velocities: evenly spaced velocities.
    """

    beat_resolution: tuple[tuple[int, int, int], ...] = ((0, 4, 24), (4, 16, 4), (16, 32, 1))
    beat_units: tuple[int, ...] = (2, 4, 8, 16)
    max_beats_per_bar: int = 12
    tempo_range: tuple[int, int] = (40, 240)
    num_tempos: int = 41
    num_velocities: int = 16

    @property
    def positions_per_beat(self) -> int:
        """Positions in one beat, the beat being the note of the meter's denominator."""
        return self.beat_resolution[0][2]

    def midi_tokenizer(self) -> miditok.REMI:
        """An untrained MidiTok tokenizer with these settings."""
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
                tempo_range=tuple(self.tempo_range),
                num_tempos=self.num_tempos,
                delete_equal_successive_tempo_changes=True,
                use_time_signatures=True,
                time_signature_range={unit: list(range(1, self.max_beats_per_bar + 1)) for unit in self.beat_units},
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
        return cls(RemiSettings(**settings_from_json(settings)))

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

    def quantise(self, score: ScoreTick) -> ScoreTick:
        """The Score this codec writes for `score`.

        Onsets, durations, velocities and tempos move to the nearest value of the vocabulary, a change of meter to the
        next bar line; tracks of one program become one track; of notes with the same program, onset and pitch the
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
            # As decoding makes them: symusic keeps whole microseconds.
            tempos=np.array(sorted(TempoTick(0, qpm).mspq for qpm in midi_tokenizer.tempos.tolist())),
            meters=frozenset(midi_tokenizer.time_signatures),
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
        durations = [f"Duration_{'.'.join(map(str, duration))}" for duration in self.midi_tokenizer.durations]
        tempos = sorted(self.midi_tokenizer.tempos.tolist(), reverse=True)  # the grid counts microseconds
        return RemiWriter(self._grid, durations, [f"Tempo_{round(tempo, 2)}" for tempo in tempos])

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
        score = self.midi_tokenizer._tokens_to_score(TokSequence(tokens=list(events)))
        tracks = sorted(score.tracks, key=_track_program)
        score.tracks = TrackTickList([named_track(_track_program(track), _in_order(track.notes)) for track in tracks])
        return score

    def grammar(self) -> EventGrammar:
        """The automata over `events` and the special tokens."""
        return self._grammar

    @cached_property
    def _grammar(self) -> EventGrammar:
        return remi_grammar(
            ["PAD_None", "BOS_None", "EOS_None", *self.events],
            positions_per_beat=self.settings.positions_per_beat,
        )

    def to_dict(self) -> dict[str, Any]:
        """Settings of the codec, for `processor_config.json`."""
        return {"codec_type": self.codec_type, **asdict(self.settings)}


def _track_program(track: TrackTick) -> int:
    return -1 if track.is_drum else track.program


def _in_order(notes: NoteTickList) -> NoteTickList:
    """Notes by onset and pitch."""
    return notes.sort(key=lambda note: (note.time, note.pitch), inplace=False)
