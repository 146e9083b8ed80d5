"""The lines of a piece, and a line as bytes that neither a transposition nor another tempo changes.

A line is a run of single notes, one at an onset: what an ear can follow and what can be copied. Every pitched note
lies in at least one. Drums are left out: their pitches name instruments, so they have no transpositions, and their
patterns are shared by all music of a style. Knows nothing of other pieces.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from symusic.core import ScoreTick as Score
from symusic.core import TrackTick

from symbolic_music.score.bars import bar_table, note_ends

# Intervals, ratios and ends are different bytes: 0 to 120, 121 to 137, 254 and 255.
_MAX_INTERVAL = 60
NO_INTERVAL = _MAX_INTERVAL
"""The byte of a repeated note; those of falling intervals are lower."""
FIRST_RATIO = 2 * _MAX_INTERVAL + 1
END = 255
"""After the last note of an indexed line; a query's lines end with `QUERY_END`, so that no match crosses an end."""
QUERY_END = 254

RATIO_EDGES = (1.18, 1.77, 2.3, 3.4, 5.3, 9.4, 14.5, 22.7)
"""Borders between classes of ratios from 1 up; those below 1 are their inverses.

The classes hold 1, 9/8, 7/6; 4/3, 3/2, 5/3; 2; 5/2, 3; 4, 5; 6, 7, 8, 9; 12; 16, 18, 20; and what is longer. No a / b
of whole numbers up to 9 lies within 1% of a border, so rounding to ticks seldom moves one across it."""
_EDGES = np.log2([1 / edge for edge in RATIO_EDGES[::-1]] + list(RATIO_EDGES))


@dataclass(frozen=True)
class PieceLines:
    """The pitched notes of a piece and the lines through them.

    Attributes:
        onsets: of each note, in ticks, (notes,) int64; a pitch that a track begins twice at one onset is one note.
        pitches: (notes,) int64.
        tracks: index of each note's track in the Score, (notes,) int64.
        lines: indices of the notes of each line in time, at least two; no two lines are equal.
    """

    onsets: np.ndarray
    pitches: np.ndarray
    tracks: np.ndarray
    lines: list[np.ndarray]

    def symbols(self, line: np.ndarray) -> np.ndarray:
        """See `line_symbols`."""
        return line_symbols(self.onsets[line], self.pitches[line])


@dataclass(frozen=True)
class NotePlaces:
    """Where notes stand: onset in quarter notes, (notes,) float64, and bar, the first is 1, (notes,) int64."""

    quarters: np.ndarray
    bars: np.ndarray


def note_places(score: Score, onsets: np.ndarray) -> NotePlaces:
    """The places of onsets in ticks.

    Raises:
        ScoreError: corrupt_timing, when the ticks per quarter note are not positive.
    """
    bars = np.searchsorted(bar_table(score).starts, onsets, side="right")
    return NotePlaces(onsets / score.ticks_per_quarter, bars)


def line_symbols(onsets: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """A line of n notes as 2n bytes: d1 r2 d2 r3 … d(n-1), then three bytes `END`.

    d(i) is the interval from note i-1 to note i in semitones, r(i) the class of (onset i - onset i-1) / (onset i-1 -
    onset i-2). Intervals and ratios alternate, and the bytes of note i start at 2i with the interval that leaves it:
    so k notes agree exactly when 2k - 3 bytes do. Intervals beyond five octaves count as five octaves.

    Args:
        onsets: rising, (n,); in any unit.
        pitches: (n,).
    """
    symbols = np.full(2 * len(onsets), END, np.uint8)
    intervals = np.clip(np.diff(pitches), -_MAX_INTERVAL, _MAX_INTERVAL) + NO_INTERVAL
    steps = np.diff(onsets).astype(np.float64)
    ratios = np.searchsorted(_EDGES, np.log2(steps[1:] / steps[:-1])) + FIRST_RATIO
    symbols[0 : 2 * len(intervals) : 2] = intervals
    symbols[1 : 2 * len(ratios) : 2] = ratios
    return symbols


def find_lines(score: Score, ignore_before: float = 0.0) -> PieceLines:
    """The lines of a piece: what each track and the whole of it sing.

    Of each track: the highest notes of its onsets, the second highest of those that have two, and so on; the lowest
    notes; and the skyline, the notes with none higher that still sounds, which finds a tune above livelier notes
    (Uitdenbogerd & Zobel, "Manipulation of music for melody matching", 1998). Of the whole piece: the skyline.

    Args:
        score: drum tracks are passed over.
        ignore_before: notes that begin before this, in quarter notes, are passed over: a prompt is no copy.
    """
    first = ignore_before * score.ticks_per_quarter
    parts = [_track_notes(track, first) for track in score.tracks]
    counts = [0 if part is None else len(part[0]) for part in parts]
    found = [part for part in parts if part is not None]
    onsets, ends, pitches = (
        np.concatenate([np.zeros(0, np.int64), *(part[column] for part in found)]) for column in range(3)
    )
    tracks = np.repeat(np.arange(len(parts)), counts)
    lines: list[np.ndarray] = []
    for number in np.unique(tracks):
        members = np.flatnonzero(tracks == number)
        lines += [members[line] for line in _voices(onsets[members], ends[members], pitches[members])]
    lines.append(_skyline(onsets, ends, pitches))
    return PieceLines(onsets, pitches, tracks, _distinct(lines))


def _track_notes(track: TrackTick, first: float) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Onsets, ends and pitches by onset, from the highest pitch down, each pitch once at an onset; None for drums."""
    if track.is_drum or not len(track.notes):
        return None
    notes = track.notes.numpy()
    onsets, pitches, ends = notes["time"].astype(np.int64), notes["pitch"].astype(np.int64), note_ends(track)
    order = np.lexsort((-ends, -pitches, onsets))
    order = order[onsets[order] >= first]
    onsets, ends, pitches = onsets[order], ends[order], pitches[order]
    fresh = (np.diff(onsets, prepend=-1) != 0) | (np.diff(pitches, prepend=-1) != 0)
    return onsets[fresh], ends[fresh], pitches[fresh]


def _voices(onsets: np.ndarray, ends: np.ndarray, pitches: np.ndarray) -> Iterator[np.ndarray]:
    """The lines of one track, whose notes stand by onset and from the highest pitch down."""
    starts = np.flatnonzero(np.diff(onsets, prepend=-1))
    sizes = np.diff(np.append(starts, len(onsets)))
    for rank in range(int(sizes.max(initial=0))):
        yield starts[sizes > rank] + rank
    yield starts + sizes - 1
    yield _skyline(onsets, ends, pitches)


def _skyline(onsets: np.ndarray, ends: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """Indices, by onset, of the notes at whose onset nothing higher sounds; one of those that share onset and pitch.

    From the highest pitch down, keeping at which onsets something sounds.
    """
    times = np.unique(onsets)
    first, last = np.searchsorted(times, onsets), np.searchsorted(times, ends)
    by_pitch = np.argsort(-pitches, kind="stable")
    borders = np.flatnonzero(np.diff(pitches[by_pitch])) + 1
    covered = np.zeros(len(times), dtype=bool)
    kept = []
    for group in np.split(by_pitch, borders):
        kept.append(group[~covered[first[group]]])
        changes = np.bincount(first[group], minlength=len(times) + 1) - np.bincount(
            last[group], minlength=len(times) + 1
        )
        covered |= np.cumsum(changes)[:-1] > 0
    line = np.concatenate(kept)
    line = line[np.argsort(onsets[line], kind="stable")]
    return line[np.diff(onsets[line], prepend=-1) != 0]


def _distinct(lines: list[np.ndarray]) -> list[np.ndarray]:
    """The lines of two notes and more, each once."""
    return list({line.tobytes(): line for line in lines if len(line) > 1}.values())
