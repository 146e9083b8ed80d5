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
from miditok.constants import MIDI_INSTRUMENTS
from symusic.core import NoteTickList, ScoreTick, TrackTick, TrackTickList

from symbolic_music.events.codec import DecodingError, EncodingError
from symbolic_music.events.grammar import EventGrammar
from symbolic_music.events.remi_grammar import remi_grammar

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

    def __init__(self, settings: RemiSettings | None = None):
        self.settings = settings or RemiSettings()
        self.midi_tokenizer = self.settings.midi_tokenizer()

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> "RemiCodec":
        """The codec whose `to_dict` gave `settings`."""
        values = {name: _to_tuple(value) for name, value in settings.items() if name != "codec_type"}
        return cls(RemiSettings(**values))

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

    def quantise(self, score: ScoreTick) -> ScoreTick:
        """The Score this codec writes for `score`.

        Onsets, durations, velocities, tempos and meters move to the nearest value of the vocabulary; tracks of one
        program become one track; of notes with the same program, onset and pitch one is kept; what is not played
        (lyrics, controls, meters and tempos after the last onset) is dropped; tracks and notes are sorted.

        Raises:
            EncodingError: when no note is left.
        """
        quantised = self.midi_tokenizer.preprocess_score(score)
        if quantised.note_num() == 0:
            raise EncodingError("the score has no notes, so there is nothing to encode")
        factor, remainder = divmod(self.ticks_per_quarter, quantised.ticks_per_quarter)
        if remainder:
            raise EncodingError(
                f"{quantised.ticks_per_quarter} ticks per quarter do not divide the grid of {self.ticks_per_quarter}"
            )
        return self._canonical(quantised, factor)

    def _canonical(self, quantised: ScoreTick, factor: int) -> ScoreTick:
        """One order of tracks and notes, on the codec's finest grid, without what follows the last onset."""
        canonical = ScoreTick(self.ticks_per_quarter)
        tracks = [track for track in quantised.tracks if track.note_num() > 0]
        canonical.tracks = TrackTickList(
            [_canonical_track(track, factor) for track in sorted(tracks, key=_track_program)]
        )
        last_onset = max(track.notes[-1].time for track in canonical.tracks)
        for name in ("tempos", "time_signatures"):
            changes = getattr(quantised, name)
            for change in changes:
                change.time *= factor
            setattr(canonical, name, [change for change in changes if change.time <= last_onset])
        return canonical

    def encode(self, score: ScoreTick) -> list[str]:
        """Events of a Score, without special tokens.

        Raises:
            EncodingError: when the Score has no notes.
        """
        return self.encode_quantised(self.quantise(score))

    def encode_quantised(self, score: ScoreTick) -> list[str]:
        """Events of a Score that `quantise` returned."""
        return self.midi_tokenizer.encode(score, encode_ids=False, no_preprocess_score=True).tokens

    def decode(self, events: Sequence[str]) -> ScoreTick:
        """The Score that a complete sequence of events writes.

        Args:
            events: event names without special tokens.

        Raises:
            DecodingError: when the grammar does not accept the sequence; the message names the first wrong event.
        """
        complaint = self.grammar().explain(["BOS_None", *events, "EOS_None"])
        if complaint is not None:
            raise DecodingError(complaint)
        score = self.midi_tokenizer._tokens_to_score(TokSequence(tokens=list(events)))
        tracks = sorted(score.tracks, key=_track_program)
        score.tracks = TrackTickList([_canonical_track(track, 1) for track in tracks])
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


def _to_tuple(value: Any) -> Any:
    return tuple(_to_tuple(item) for item in value) if isinstance(value, list) else value


def _track_program(track: TrackTick) -> int:
    return -1 if track.is_drum else track.program


def _canonical_track(track: TrackTick, factor: int) -> TrackTick:
    """Notes by onset and pitch, times multiplied by `factor`, and nothing but notes."""
    notes = track.notes.numpy()
    order = np.lexsort((notes["pitch"], notes["time"]))
    program = 0 if track.is_drum else track.program  # events tell drums from the rest, not one drum kit from another
    name = "Drums" if track.is_drum else MIDI_INSTRUMENTS[program]["name"]
    canonical = TrackTick(name, program, track.is_drum)
    canonical.notes = NoteTickList.from_numpy(
        notes["time"][order] * factor,
        notes["duration"][order] * factor,
        notes["pitch"][order],
        notes["velocity"][order],
    )
    return canonical
