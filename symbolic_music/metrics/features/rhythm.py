"""Metrics of how many notes there are and where in their bars they begin; drums count. None is better when higher."""

import numpy as np

from symbolic_music.metrics.features.notes import NoteTable, note_metric

GROOVE_STEPS = 4
"""Steps per quarter note of groove consistency: sixteenth notes."""
SIMILARITY_STEPS = 16
"""Steps per quarter note of grooving similarity: 64 in a bar of 4/4, as Wu & Yang have it."""


@note_metric
def notes_per_bar(notes: NoteTable) -> float:
    """Note density: notes of all tracks divided by bars, the last counted as whole; 0.0 without notes."""
    return len(notes.all) / max(len(notes.bars), 1)


@note_metric
def notes_per_second(notes: NoteTable) -> float:
    """Note density: notes of all tracks divided by playing time; 0.0 without notes."""
    return len(notes.all) / notes.seconds if len(notes.all) else 0.0


@note_metric
def groove_consistency(notes: NoteTable, as_muspy: bool = False) -> float:
    """One minus the mean Hamming distance of the onset vectors of *adjacent* bars: 0 to 1.

    The onset vector of a bar has a one for each sixteenth note on which a note begins. Only bars of one length are
    compared. 1.0 without two such bars, where MusPy has nan. Not to be confused with `grooving_similarity`.

    Args:
        notes: of a Score.
        as_muspy: MusPy's `groove_consistency` to the last digit, with the first bar's length as `measure_resolution`:
            every tick is a step, all bars are as long as the first, and an empty bar is added behind a piece that ends
            with a bar (muspy#73: identical bars do not score 1). 1.0 where MusPy has nan.
    """
    if as_muspy:
        return _groove_as_muspy(notes)
    bar, step, steps = notes.onsets_in_bars(notes.all, GROOVE_STEPS)
    alike = np.flatnonzero(notes.bars.lengths[1:] == notes.bars.lengths[:-1])
    similarities = 1 - _adjacent_distances(bar, step, len(steps))[alike] / steps[alike]
    return float(similarities.mean()) if len(alike) else 1.0


def _groove_as_muspy(notes: NoteTable) -> float:
    if not len(notes.all):
        return 1.0
    length = int(notes.bars.lengths[0])
    num_bars = notes.end // length + 1
    onsets = np.unique(notes.all.onsets)
    distances = _adjacent_distances(onsets // length, onsets % length, num_bars)
    return 1 - float(distances.sum() / (length * (num_bars - 1))) if num_bars > 1 else 1.0


def _adjacent_distances(bar: np.ndarray, step: np.ndarray, num_bars: int) -> np.ndarray:
    """Places in which each bar's onset vector differs from the next one's, (bars - 1,)."""
    width = int(step.max(initial=0)) + 1
    again = np.isin((bar + 1) * width + step, bar * width + step, assume_unique=True)
    counts = np.bincount(bar, minlength=num_bars)
    shared = np.bincount(bar[again], minlength=num_bars)
    return (counts[:-1] + counts[1:] - 2 * shared[:-1])[: max(num_bars - 1, 0)]


@note_metric
def grooving_similarity(notes: NoteTable) -> float:
    """Mean over *all* pairs of bars of one minus the share of places in which their onset vectors differ: 0 to 1.

    Wu & Yang, "The Jazz Transformer on the front line", ISMIR 2020, section 4.2 (MusDr's GS), with 16 places for each
    quarter note. Where MusDr samples 1,000 pairs, all are counted: if c of n bars have an onset in a place, c (n - c)
    pairs differ there. Only bars of one length are pairs. 1.0 without a pair.
    """
    bar, step, steps = notes.onsets_in_bars(notes.all, SIMILARITY_STEPS)
    lengths, kind, bars_of_kind = np.unique(notes.bars.lengths, return_inverse=True, return_counts=True)
    pairs = bars_of_kind * (bars_of_kind - 1) / 2
    if not pairs.sum():
        return 1.0
    counts = np.zeros((len(lengths), int(steps.max())))
    np.add.at(counts, (kind[bar], step), 1)
    steps_of_kind = np.zeros(len(lengths))
    steps_of_kind[kind] = steps
    differing = (counts * (bars_of_kind[:, None] - counts)).sum(axis=1) / steps_of_kind
    return float(1 - differing.sum() / pairs.sum())
