"""The notes of a Score as arrays, read once for all metrics that ask for them. Knows no metric."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, update_wrapper
from typing import Any

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.score.bars import Bars, bar_table
from symbolic_music.score.checks import play_seconds


@dataclass(frozen=True)
class Notes:
    """Some notes of a Score, one entry each.

    Attributes:
        onsets: in ticks, shape (notes,), int64.
        ends: in ticks, shape (notes,), int64; the onset itself for a note without length.
        pitches: 0 to 127, shape (notes,), int64.
        tracks: the number of each note's track, shape (notes,), int64.
    """

    onsets: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray
    tracks: np.ndarray

    def __len__(self) -> int:
        return len(self.onsets)

    def __getitem__(self, chosen: np.ndarray) -> "Notes":
        return Notes(self.onsets[chosen], self.ends[chosen], self.pitches[chosen], self.tracks[chosen])


class NoteTable:
    """All that the metrics of notes read of a Score; what several of them need is worked out once.

    Args:
        score: in ticks.
    """

    def __init__(self, score: Score):
        self.score = score
        self.ticks_per_quarter: int = score.ticks_per_quarter
        columns = [track.notes.numpy() for track in score.tracks]
        counts = [len(track["time"]) for track in columns]
        onsets = _joined([track["time"] for track in columns])
        self.all = Notes(
            onsets,
            onsets + _joined([track["duration"] for track in columns]),
            _joined([track["pitch"] for track in columns]),
            np.repeat(np.arange(len(columns)), counts),
        )
        """Every note, track by track."""
        self.is_drum = np.repeat(np.array([track.is_drum for track in score.tracks], dtype=bool), counts)

    @cached_property
    def pitched(self) -> Notes:
        """The notes that are no drums, by onset and pitch."""
        chosen = np.flatnonzero(~self.is_drum)
        onsets, pitches = self.all.onsets[chosen], self.all.pitches[chosen]
        return self.all[chosen[np.lexsort((pitches, onsets))]]

    @cached_property
    def end(self) -> int:
        """The tick at which the last note ends, drums included; 0 without notes."""
        return int(self.all.ends.max(initial=0))

    @cached_property
    def bars(self) -> Bars:
        """See `score.bars.bar_table`."""
        return bar_table(self.score)

    @cached_property
    def seconds(self) -> float:
        """Playing time."""
        return play_seconds(self.score)

    @cached_property
    def stretches(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Starts and ends in ticks of the stretches in which a pitch sounds, and the pitch: (stretches,) int64 each.

        Drums are left out. Notes of one pitch that overlap or touch are one stretch, whoever plays them.
        """
        return _merged_by_pitch(self.pitched)

    def sounding_at(self, ticks: np.ndarray) -> np.ndarray:
        """Which pitches sound at each tick, (ticks, 128) bool; one that ends at a tick has ended.

        Args:
            ticks: sorted, (ticks,).
        """
        starts, ends, pitches = self.stretches
        changes = np.zeros((len(ticks) + 1, 128), dtype=np.int64)
        np.add.at(changes, (np.searchsorted(ticks, starts), pitches), 1)
        np.add.at(changes, (np.searchsorted(ticks, ends), pitches), -1)
        return changes.cumsum(axis=0)[:-1] > 0

    @cached_property
    def sounding(self) -> tuple[np.ndarray, np.ndarray]:
        """How many pitches sound together, drums left out: lengths of time in ticks, and the number in each.

        Each (spans,) int64, from the first onset to the last end. A pitch counts once, however many notes hold it.
        """
        starts, ends, _ = self.stretches
        changes = np.unique(np.concatenate([starts, ends]))
        begun = np.searchsorted(np.sort(starts), changes[:-1], side="right")
        ended = np.searchsorted(np.sort(ends), changes[:-1], side="right")
        return np.diff(changes), begun - ended

    def bar_of(self, notes: Notes) -> np.ndarray:
        """The number of the bar in which each note begins, shape (notes,)."""
        return np.searchsorted(self.bars.starts, notes.onsets, side="right") - 1

    def onsets_in_bars(self, notes: Notes, steps_per_quarter: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where in their bars notes begin, on a grid; each place once, in order.

        Returns:
            The bar of each place and its step in the bar, both (places,); and the steps of every bar, (bars,).
        """
        bars, bar = self.bars, self.bar_of(notes)
        steps = np.maximum(bars.lengths * steps_per_quarter // self.ticks_per_quarter, 1)
        step = (notes.onsets - bars.starts[bar]) * steps_per_quarter // self.ticks_per_quarter
        width = int(steps.max(initial=1))
        places = np.unique(bar * width + np.minimum(step, steps[bar] - 1))
        return places // width, places % width, steps


def _joined(columns: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([*columns, np.empty(0, np.int64)]).astype(np.int64)


def _merged_by_pitch(notes: Notes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, ends and pitches of the stretches in which each pitch sounds, notes of one that overlap together."""
    order = np.lexsort((notes.onsets, notes.pitches))
    # Each pitch gets a stretch of time of its own, so that one running maximum serves all.
    period = int(notes.ends.max(initial=0)) + 1
    shift = notes.pitches[order] * period
    starts, ends = _merged(notes.onsets[order] + shift, notes.ends[order] + shift)
    pitches = starts // period
    return starts - pitches * period, ends - pitches * period, pitches


def _merged(starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stretches that overlap or touch, by start, taken together."""
    reached = np.maximum.accumulate(ends)
    first = np.append(True, starts[1:] > reached[:-1])[: len(starts)]
    last = np.append(first[1:], True)[: len(starts)]
    return starts[first], reached[last]


def sounding_ticks(notes: Notes) -> int:
    """Ticks in which any of the notes sounds."""
    order = np.argsort(notes.onsets, kind="stable")
    starts, ends = _merged(notes.onsets[order], notes.ends[order])
    return int((ends - starts).sum())


class NoteMetric:
    """A metric of a Score that reads nothing but its notes.

    Called with a Score. `of_notes` takes the `NoteTable` of one instead, so that many metrics share it.
    """

    def __init__(self, of_notes: Callable[..., float]):
        self.of_notes = of_notes
        update_wrapper(self, of_notes)

    def __call__(self, score: Score, **options: Any) -> float:
        """The metric of a Score."""
        return self.of_notes(NoteTable(score), **options)


def note_metric(of_notes: Callable[..., float]) -> NoteMetric:
    """Make a function of a `NoteTable` and of options a metric of Scores."""
    return NoteMetric(of_notes)
