"""The nearest Score that voices of one chord at a time can write on a grid, with changes at bar lines.

Knows grids and bins, nothing of event names.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from symusic.core import (
    KeySignatureTick,
    KeySignatureTickList,
    NoteTick,
    NoteTickList,
    ScoreTick,
    TempoTick,
    TempoTickList,
    TimeSignatureTick,
    TimeSignatureTickList,
    TrackTick,
    TrackTickList,
)

from symbolic_music.events.codec import MAX_BARS, EncodingError
from symbolic_music.events.meters import Meter, written_meters
from symbolic_music.events.tempos import Clock, keep_time, microseconds
from symbolic_music.score.abc.spelling import keys_in_force
from symbolic_music.score.abc.voices import first_fit
from symbolic_music.score.bars import last_note_end
from symbolic_music.score.programs import DRUMS, PROGRAM_NAMES, program_name

DEFAULT_METER = (4, 4)
DEFAULT_TEMPO = 120.0
VELOCITY = 80
"""Such voices say nothing of loudness; every note gets this."""

Key = tuple[int, bool]


@dataclass(frozen=True)
class VoiceGrid:
    """What a vocabulary can write.

    Attributes:
        steps_per_quarter: steps in a quarter note, and ticks in one of every Score that is returned.
        lowest_pitch: lowest pitch.
        highest_pitch: highest pitch.
        meters: every meter.
        tempos: every tempo in quarter notes per minute, ascending.
        max_voices: voices in a piece.
        edition: of the rules; see `events.codec.EDITION`.
    """

    steps_per_quarter: int
    lowest_pitch: int
    highest_pitch: int
    meters: frozenset[Meter]
    tempos: np.ndarray
    max_voices: int
    edition: int

    def bar_steps(self, meter: Meter) -> int:
        """Steps in a bar."""
        return 4 * self.steps_per_quarter * meter[0] // meter[1]


@dataclass
class Voice:
    """Chords that do not overlap, as (onset, end, pitches) in steps, in order, and the number of their track."""

    program: int
    chords: list[tuple[int, int, list[int]]] = field(default_factory=list)
    source: int = 0

    def track(self) -> TrackTick:
        """The voice as a track."""
        track = TrackTick(program_name(self.program), max(self.program, 0), self.program == DRUMS)
        track.notes = NoteTickList(
            [NoteTick(onset, end - onset, pitch, VELOCITY) for onset, end, pitches in self.chords for pitch in pitches]
        )
        return track


@dataclass
class VoicePiece:
    """A piece on the grid: its voices, and what holds in each bar.

    In a piece that is not `whole`, tracks share voices or notes are left out, for there is no room for more.
    """

    voices: list[Voice]
    bar_starts: list[int]
    end: int
    meters: list[Meter]
    keys: list[Key]
    tempos: list[float]
    whole: bool = True

    def fill_up(self, num_bars: int) -> None:
        """Add silent bars behind the last, like it, until there are so many."""
        steps, missing = self.end - self.bar_starts[-1], num_bars - len(self.bar_starts)
        self.bar_starts += [self.end + steps * bar for bar in range(missing)]
        self.end += steps * max(missing, 0)
        self.meters += self.meters[-1:] * missing
        self.keys += self.keys[-1:] * missing
        self.tempos += self.tempos[-1:] * missing


def quantise_piece(score: ScoreTick, grid: VoiceGrid, by_entry: bool = True) -> VoicePiece:
    """A Score on the grid; see `AbcNotesCodec.quantise` and `events.codec.EDITION`.

    Args:
        score: in ticks.
        grid: to move it to.
        by_entry: whether voices are ordered by the bar in which they enter, rather than as their tracks are.

    Raises:
        EncodingError: without notes, with a clock that does not run, with more bars than there may be; in the first
            edition with a pitch outside the range or with more voices.
    """
    unit = score.ticks_per_quarter
    if unit <= 0:
        raise EncodingError(f"expected ticks per quarter note above 0, found {unit}")
    if score.note_num() == 0:
        raise EncodingError("the score has no notes, so there is nothing to encode")
    parts = _read_parts(score, grid)
    voices = _voices_of_all(parts)
    whole = True
    if grid.edition > 1:
        within = _within_range(parts, grid)
        whole = within is parts and len(voices) <= grid.max_voices
        voices = _pool_voices(within, grid)
    end = max(voice.chords[-1][1] for voice in voices)
    starts, meters, end = _bars(score, grid, end)
    if grid.edition == 1:
        _check_pitches(voices, starts, grid)
    if by_entry:
        voices.sort(key=lambda voice: _bar_of(voice.chords[0][0], starts))
    if len(voices) > grid.max_voices:
        first = _bar_of(voices[grid.max_voices].chords[0][0], starts) + 1
        most = grid.max_voices
        raise EncodingError(f"bar {first} needs voice {most + 1} of {len(voices)}; expected at most {most} voices")
    keys = [(_steps(tick, unit, grid), (fifths, minor)) for tick, fifths, minor in keys_in_force(score)]
    return VoicePiece(
        voices, starts, end, meters, _in_force(keys, starts), bar_tempos(score, grid, [*starts, end]), whole
    )


def bar_tempos(score: ScoreTick, grid: VoiceGrid, starts: list[int]) -> list[float]:
    """The tempo of each bar, in quarter notes per minute, so that the piece keeps its time.

    Args:
        score: in ticks.
        grid: of the bars.
        starts: first step of each bar, and the end of the last.
    """
    unit = score.ticks_per_quarter
    if grid.edition == 1:
        tempos = sorted((_steps(max(tempo.time, 0), unit, grid), tempo.qpm) for tempo in score.tempos)
        in_force = _in_force([(0, DEFAULT_TEMPO), *tempos], starts[:-1])
        return [_nearest(grid.tempos, tempo) for tempo in in_force]
    clock = Clock(score, grid.steps_per_quarter)
    places = [start * unit for start in starts]
    lasts = [clock.time(end) - clock.time(begin) for begin, end in pairwise(places)]
    lengths = [end - begin for begin, end in pairwise(starts)]
    # Bars of one tempo are decided on together, so that a steady piece has no changes.
    begins = [0] + [
        bar for bar in range(1, len(lasts)) if lasts[bar] * lengths[bar - 1] != lasts[bar - 1] * lengths[bar]
    ]
    speed_of = dict(zip(microseconds(grid.tempos).tolist(), grid.tempos.tolist(), strict=True))
    speeds = keep_time(clock, [*(places[bar] for bar in begins), places[-1]], np.array(sorted(speed_of)))
    ends = [*begins[1:], len(lasts)]
    return [speed_of[speed] for speed, begin, end in zip(speeds, begins, ends, strict=True) for _ in range(begin, end)]


def piece_score(piece: VoicePiece, grid: VoiceGrid) -> ScoreTick:
    """A piece as a Score: a track for each voice, and each change of meter, key and tempo once."""
    score = ScoreTick(grid.steps_per_quarter)
    score.tracks = TrackTickList([voice.track() for voice in piece.voices])
    bars = range(len(piece.bar_starts))

    def changes(values):
        return [(piece.bar_starts[bar], values[bar]) for bar in bars if bar == 0 or values[bar] != values[bar - 1]]

    score.time_signatures = TimeSignatureTickList(
        [TimeSignatureTick(at, *meter) for at, meter in changes(piece.meters)]
    )
    score.key_signatures = KeySignatureTickList(
        [KeySignatureTick(at, fifths, int(minor)) for at, (fifths, minor) in changes(piece.keys)]
    )
    score.tempos = TempoTickList([TempoTick(at, tempo) for at, tempo in changes(piece.tempos)])
    return score


def _steps(ticks: Any, ticks_per_quarter: int, grid: VoiceGrid) -> Any:
    """Ticks, one or an array, to the nearest step, halves later."""
    return (2 * ticks * grid.steps_per_quarter + ticks_per_quarter) // (2 * ticks_per_quarter)


@dataclass(frozen=True)
class _Part:
    """Notes of one program on the grid, in steps, and the number of their track."""

    program: int
    source: int
    onsets: np.ndarray
    durations: np.ndarray
    pitches: np.ndarray

    def where(self, chosen: np.ndarray) -> "_Part":
        """Some of the notes."""
        return replace(
            self, onsets=self.onsets[chosen], durations=self.durations[chosen], pitches=self.pitches[chosen]
        )


def _read_parts(score: ScoreTick, grid: VoiceGrid) -> list[_Part]:
    parts = []
    for number, track in enumerate(score.tracks):
        if not len(track.notes):
            continue
        program = DRUMS if track.is_drum else track.program
        if program >= len(PROGRAM_NAMES):
            raise EncodingError(f"a track has program {program}; expected 0 to {len(PROGRAM_NAMES) - 1}")
        columns = track.notes.numpy()
        if columns["time"].min() < 0:
            raise EncodingError(f"a note begins at tick {columns['time'].min()}; expected 0 or later")
        onsets = _steps(columns["time"].astype(np.int64), score.ticks_per_quarter, grid)
        durations = np.maximum(_steps(columns["duration"].astype(np.int64), score.ticks_per_quarter, grid), 1)
        parts.append(_Part(program, number, onsets, durations, columns["pitch"].astype(np.int64)))
    return parts


def _within_range(parts: list[_Part], grid: VoiceGrid) -> list[_Part]:
    """The parts without notes that the vocabulary has no pitch for; the same list where there are none."""
    fits = [(part.pitches >= grid.lowest_pitch) & (part.pitches <= grid.highest_pitch) for part in parts]
    if all(fit.all() for fit in fits):
        return parts
    within = [part.where(fit) for part, fit in zip(parts, fits, strict=True) if fit.any()]
    if not within:
        raise EncodingError(f"no note lies within pitches {grid.lowest_pitch} to {grid.highest_pitch}")
    return within


def _pool_voices(parts: list[_Part], grid: VoiceGrid) -> list[Voice]:
    """The voices of parts; where they are too many, parts of one program share voices, and the busiest are kept."""
    voices = _voices_of_all(parts)
    if len(voices) <= grid.max_voices:
        return voices
    by_program: dict[int, list[_Part]] = {}
    for part in parts:
        by_program.setdefault(part.program, []).append(part)
    pooled = [
        replace(
            group[0],
            onsets=np.concatenate([part.onsets for part in group]),
            durations=np.concatenate([part.durations for part in group]),
            pitches=np.concatenate([part.pitches for part in group]),
        )
        for group in by_program.values()
    ]
    voices = _voices_of_all(pooled)
    busiest = sorted(range(len(voices)), key=lambda number: -len(voices[number].chords))[: grid.max_voices]
    return [voices[number] for number in sorted(busiest)]


def _voices_of_all(parts: list[_Part]) -> list[Voice]:
    return [replace(voice, source=part.source) for part in parts for voice in _voices_of(part)]


def _voices_of(part: _Part) -> list[Voice]:
    """The chords of a part in as few voices as hold them; of notes with one onset and pitch the shortest is kept."""
    shortest: dict[tuple[int, int], int] = {}
    notes = zip(part.onsets.tolist(), part.durations.tolist(), part.pitches.tolist(), strict=True)
    for onset, duration, pitch in notes:
        shortest[onset, pitch] = min(duration, shortest.get((onset, pitch), duration))
    chords: dict[tuple[int, int], list[int]] = {}
    for (onset, pitch), duration in sorted(shortest.items()):
        chords.setdefault((onset, onset + duration), []).append(pitch)
    spans = sorted(chords)
    ranks = first_fit(np.array([onset for onset, _ in spans]), np.array([end for _, end in spans])).tolist()
    voices = [Voice(part.program) for _ in range(max(ranks) + 1)]
    for rank, (onset, end) in zip(ranks, spans, strict=True):
        voices[rank].chords.append((onset, end, chords[onset, end]))
    return voices


def _bars(score: ScoreTick, grid: VoiceGrid, end: int) -> tuple[list[int], list[Meter], int]:
    """First step and meter of each bar up to `end`, and the end of the last; a meter moves to the next bar line.

    Of several that come to one bar line the last counts.
    """
    changes = [(_steps(tick, score.ticks_per_quarter, grid), meter) for tick, meter in _meter_changes(score, grid)]
    shortest = min(grid.bar_steps(meter) for meter in grid.meters)
    if end > MAX_BARS * shortest * 64:
        raise EncodingError(
            f"the last note ends at step {end:,}, beyond bar {MAX_BARS:,}; expected at most {MAX_BARS:,} bars"
        )
    starts: list[int] = []
    meters: list[Meter] = []
    at, meter, done = 0, DEFAULT_METER, 0
    while at < end:
        while done < len(changes) and changes[done][0] <= at:
            meter = changes[done][1]
            done += 1
        starts.append(at)
        meters.append(meter)
        at += grid.bar_steps(meter)
        if len(starts) > MAX_BARS:
            raise EncodingError(f"the last note ends beyond bar {MAX_BARS:,}; expected at most {MAX_BARS:,} bars")
    return starts, meters, at


def _meter_changes(score: ScoreTick, grid: VoiceGrid) -> Iterable[tuple[int, Meter]]:
    """Changes of meter in the source's ticks; those outside the vocabulary are cut, or passed over."""
    if grid.edition > 1:
        return written_meters(score, grid.meters, last_note_end(score))
    changes = sorted(score.time_signatures, key=lambda change: change.time)
    meters = [(max(change.time, 0), (change.numerator, change.denominator)) for change in changes]
    return [(time, meter) for time, meter in meters if meter in grid.meters]


def _check_pitches(voices: list[Voice], starts: list[int], grid: VoiceGrid) -> None:
    for voice in voices:
        for onset, _, pitches in voice.chords:
            if pitches[0] < grid.lowest_pitch or pitches[-1] > grid.highest_pitch:
                wrong = pitches[0] if pitches[0] < grid.lowest_pitch else pitches[-1]
                raise EncodingError(
                    f"bar {_bar_of(onset, starts) + 1} holds pitch {wrong}; "
                    f"expected {grid.lowest_pitch} to {grid.highest_pitch}"
                )


def _bar_of(step: int, starts: list[int]) -> int:
    return int(np.searchsorted(starts, step, side="right")) - 1


def _in_force(changes: list, starts: list[int]) -> list:
    """The value in force where each bar begins; the first holds before it is written."""
    values, done, value = [], 0, changes[0][1]
    for start in starts:
        while done < len(changes) and changes[done][0] <= start:
            value = changes[done][1]
            done += 1
        values.append(value)
    return values


def _nearest(values: np.ndarray, wanted: float) -> float:
    """The nearest of ascending values; of two equally near the larger."""
    return float(values[len(values) - 1 - int(np.argmin(np.abs(values[::-1] - wanted)))])
