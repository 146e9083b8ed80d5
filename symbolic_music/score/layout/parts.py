"""A Score as it stands on paper: bars, parts with their staves, clefs and voices, and the keys.

Times are in units of `note_values.CLOCK`. Knows nothing of what stands within a bar, or of files.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from symusic.core import ScoreTick as Score
from symusic.core import TrackTick

from symbolic_music.score.abc.lengths import TICKS_PER_QUARTER
from symbolic_music.score.abc.spelling import keys_in_force
from symbolic_music.score.abc.voices import MAX_BAR_ROWS, abc_bars
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.layout.note_values import CLOCK, Meter
from symbolic_music.score.layout.percussion import drum_sound
from symbolic_music.score.layout.staves import PERCUSSION, Clef, choose_clef, needs_two_staves, split_hands
from symbolic_music.score.layout.voices import PlayedNote, Segment, deal_voices, segments
from symbolic_music.score.programs import DRUMS, program_name

_UNITS_PER_TICK = CLOCK // TICKS_PER_QUARTER
_DRUM_VOICES = 2
"""Voices for hands, and as many for feet."""
_NUMBERED = re.compile(r"((midi|track|part|staff|channel|instrument|untitled)[ _-]*)*(#? ?\d+)?", re.IGNORECASE)
_LONGEST_NAME = 32
_LAST_UNIT = 2**31 * _UNITS_PER_TICK


@dataclass(frozen=True)
class WrittenBar:
    """A bar: where it begins and ends, its meter, and the key signature in force where it begins.

    An upbeat is the first bar, shorter than its meter.
    """

    start: int
    end: int
    meter: Meter
    fifths: int
    minor: bool

    @property
    def is_short(self) -> bool:
        """Whether it lasts less than its meter says."""
        return self.end - self.start < self.meter.length


@dataclass(frozen=True)
class Staff:
    """One staff of a part: its clef and its voices, each a list of segments without gaps over the whole piece."""

    clef: Clef
    voices: list[list[Segment]]


@dataclass(frozen=True)
class Part:
    """One track as written.

    Attributes:
        name: of the track, or of its program.
        program: General MIDI program from 0, `DRUMS` for drums.
        staves: one, or two for a keyboard.
    """

    name: str
    program: int
    staves: list[Staff]

    @property
    def is_drum(self) -> bool:
        """Whether its notes are drum sounds."""
        return self.program == DRUMS


@dataclass(frozen=True)
class Layout:
    """A whole piece as written: all parts have the same bars."""

    bars: list[WrittenBar]
    parts: list[Part]


def lay_out(score: Score, first_chord: Fraction | None = None) -> Layout:
    """Bars, parts, staves and voices of a Score; every note keeps its onset and duration.

    A clock of which `CLOCK` is no multiple is moved to 480ths of a quarter note. Notes of no duration last one tick.

    Args:
        score: in ticks.
        first_chord: where the first chord symbol stands, in quarter notes; an upbeat begins with it.

    Raises:
        ScoreError: no_notes, corrupt_timing, or too_long.
    """
    if score.ticks_per_quarter <= 0:
        detail = f"expected ticks per quarter note above 0, found {score.ticks_per_quarter}"
        raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
    tracks = [track for track in score.tracks if len(track.notes)]
    if not tracks:
        raise ScoreError(Refusal.NO_NOTES, None, "expected notes to write, found none")
    notes = [_played_notes(track, score.ticks_per_quarter) for track in tracks]
    first = min(track[0].onset for track in notes)
    if first_chord is not None:
        first = min(first, int(first_chord * CLOCK))
    bars = _bars(score, first, max(note.end for track in notes for note in track))
    if len(tracks) * len(bars) > MAX_BAR_ROWS // 4:
        detail = f"{len(bars):,} bars of {len(tracks)} tracks; expected at most {MAX_BAR_ROWS // 4:,} bars in all"
        raise ScoreError(Refusal.TOO_LONG, None, detail)
    parts = [_part(track, played, bars[0].start, bars[-1].end) for track, played in zip(tracks, notes, strict=True)]
    return Layout(bars, parts)


def to_clock(times: np.ndarray, ticks_per_quarter: int) -> np.ndarray:
    """Times in a Score's ticks as units of `CLOCK`; exact, or on the nearest 480th where the clock does not fit."""
    times = times.astype(np.int64)
    if CLOCK % ticks_per_quarter == 0:
        return times * (CLOCK // ticks_per_quarter)
    return (2 * times * TICKS_PER_QUARTER + ticks_per_quarter) // (2 * ticks_per_quarter) * _UNITS_PER_TICK


def _played_notes(track: TrackTick, ticks_per_quarter: int) -> list[PlayedNote]:
    columns = track.notes.numpy()
    onsets, durations = columns["time"].astype(np.int64), columns["duration"].astype(np.int64)
    if onsets.min() < 0 or durations.min() < 0:
        raise ScoreError(Refusal.CORRUPT_TIMING, None, "expected no onset or duration below 0 ticks")
    starts = to_clock(onsets, ticks_per_quarter)
    ends = to_clock(onsets + np.maximum(durations, 1), ticks_per_quarter)
    ends = np.maximum(ends, starts + _UNITS_PER_TICK if CLOCK % ticks_per_quarter else ends)
    if ends.max() > _LAST_UNIT:
        raise ScoreError(Refusal.TOO_LONG, None, f"expected an end before tick {2**31:,}")
    rows = zip(*(column.tolist() for column in (starts, ends, columns["pitch"], columns["velocity"])), strict=True)
    return sorted((PlayedNote(*row) for row in rows), key=lambda note: (note.onset, note.end, note.pitch))


def _bars(score: Score, first_onset: int, end: int) -> list[WrittenBar]:
    table = abc_bars(score, -(-end // _UNITS_PER_TICK))
    starts = [start * _UNITS_PER_TICK for start in table.starts.tolist()]
    ends = [*starts[1:], table.end * _UNITS_PER_TICK]
    keys = keys_in_force(score)
    ticks = to_clock(np.array([tick for tick, *_ in keys]), score.ticks_per_quarter).tolist()
    bars = []
    for start, until, meter in zip(starts, ends, table.meters, strict=True):
        _, fifths, minor = keys[max(bisect_right(ticks, start) - 1, 0)]
        bars.append(WrittenBar(start, until, Meter(*meter), fifths, minor))
    upbeat = _upbeat_start(bars[0], first_onset)
    first = bars[0]
    return [WrittenBar(upbeat, first.end, first.meter, first.fifths, first.minor), *bars[1:]]


def _upbeat_start(bar: WrittenBar, first_onset: int) -> int:
    """Where the first bar begins on paper: an upbeat of at most half a bar is written as a short bar."""
    silence = first_onset - bar.start
    if bar.is_short or not bar.meter.length / 2 <= silence < bar.meter.length:
        return bar.start
    # A whole number of units where the upbeat is one, and never finer than a sixty-fourth note.
    unit = next(unit for unit in (bar.meter.unit // part for part in (1, 2, 4, 8, 16, 32, 64)) if _fits(silence, unit))
    return bar.start + silence // unit * unit


def _fits(silence: int, unit: int) -> bool:
    return silence % unit == 0 or unit <= CLOCK // 16


def _part(track: TrackTick, notes: list[PlayedNote], start: int, end: int) -> Part:
    program = DRUMS if track.is_drum else min(max(track.program, 0), 127)
    name = _part_name(track.name, program)
    if program == DRUMS:
        feet = [note for note in notes if drum_sound(note.pitch).is_foot]
        hands = [note for note in notes if not drum_sound(note.pitch).is_foot]
        voices = [*deal_voices(hands, _DRUM_VOICES), *deal_voices(feet, _DRUM_VOICES)]
        return Part(name, program, [_staff(PERCUSSION, voices, start, end)])
    pitches = np.array([note.pitch for note in notes])
    if not needs_two_staves(program, pitches):
        return Part(name, program, [_staff(choose_clef(pitches, program), deal_voices(notes), start, end)])
    hands_of = split_hands(np.array([note.onset for note in notes]), pitches)
    staves = []
    for number in (0, 1):
        hand = [note for note, staff in zip(notes, hands_of.tolist(), strict=True) if staff == number]
        clef = choose_clef(pitches[hands_of == number])
        staves.append(_staff(clef, deal_voices(hand), start, end))
    return Part(name, program, staves)


def _part_name(track_name: str, program: int) -> str:
    """A track's name, cut to what fits beside a staff; the instrument's where the track is only numbered."""
    name = " ".join(track_name.split())
    if _NUMBERED.fullmatch(name):
        return program_name(program)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1].rstrip()}…"


def _staff(clef: Clef, voices: list[list[PlayedNote]], start: int, end: int) -> Staff:
    return Staff(clef, [segments(voice, start, end) for voice in voices])
