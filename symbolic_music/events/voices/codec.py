"""What every codec of voices shares: the settings of its grid, and the names of its notes, rests and ties.

A voice holds one chord at a time. `Note` begins a chord by its lowest pitch and bears the duration, `With` adds a
pitch to it, `Tie` holds it on, over a bar line too, `Rest` is silence. Knows neither headers nor the order of voices.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from symusic.core import ScoreTick

from symbolic_music.events.codec import EDITION, added_field, check_edition
from symbolic_music.events.meters import parse_meter
from symbolic_music.events.voices.bars import Span, VoiceWriter
from symbolic_music.events.voices.durations import check_durations
from symbolic_music.events.voices.quantise import VoiceGrid, VoicePiece, piece_score
from symbolic_music.score.abc.spelling import key_text
from symbolic_music.score.programs import DRUMS, PROGRAM_NAMES
from symbolic_music.score.transforms.edit import transposed_key

DRUMS_VALUE = "drums"
"""Stands for a drum track in event names, where other tracks have the number of their program."""


@dataclass(frozen=True)
class VoiceSettings:
    """The grid and the range of a vocabulary.

    Attributes:
        steps_per_quarter: the grid; 24 hold thirty-seconds and triplets of sixteenths exactly.
        durations: lengths of one event in steps, ascending from 1. Any other length is tied together, the longest
            first; the shortest way must be that way, which is checked.
        lowest_pitch: lowest pitch, 0 to 127.
        highest_pitch: highest pitch, 0 to 127.
        meters: every meter; 4/4 must be one, for it holds where a Score says nothing.
        edition: of the rules of rounding; see `events.codec.EDITION`.

    Raises:
        ValueError: when these do not fit together.
    """

    steps_per_quarter: int = 24
    durations: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72, 96)
    lowest_pitch: int = 0
    highest_pitch: int = 127
    meters: tuple[str, ...] = (
        *("2/2", "3/2", "4/2"),
        *("1/4", "2/4", "3/4", "4/4", "5/4", "6/4", "7/4", "8/4", "9/4", "10/4", "12/4"),
        *("1/8", "2/8", "3/8", "4/8", "5/8", "6/8", "7/8", "8/8", "9/8", "10/8", "11/8", "12/8"),
        *("13/8", "14/8", "15/8", "16/8", "18/8", "21/8"),
        *("1/16", "3/16", "5/16", "6/16", "7/16", "9/16", "11/16", "12/16", "13/16", "15/16", "21/16"),
    )
    edition: int = added_field(EDITION, before=1)

    def __post_init__(self) -> None:
        check_edition(self.edition)
        check_durations(self.durations, 8 * self.steps_per_quarter)
        if not 0 <= self.lowest_pitch < self.highest_pitch <= 127:
            raise ValueError(f"expected pitches within 0 to 127, got {self.lowest_pitch} to {self.highest_pitch}")
        if "4/4" not in self.meters:
            raise ValueError(f"expected 4/4 among the meters, got {self.meters}")
        uneven = [meter for meter in self.meters if 4 * self.steps_per_quarter % parse_meter(meter)[1]]
        if uneven:
            raise ValueError(f"a beat of {uneven[0]} is no whole number of {self.steps_per_quarter} steps per quarter")

    @property
    def pitches(self) -> range:
        """Every pitch."""
        return range(self.lowest_pitch, self.highest_pitch + 1)


class VoiceCodec:
    """Names of spans, keys and programs, and what they stand for.

    Args:
        settings: the vocabulary.
        length_name: of a length in steps.
        pitch_name: of a pitch.
        tempos: every tempo in quarter notes per minute, ascending.
        max_voices: voices in a piece.
    """

    note_types: tuple[str, ...] = ("Note", "With")

    def __init__(
        self,
        settings: VoiceSettings,
        length_name: Callable[[int], str],
        pitch_name: Callable[[int], str],
        tempos: np.ndarray,
        max_voices: int,
    ):
        self._length = {steps: length_name(steps) for steps in settings.durations}
        self._pitch = {pitch: pitch_name(pitch) for pitch in settings.pitches}
        self._program = {DRUMS: DRUMS_VALUE, **{number: str(number) for number in range(len(PROGRAM_NAMES))}}
        self._key = {(fifths, minor): key_text(fifths, minor) for minor in (False, True) for fifths in range(-7, 8)}
        self._grid = VoiceGrid(
            steps_per_quarter=settings.steps_per_quarter,
            lowest_pitch=settings.lowest_pitch,
            highest_pitch=settings.highest_pitch,
            meters=frozenset(map(parse_meter, settings.meters)),
            tempos=tempos,
            max_voices=max_voices,
            edition=settings.edition,
        )
        self._bar_steps = {f"Meter_{meter}": self._grid.bar_steps(parse_meter(meter)) for meter in settings.meters}

    @property
    def ticks_per_quarter(self) -> int:
        """Ticks per quarter note of every Score this codec returns."""
        return self._grid.steps_per_quarter

    @cached_property
    def events(self) -> list[str]:
        """Event names in the order of their ids, without special tokens; each codec has its own."""
        raise NotImplementedError

    def encode(self, score: ScoreTick) -> list[str]:
        """Events of a Score, without special tokens; each codec has its own way."""
        raise NotImplementedError

    def encode_numbers(self, score: ScoreTick) -> np.ndarray:
        """The same as `encode`, as places in `events`, (n,) int64."""
        return np.array([self._numbers[event] for event in self.encode(score)], dtype=np.int64)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {event: number for number, event in enumerate(self.events)}

    def read(self, numbers: np.ndarray) -> ScoreTick:
        """The Score of places in `events`, (n,) int64, of a sequence that the grammar has accepted."""
        return piece_score(self._read([self.events[number] for number in numbers.tolist()]), self._grid)

    def _read(self, events: Sequence[str]) -> VoicePiece:
        """The voices that events write; each codec has its own way."""
        raise NotImplementedError

    def _span_names(self) -> list[str]:
        """Every event of a voice, in a fixed order."""
        lengths, pitches = self._length.values(), list(self._pitch.values())
        return [
            *(f"Rest_{length}" for length in lengths),
            *(f"Tie_{length}" for length in lengths),
            *(f"With_{pitch}" for pitch in pitches[1:]),
            *(f"Note_{pitch}:{length}" for pitch in pitches for length in lengths),
        ]

    def span_events(self, spans: Iterable[Span]) -> list[str]:
        """The events of spans, one after the other."""
        events = []
        for span in spans:
            length = self._length[span.steps]
            if span.kind == "Note":
                lowest, *above = (self._pitch[pitch] for pitch in span.pitches)
                events += [f"Note_{lowest}:{length}", *(f"With_{pitch}" for pitch in above)]
            else:
                events.append(f"{span.kind}_{length}")
        return events

    def transposed(self, event: str, semitones: int) -> str | None:
        """What an event becomes in a piece moved by `semitones`; None where its pitch would leave the range.

        Not to be asked of drums, whose pitches name instruments.
        """
        kind, _, value = event.partition("_")
        if kind == "Key":
            fifths, minor = self._keys[value]
            return f"Key_{self._key[transposed_key(fifths, semitones), minor]}"
        if kind not in self.note_types:
            return event
        pitch, colon, length = value.rpartition(":") if kind == "Note" else (value, "", "")
        moved = self._pitches[pitch] + semitones
        lowest = min(self._pitch) + (kind == "With")  # nothing lies below the note that a pitch is added to
        return f"{kind}_{self._pitch[moved]}{colon}{length}" if lowest <= moved <= max(self._pitch) else None

    def write_span(self, writer: VoiceWriter, kind: str, value: str) -> None:
        """Let a voice do what an event says."""
        pitch, _, length = ("", "", "") if kind == "With" else value.rpartition(":")
        writer.write(kind, self._steps.get(length, 0), self._pitches.get(value if kind == "With" else pitch))

    def says(self, event: str) -> tuple[int, int]:
        """The pitch that an event begins, or -1, and the steps by which it moves time on."""
        kind, _, value = event.partition("_")
        if kind == "With":
            return self._pitches[value], 0
        if kind not in ("Note", "Rest", "Tie"):
            return -1, 0
        pitch, _, length = value.rpartition(":")
        return self._pitches.get(pitch, -1), self._steps[length]

    @property
    def max_voices(self) -> int:
        """Voices that a piece may have."""
        return self._grid.max_voices

    def _durations(self, events: Iterable[str]) -> dict[str, int]:
        """By event of a length, the length in steps."""
        return {
            event: self._steps[event.partition("_")[2].rpartition(":")[2]]
            for event in events
            if event.startswith(("Note_", "Rest_", "Tie_"))
        }

    @cached_property
    def _steps(self) -> dict[str, int]:
        return _inverse(self._length)

    @cached_property
    def _pitches(self) -> dict[str, int]:
        return _inverse(self._pitch)

    @cached_property
    def _programs(self) -> dict[str, int]:
        return _inverse(self._program)

    @cached_property
    def _keys(self) -> dict[str, tuple[int, bool]]:
        return _inverse(self._key)


def _inverse(names: Mapping[Any, str]) -> dict[str, Any]:
    return {name: value for value, name in names.items()}
