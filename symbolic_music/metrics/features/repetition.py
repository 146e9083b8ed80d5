"""Metrics of what a piece says again, note for note; drums are left out. None is better when higher."""

from itertools import pairwise

import numpy as np

from symbolic_music.metrics.features.notes import NoteTable, note_metric

INTER_ONSET_STEPS = 12
"""Steps per quarter note on which inter-onset times are compared: sixteenths and triplets of eighths are exact."""


@note_metric
def repeated_bars(notes: NoteTable) -> float:
    """Share of the bars with notes that repeat an earlier bar exactly (onsets and pitches, octaves counted): 0 to 1.

    0.0 without notes.
    """
    pitched = notes.pitched
    bar = notes.bar_of(pitched)
    within = pitched.onsets - notes.bars.starts[bar]
    content = np.stack([within, pitched.pitches], axis=1).astype(np.int32)
    edges = np.flatnonzero(np.diff(bar, prepend=-1, append=-2))
    bars = [content[start:end].tobytes() for start, end in pairwise(edges)]
    return 1 - len(set(bars)) / len(bars) if bars else 0.0


@note_metric
def ngram_repetition(notes: NoteTable, n: int = 4) -> float:
    """Share of the n-grams of a piece that occurred before in it, 1 - different / all: 0 to 1.

    The measure is Welleck et al.'s seq-rep-n ("Neural text generation with unlikelihood training", ICLR 2020), the
    symbols are pairs of pitch interval and inter-onset time (linked viewpoints; Conklin & Witten, "Multiple viewpoint
    systems for music prediction", 1995), so that a phrase moved in pitch or time is the same phrase. A track is a
    sequence of notes by onset and pitch; the notes of a chord are 0 apart in time. 0.0 where no track has n + 1 notes.

    Args:
        notes: of a Score.
        n: steps from note to note in an n-gram.
    """
    pitched = notes.pitched[np.argsort(notes.pitched.tracks, kind="stable")]
    # Times are rounded before they are subtracted, so that what is uneven within a step does not add up.
    times = (2 * pitched.onsets * INTER_ONSET_STEPS + notes.ticks_per_quarter) // (2 * notes.ticks_per_quarter)
    steps = np.diff(times) * 256 + np.diff(pitched.pitches)
    _, symbols = np.unique(steps, return_inverse=True)
    within = pitched.tracks[n:] == pitched.tracks[:-n]
    grams = symbols
    for behind in range(1, n):
        keys = grams[:-1] * len(symbols) + symbols[behind:]
        _, grams = np.unique(keys, return_inverse=True)
    grams = grams[within]
    return 1 - len(np.unique(grams)) / len(grams) if len(grams) else 0.0
