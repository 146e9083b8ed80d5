"""A Score's tracks as voices that hold one chord at a time, and the voices as a row for each chord or rest in a bar.

All times are in ticks of `lengths.TICKS_PER_QUARTER`. Everything is numpy over the whole Score at once: a Python
loop over notes would be slower than starting midi2abc. Knows nothing of how anything is spelled.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.score.abc.lengths import TICKS_PER_QUARTER
from symbolic_music.score.bars import meters_in_force
from symbolic_music.score.errors import Refusal, ScoreError

GRIDS = (24, 48, 96, 120, 240, 480)
"""Steps per quarter note to choose from, coarsest first; each divides abc2midi's clock."""
_ENOUGH_ON_GRID = 0.998
# music21 and abc2midi both take larger chords than any hand; abc2midi stops at 50 notes.
_MAX_CHORD = 40
# Far above any tick: one number orders by track (or voice) first and by time second.
_LANE = np.int64(2**40)
_LAST_TICK = 2**31 - 1
_METER_TICKS = TICKS_PER_QUARTER // 16
"""A sixty-fourth note: bars begin on multiples, so that every bar, cut short or not, has a meter that can be said."""
MAX_BAR_ROWS = 4_000_000
"""Bars times voices; a piece with more has a corrupt clock, and every bar of every voice is written."""


@dataclass(frozen=True)
class AbcNotes:
    """Every note of a Score in ticks, by lane, onset, track, duration and pitch; each array (notes,) int64.

    A lane is what one set of voices plays: a track of its own, or in a piece of too many voices all tracks but drums.
    """

    lanes: np.ndarray
    tracks: np.ndarray
    onsets: np.ndarray
    durations: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray


@dataclass(frozen=True)
class AbcBars:
    """The bars of a piece in ticks.

    Attributes:
        starts: (bars,) int64.
        end: of the last bar.
        meters: each bar's meter as written.
        upbeat: where the music of the first bar begins, if all voices are silent before: that silence is not written.
    """

    starts: np.ndarray
    end: int
    meters: list[tuple[int, int]]
    upbeat: int = 0


@dataclass(frozen=True)
class AbcChords:
    """Notes of one track that begin and end together.

    Attributes:
        first: number of the chord's first note, (chords,).
        sizes: notes in the chord, (chords,).
        voices: number of the voice that plays it, (chords,).
        onsets: ticks, (chords,).
        ends: ticks, (chords,).
        tracks: track of the chord, (chords,).
    """

    first: np.ndarray
    sizes: np.ndarray
    tracks: np.ndarray
    voices: np.ndarray
    onsets: np.ndarray
    ends: np.ndarray

    @property
    def num_voices(self) -> int:
        """Voices in all."""
        return int(self.voices.max()) + 1


@dataclass(frozen=True)
class AbcRows:
    """Chords and rests in the order in which they are written, none of them longer than its bar.

    Attributes:
        voices: (rows,) number of the voice.
        bars: (rows,) number of the bar.
        starts: (rows,) ticks.
        ends: (rows,) ticks.
        chords: (rows,) number of the chord, -1 for a rest.
        tied: (rows,) whether the chord goes on in the next row.
    """

    voices: np.ndarray
    bars: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    chords: np.ndarray
    tied: np.ndarray


def gather_notes(score: Score, steps_per_quarter: int | None) -> AbcNotes:
    """Every note on the grid of `steps_per_quarter`, or on the coarsest of `GRIDS` that holds 99.8% of the notes.

    Raises:
        ScoreError: no_notes, or corrupt_timing for a clock that does not run or a note before tick 0.
    """
    if score.ticks_per_quarter <= 0:
        detail = f"expected ticks per quarter note above 0, found {score.ticks_per_quarter}"
        raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
    sounding = [(number, track.notes.numpy()) for number, track in enumerate(score.tracks) if len(track.notes)]
    if not sounding:
        raise ScoreError(Refusal.NO_NOTES, None, "expected notes to write, found none")
    tracks = np.repeat([number for number, _ in sounding], [len(notes["time"]) for _, notes in sounding])
    columns = [np.concatenate([notes[name] for _, notes in sounding]) for name in ("time", "duration", "pitch")]
    onsets, durations, pitches = (column.astype(np.int64) for column in columns)
    velocities = np.concatenate([notes["velocity"] for _, notes in sounding])
    if onsets.min() < 0 or durations.min() < 0:
        raise ScoreError(Refusal.CORRUPT_TIMING, None, "expected no onset or duration below 0 ticks")
    grid = steps_per_quarter or _coarsest_grid(onsets, durations, score.ticks_per_quarter)
    onsets = round_ticks(onsets, score.ticks_per_quarter, grid)
    durations = np.maximum(round_ticks(durations, score.ticks_per_quarter, grid), TICKS_PER_QUARTER // grid)
    if (onsets + durations).max() > _LAST_TICK:
        raise ScoreError(Refusal.TOO_LONG, None, f"expected an end before tick {_LAST_TICK:,}")
    return _in_order(AbcNotes(tracks, tracks, onsets, durations, pitches, velocities))


def pool_lanes(notes: AbcNotes, is_drum: np.ndarray) -> AbcNotes:
    """The same notes in two lanes, drums and all else; `is_drum` (tracks,) bool says which track is which."""
    return _in_order(replace(notes, lanes=is_drum[notes.tracks].astype(np.int64)))


def _in_order(notes: AbcNotes) -> AbcNotes:
    # Two stable sorts of packed numbers are faster than one sort by five keys.
    first = np.argsort(notes.tracks * _LANE + notes.durations * 128 + notes.pitches, kind="stable")
    order = first[np.argsort((notes.lanes * _LANE + notes.onsets)[first], kind="stable")]
    return AbcNotes(*(getattr(notes, column.name)[order] for column in fields(AbcNotes)))


def round_ticks(times: Any, ticks_per_quarter: int, grid: int) -> Any:
    """Times in a Score's ticks (int64, one or many) at the nearest step of a grid, halves later, in ABC ticks."""
    return (2 * times * grid + ticks_per_quarter) // (2 * ticks_per_quarter) * (TICKS_PER_QUARTER // grid)


def _coarsest_grid(onsets: np.ndarray, durations: np.ndarray, ticks_per_quarter: int) -> int:
    for grid in GRIDS:
        on_grid = (onsets * grid % ticks_per_quarter == 0) & (durations * grid % ticks_per_quarter == 0)
        if np.count_nonzero(on_grid) >= _ENOUGH_ON_GRID * len(on_grid):
            return grid
    return GRIDS[-1]


def abc_bars(score: Score, end: int) -> AbcBars:
    """The bars up to tick `end`; a bar that a change of meter cuts short is written in a meter of its own length."""
    changes: dict[int, tuple[int, int]] = {}
    for tick, numerator, denominator in meters_in_force(score):
        start = (tick * 32 + score.ticks_per_quarter) // (2 * score.ticks_per_quarter) * _METER_TICKS
        if start < end:
            changes[start] = (numerator, denominator)
    starts, meters = [], []
    for (start, meter), until in zip(changes.items(), [*list(changes)[1:], None], strict=True):
        length = 4 * TICKS_PER_QUARTER * meter[0] // meter[1]
        count = -(-((end if until is None else until) - start) // length)
        edges = start + np.arange(count, dtype=np.int64) * length
        starts.append(edges)
        meters += [meter] * count
        last_end = start + count * length
        if until is not None and last_end > until:
            meters[-1] = _meter_of(until - int(edges[-1]))
            last_end = until
    return AbcBars(np.concatenate(starts), last_end, meters)


def _meter_of(ticks: int) -> tuple[int, int]:
    """The meter of a bar of so many ticks, a multiple of a sixty-fourth note, in the longest beats up to a quarter."""
    beats, unit = ticks // _METER_TICKS, 64
    while beats % 2 == 0 and unit > 4:
        beats, unit = beats // 2, unit // 2
    return beats, unit


def find_chords(notes: AbcNotes) -> AbcChords:
    """Notes into chords, and the chords of each lane into as few voices as hold them, first come, first served."""
    lanes = notes.lanes * _LANE + notes.onsets
    new = np.ones(len(lanes), dtype=bool)
    new[1:] = lanes[1:] != lanes[:-1]
    new[1:] |= (notes.durations[1:] != notes.durations[:-1]) | (notes.tracks[1:] != notes.tracks[:-1])
    first = np.flatnonzero(new)
    sizes = np.diff(first, append=len(lanes))
    if sizes.max() > _MAX_CHORD:
        first = np.concatenate([np.arange(at, at + size, _MAX_CHORD) for at, size in zip(first, sizes, strict=True)])
        sizes = np.diff(first, append=len(lanes))
    starts = lanes[first]
    ranks = first_fit(starts, starts + notes.durations[first])
    _, voices = np.unique(notes.lanes[first] * (int(ranks.max()) + 1) + ranks, return_inverse=True)
    onsets = notes.onsets[first]
    return AbcChords(first, sizes, notes.tracks[first], voices, onsets, onsets + notes.durations[first])


def first_fit(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """For intervals by start, the lowest number whose earlier intervals have all ended, (intervals,) int64."""
    ranks = np.zeros(len(starts), dtype=np.int64)
    if (starts[1:] >= ends[:-1]).all():
        return ranks
    left, rank = np.arange(len(starts)), 0
    while len(left):
        following = np.searchsorted(starts[left], ends[left]).tolist()
        chain: list[int] = []
        place, end, add = 0, len(following), chain.append
        while place < end:
            add(place)
            place = following[place]
        ranks[left[chain]] = rank
        left, rank = np.delete(left, chain), rank + 1
    return ranks


def written_rows(chords: AbcChords, bars: AbcBars, cuts: np.ndarray) -> AbcRows:
    """The chords of every voice and the rests between them, cut at bar lines.

    Args:
        chords: of the piece.
        bars: of the piece.
        cuts: ticks at which the first voice is cut besides.
    """
    num_voices = chords.num_voices
    if num_voices * len(bars.starts) > MAX_BAR_ROWS:
        detail = f"{len(bars.starts):,} bars of {num_voices} voices; expected at most {MAX_BAR_ROWS:,} bars in all"
        raise ScoreError(Refusal.TOO_LONG, None, detail)
    order = np.argsort(chords.voices * _LANE + chords.onsets)
    voices, onsets, ends = chords.voices[order], chords.onsets[order], chords.ends[order]
    new_voice = np.ones(len(order), dtype=bool)
    new_voice[1:] = voices[1:] != voices[:-1]
    ended = np.concatenate([[0], ends[:-1]])
    ended[new_voice] = bars.upbeat
    last_ends = ends[np.append(np.flatnonzero(new_voice)[1:], len(order)) - 1]
    lanes = np.concatenate([voices, voices, np.arange(num_voices)]) * _LANE
    starts = np.concatenate([onsets, ended, last_ends]) + lanes
    stops = np.concatenate([ends, onsets, np.full(num_voices, bars.end)]) + lanes
    numbers = np.concatenate([order, np.full(len(order) + num_voices, -1)])
    lasting = stops > starts
    starts, stops, numbers = starts[lasting], stops[lasting], numbers[lasting]
    in_order = np.argsort(starts)
    return _cut(starts[in_order], stops[in_order], numbers[in_order], num_voices, bars, cuts)


def _cut(
    starts: np.ndarray, stops: np.ndarray, chords: np.ndarray, num_voices: int, bars: AbcBars, cuts: np.ndarray
) -> AbcRows:
    lines = (np.arange(num_voices)[:, None] * _LANE + bars.starts).ravel()
    if len(cuts):
        lines = np.union1d(lines, cuts)
    first = np.searchsorted(lines, starts, side="right")
    pieces = np.searchsorted(lines, stops) - first + 1
    last = np.cumsum(pieces) - 1
    row = np.repeat(np.arange(len(starts)), pieces)
    place = np.arange(len(row)) - (last - pieces + 1)[row]
    begins, finishes = starts[row], lines[np.minimum(first[row] + place, len(lines) - 1)]
    inner = place > 0
    begins[inner] = lines[(first[row] + place - 1)[inner]]
    finishes[last] = stops
    tied = chords[row] >= 0
    tied[last] = False
    voices = begins // _LANE
    begins, finishes = begins - voices * _LANE, finishes - voices * _LANE
    return AbcRows(voices, np.searchsorted(bars.starts, begins, side="right") - 1, begins, finishes, chords[row], tied)
