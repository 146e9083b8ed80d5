"""Structure indicators: how well the best-repeated segment of some length explains a piece.

Wu & Yang, "The Jazz Transformer on the front line", ISMIR 2020, section 4.4 (MusDr's SI), take the largest fitness in
the scape plot of an audio recording's self-similarity matrix, where fitness is that of Müller, Jiang & Grosche, "A
robust fitness measure for capturing repetitions in music recordings", IEEE TASLP 21(3), 2013. Here the same fitness is
computed on **symbols**: a frame is a bar, not half a second of sound, so values are not to be set beside MusDr's own.
Repetitions of bars do not drift in tempo, so a path through the matrix is a diagonal.
"""

import math

import numpy as np

from symbolic_music.metrics.features.notes import NoteTable, note_metric
from symbolic_music.score.checks import seconds_at

MAX_BARS = 512
"""A longer piece is judged by this many bars from its beginning; the cost grows with the third power."""
ONSET_STEPS = 4
"""Steps per quarter note on which onsets of two bars are compared: sixteenth notes."""
ALIKE = 0.5
"""Bars of lower similarity than this are no repetition of each other."""
PENALTY = -2.0
"""What stands in the matrix for bars that are not alike (Müller et al. 2013; MusDr)."""
SHORT, MEDIUM, LONG = (3.0, 8.0), (8.0, 15.0), (15.0, math.inf)
"""Wu & Yang's ranges of lengths of segments, in seconds."""


def bar_similarities(notes: NoteTable, max_bars: int = MAX_BARS) -> np.ndarray:
    """How alike the bars are, for `fitness`: 1 on the diagonal, (bars, bars) float64.

    Similarity is Dice's, twice what two bars share over what they have together, where a bar has pairs of onset, in
    sixteenth notes, and pitch class; drums are left out. Below `ALIKE` it is `PENALTY`. Two empty bars are neither
    alike nor unlike: 0.
    """
    num_bars = min(len(notes.bars), max_bars)
    bar = notes.bar_of(notes.pitched)
    chosen = bar < num_bars
    onset = (notes.pitched.onsets - notes.bars.starts[bar]) * ONSET_STEPS // notes.ticks_per_quarter
    symbols, symbol = np.unique((onset * 12 + notes.pitched.pitches % 12)[chosen], return_inverse=True)
    has = np.zeros((num_bars, len(symbols)))
    has[bar[chosen], symbol] = 1
    sizes = has.sum(axis=1)
    together = sizes[:, None] + sizes
    similarities = 2 * (has @ has.T) / np.maximum(together, 1)
    similarities[(similarities < ALIKE) & (together > 0)] = PENALTY
    np.fill_diagonal(similarities, 1.0)
    return similarities


def fitness(similarities: np.ndarray, length: int) -> np.ndarray:
    """How well each segment of `length` frames, with its repetitions, explains the piece (Müller et al. 2013).

    A path family is a set of stretches that do not overlap, each as long as the segment and aligned with it frame by
    frame; the best has the largest sum of similarities. Its score over its frames and the share of the piece that it
    covers, both without what the segment trivially contributes by itself, are averaged harmonically.

    Args:
        similarities: at most 1, and 1 on the diagonal, (frames, frames).
        length: frames of a segment.

    Returns:
        By first frame of the segment, (frames - length + 1,): 0 where nothing is repeated, below 1.
    """
    frames = len(similarities)
    stretches = _stretch_scores(similarities, length)
    scores = np.zeros((frames + 1, stretches.shape[1]))  # of the best family within the first n frames
    paths = np.zeros_like(scores)
    for end in range(length, frames + 1):
        start = end - length
        added = scores[start] + stretches[start]
        better = added > scores[end - 1]
        scores[end] = np.where(better, added, scores[end - 1])
        paths[end] = np.where(better, paths[start] + 1, paths[end - 1])
    covered = paths[-1] * length
    score = (scores[-1] - length) / np.maximum(covered, 1)
    coverage = (covered - length) / frames
    found = (score > 0) & (coverage > 0)
    return np.where(found, 2 * score * coverage / np.where(found, score + coverage, 1), 0.0)


def _stretch_scores(similarities: np.ndarray, length: int) -> np.ndarray:
    """Sums of `length` similarities down the diagonal from each pair of frames, (frames - length + 1,) twice."""
    frames = len(similarities)
    diagonal_sums = np.zeros((frames + 1, frames + 1))
    for frame in range(frames):
        diagonal_sums[frame + 1, 1:] = diagonal_sums[frame, :-1] + similarities[frame]
    return diagonal_sums[length:, length:] - diagonal_sums[:-length, :-length]


@note_metric
def structure_indicator(notes: NoteTable, shortest: float, longest: float = math.inf) -> float:
    """Largest `fitness` of a segment of whole bars that lasts `shortest` to `longest` seconds: 0 to 1.

    0.0 where no segment of that length is repeated, or the piece has none. Segments longer than half of the piece
    cannot be repeated. A piece of more than `MAX_BARS` bars is judged by those.
    """
    num_bars = min(len(notes.bars), MAX_BARS)
    if num_bars < 2:
        return 0.0
    ends = notes.bars.starts[:num_bars] + notes.bars.lengths[:num_bars]
    times = seconds_at(notes.score, np.append(0, ends))
    similarities, best = None, 0.0
    for length in range(1, num_bars // 2 + 1):
        seconds = times[length:] - times[:-length]
        asked = (seconds >= shortest) & (seconds <= longest)
        if asked.any():
            similarities = bar_similarities(notes) if similarities is None else similarities
            best = max(best, float(fitness(similarities, length)[asked].max()))
    return best
