"""How much of a run of notes is new within the run: what tells a tune from a drone, a scale or a broken chord.

Two pieces that have nothing to do with each other share fifty repeated notes, three octaves of a scale, or eight bars
of a broken chord. Such runs are long and say little, and they say the same thing again and again. Knows lines as bytes
(`lines.line_symbols`).
"""

import numpy as np

from symbolic_music.metrics.memorisation.lines import FIRST_RATIO, NO_INTERVAL

FIGURE_NOTES = 4
"""Notes of a figure that must differ in an interval or a ratio to be new."""
GESTURE_NOTES = 6
"""Notes of a gesture, which must differ in its ups and downs or a ratio to be new.

Over changing harmony a broken chord has new intervals in every bar: of 1,000 pairs of pop arrangements 3 share runs
with 16 notes and more that end new figures, all broken chords in even sixteenths; none shares one with 16 that end
new gestures too."""
_KINDS_OF_BYTES = 256
_KINDS_OF_GESTURE_BYTES = 32


def latest_repeats(text: np.ndarray) -> np.ndarray:
    """For each note, where the figure or gesture that ends with it was heard last before.

    Args:
        text: lines laid end to end, two bytes for each note.

    Returns:
        (notes,) int64: the note at which the later one of the two begins, -1 where both are heard for the first time.
    """
    figures = _keys(text, FIGURE_NOTES, _KINDS_OF_BYTES)
    gestures = _keys(_ups_and_downs(text), GESTURE_NOTES, _KINDS_OF_GESTURE_BYTES)
    count = len(text) // 2
    return np.maximum(_earlier(figures, FIGURE_NOTES, count), _earlier(gestures, GESTURE_NOTES, count))


def fresh_notes(repeats: np.ndarray, start: int, length: int) -> int:
    """Notes of a run that do not end a figure or gesture heard before within it: from 4 for a drone to all of them.

    Args:
        repeats: `latest_repeats` of the text.
        start: the run's first note.
        length: its notes.
    """
    return length - int((repeats[start : start + length] >= start).sum())


def _ups_and_downs(text: np.ndarray) -> np.ndarray:
    """The text with each interval as down, level or up; ratios as they are, all of it below 32."""
    reduced = np.minimum(text.astype(np.int64) - FIRST_RATIO, _KINDS_OF_GESTURE_BYTES - 1)
    reduced[::2] = np.sign(text[::2].astype(np.int64) - NO_INTERVAL) + 1
    return reduced


def _keys(symbols: np.ndarray, notes: int, kinds: int) -> np.ndarray:
    """A number for each run of so many notes that tells it from all others."""
    width, count = 2 * notes - 3, len(symbols) // 2 - notes + 1
    if count < 1:
        return np.zeros(0, np.int64)
    runs = np.lib.stride_tricks.sliding_window_view(symbols, width)[: 2 * count : 2]
    return runs.astype(np.int64) @ kinds ** np.arange(width, dtype=np.int64)


def _earlier(keys: np.ndarray, notes: int, count: int) -> np.ndarray:
    """For each note that ends a run of so many notes, the start of the latest equal run before, else -1."""
    order = np.argsort(keys, kind="stable")
    again = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    earlier = np.full(count, -1, np.int64)
    earlier[order[again + 1] + notes - 1] = order[again]
    return earlier
