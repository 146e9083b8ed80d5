"""Statistics of pieces, to set generated music beside human music. None has a better direction.

What counts is the distance to held-out human pieces (Yang & Lerch, "On the evaluation of generative models in music",
2020), so there are tables with bootstrap intervals: `describe_pieces` of one set, `compare_pieces` of two.

A statistic that says nothing of a piece is nan there (a single line has no harmony). Its figures are of the other
pieces, which each table counts; one that too few pieces have is left out of a table, and `left_out` names it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.metrics.distances import FEWEST_HUMAN, overlap
from symbolic_music.metrics.features import pitch, repetition, rhythm, structure, texture
from symbolic_music.metrics.features.notes import NoteTable
from symbolic_music.metrics.harmony import chord_tones
from symbolic_music.metrics.harmony import intervals as harmonic_intervals
from symbolic_music.metrics.intervals import RESAMPLES, bootstrap_draws, mean_with_interval, percentile_interval

Statistic = Callable[[NoteTable], float]

NOTE_STATISTICS: dict[str, Statistic] = {
    "notes per bar": rhythm.notes_per_bar.of_notes,
    "notes per second": rhythm.notes_per_second.of_notes,
    "pitch range (semitones)": pitch.pitch_range.of_notes,
    "pitch-class entropy (bits)": pitch.pitch_class_entropy.of_notes,
    "scale consistency": pitch.scale_consistency.of_notes,
    "polyphony": texture.polyphony.of_notes,
    "polyphony rate": texture.polyphony_rate.of_notes,
    "strong-beat dissonance": harmonic_intervals.strong_beat_dissonance.of_notes,
    "chord-tone share": chord_tones.chord_tone_share.of_notes,
    "rest share": texture.rest_share.of_notes,
    "empty-beat rate": texture.empty_beat_rate.of_notes,
    "groove consistency": rhythm.groove_consistency.of_notes,
    "grooving similarity": rhythm.grooving_similarity.of_notes,
    "repeated bars": repetition.repeated_bars.of_notes,
    "repeated 4-grams": repetition.ngram_repetition.of_notes,
}
"""Statistics that cost a pass over the notes; hundreds of pieces a second."""

STRUCTURE_STATISTICS: dict[str, Statistic] = {
    "structure, 3-8 s": partial(structure.structure_indicator.of_notes, shortest=3.0, longest=8.0),
    "structure, 8-15 s": partial(structure.structure_indicator.of_notes, shortest=8.0, longest=15.0),
    "structure, 15 s on": partial(structure.structure_indicator.of_notes, shortest=15.0),
}
"""Statistics that compare all bars with each other; a fraction of a second for a long piece."""

STATISTICS = NOTE_STATISTICS | STRUCTURE_STATISTICS


def measure_piece(score: Score, statistics: Mapping[str, Statistic] = STATISTICS) -> dict[str, float]:
    """Every statistic of one piece, by name."""
    notes = NoteTable(score)
    return {name: statistic(notes) for name, statistic in statistics.items()}


def measure_pieces(
    scores: Iterable[Score],
    statistics: Mapping[str, Statistic] = STATISTICS,
    on_piece: Callable[[int], Any] | None = None,
) -> dict[str, np.ndarray]:
    """Every statistic of every piece.

    Args:
        scores: any number; one after the other is held.
        statistics: by name.
        on_piece: called with 1 after each piece.

    Returns:
        By statistic, (pieces,) float64; nan where a statistic says nothing of a piece.

    Raises:
        ValueError: when there is no piece.
    """
    rows = []
    for score in scores:
        rows.append(list(measure_piece(score, statistics).values()))
        if on_piece is not None:
            on_piece(1)
    if not rows:
        raise ValueError("no pieces to describe")
    return dict(zip(statistics, np.array(rows).T, strict=True))


def describe_pieces(
    scores: Iterable[Score],
    seed: int = 0,
    resamples: int = RESAMPLES,
    on_piece: Callable[[int], Any] | None = None,
) -> dict[str, dict[str, float]]:
    """Mean of every statistic over pieces with a 95% bootstrap interval over pieces.

    Args:
        scores: the pieces.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        on_piece: called with 1 after each piece.

    Returns:
        By statistic: `mean`, `low`, `high`, and the number of `pieces` that have it. One that none has is left out.

    Raises:
        ValueError: when there is no piece.
    """
    measured = measure_pieces(scores, STATISTICS, on_piece)
    told = {name: values[np.isfinite(values)] for name, values in measured.items()}
    return {
        name: mean_with_interval(values, bootstrap_draws(len(values), resamples, seed))
        for name, values in told.items()
        if len(values)
    }


def compare_pieces(
    sampled: Iterable[Score],
    human: Iterable[Score],
    seed: int = 0,
    resamples: int = RESAMPLES,
    on_piece: Callable[[int], Any] | None = None,
) -> dict[str, dict[str, dict[str, float]]]:
    """How far sampled pieces lie from held-out human ones in every statistic, with 95% bootstrap intervals.

    Args:
        sampled: the pieces to judge.
        human: the reference, three pieces or more.
        seed: of the bootstrap over the pieces of both sets.
        resamples: of the bootstrap of means and distances; see `metrics.distances` for the overlap's.
        on_piece: called with 1 after each piece of either set.

    Returns:
        By statistic: `sampled` and `human` as `describe_pieces` has them; `distance`; `overlapping_area` and
        `kl_divergence` (see `metrics.distances.overlap`). The last three hold `value`, `low`, `high`. A statistic that
        no sampled piece has, or fewer than three human ones, is left out.

    Raises:
        ValueError: without a sampled piece or with fewer than three human ones.
    """
    ours, theirs = (measure_pieces(scores, STATISTICS, on_piece) for scores in (sampled, human))
    return compare_measured(ours, theirs, seed, resamples)


def compare_measured(
    sampled: Mapping[str, np.ndarray], human: Mapping[str, np.ndarray], seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, dict[str, dict[str, float]]]:
    """What `compare_pieces` gives, of pieces that `measure_pieces` has measured with the same statistics."""
    missing = left_out(sampled, human)
    return {
        name: compare_values(values, human[name], seed, resamples)
        for name, values in sampled.items()
        if name not in missing
    }


def left_out(sampled: Mapping[str, np.ndarray], human: Mapping[str, np.ndarray]) -> dict[str, dict[str, int]]:
    """The statistics that too few pieces have for a comparison: how many `sampled` and `human` pieces have each.

    Sets that are too small as a whole are not the statistic's fault; comparing them is an error.
    """
    having = {
        name: {"sampled": int(np.isfinite(values).sum()), "human": int(np.isfinite(human[name]).sum())}
        for name, values in sampled.items()
    }
    return {
        name: counts
        for name, counts in having.items()
        if counts["sampled"] < min(1, len(sampled[name])) or counts["human"] < min(FEWEST_HUMAN, len(human[name]))
    }


def compare_values(
    sampled: np.ndarray, human: np.ndarray, seed: int = 0, resamples: int = RESAMPLES
) -> dict[str, dict[str, float]]:
    """One statistic of two sets of pieces, (pieces,) each, as `compare_pieces` has it; pieces with nan are no part."""
    sampled, human = sampled[np.isfinite(sampled)], human[np.isfinite(human)]
    overlapping = overlap(sampled, human, seed)  # refuses sets that are too small
    drawn_sampled = bootstrap_draws(len(sampled), resamples, seed)
    drawn_human = bootstrap_draws(len(human), resamples, seed + 1)
    return {
        "sampled": mean_with_interval(sampled, drawn_sampled),
        "human": mean_with_interval(human, drawn_human),
        "distance": _distance(sampled, human, drawn_sampled, drawn_human),
        **overlapping,
    }


def _distance(
    sampled: np.ndarray, human: np.ndarray, drawn_sampled: np.ndarray, drawn_human: np.ndarray
) -> dict[str, float]:
    """How many standard deviations of the human pieces the sampled mean lies above the human mean (Glass's delta).

    The sign tells the direction; 0 is best. Where the human pieces do not vary there is no such scale, and the
    difference stands as it is.
    """
    scale = float(human.std(ddof=1)) or 1.0
    resampled = (sampled[drawn_sampled].mean(axis=1) - human[drawn_human].mean(axis=1)) / scale
    return {"value": float((sampled.mean() - human.mean()) / scale), **percentile_interval(resampled)}
