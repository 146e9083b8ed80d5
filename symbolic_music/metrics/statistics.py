"""Statistics of single Scores, to set generated music beside human music. Pure functions; none has a better direction.

What counts is the distance to held-out human pieces (Yang & Lerch, "On the evaluation of generative models in music",
2020), so `describe_pieces` gives means with bootstrap intervals for both sides of such a table.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.score.bars import Bars, bar_table
from symbolic_music.score.checks import play_seconds

MAJOR = (0, 2, 4, 5, 7, 9, 11)
NATURAL_MINOR = (0, 2, 3, 5, 7, 8, 10)
ONSET_BINS_PER_QUARTER = 4


def pitched_notes(score: Score) -> dict[str, np.ndarray]:
    """Onsets, durations (ticks) and pitches of all notes that are not drums, by onset and pitch; each (notes,) int."""
    arrays = [track.notes.numpy() for track in score.tracks if not track.is_drum]
    notes = {
        name: np.concatenate([array[name] for array in arrays] or [np.zeros(0, dtype=np.int32)])
        for name in ("time", "duration", "pitch")
    }
    order = np.lexsort((notes["pitch"], notes["time"]))
    return {name: values[order] for name, values in notes.items()}


def notes_per_bar(score: Score) -> float:
    """Notes of all tracks divided by bars."""
    return score.note_num() / len(bar_table(score))


def notes_per_second(score: Score) -> float:
    """Notes of all tracks divided by playing time."""
    return score.note_num() / play_seconds(score)


def pitch_range(score: Score) -> float:
    """Semitones from the lowest to the highest note, drums left out."""
    pitches = pitched_notes(score)["pitch"]
    return float(np.ptp(pitches)) if len(pitches) else 0.0


def pitch_class_entropy(score: Score) -> float:
    """Entropy of the twelve pitch classes in bits (MusPy)."""
    counts = np.bincount(pitched_notes(score)["pitch"] % 12, minlength=12)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum())


def scale_consistency(score: Score) -> float:
    """Largest share of notes that lie in one of the 24 major and natural-minor scales (MusPy)."""
    counts = np.bincount(pitched_notes(score)["pitch"] % 12, minlength=12)
    scales = [[(tonic + step) % 12 for step in steps] for tonic in range(12) for steps in (MAJOR, NATURAL_MINOR)]
    return float(max(counts[scale].sum() for scale in scales) / max(counts.sum(), 1))


def polyphony(score: Score) -> float:
    """Mean number of pitches that sound together, over the time in which any sounds (MusPy)."""
    notes = pitched_notes(score)
    if not len(notes["time"]):
        return 0.0
    ends = notes["time"] + notes["duration"]
    changes = np.unique(np.concatenate([notes["time"], ends]))
    begun = np.searchsorted(np.sort(notes["time"]), changes[:-1], side="right")
    ended = np.searchsorted(np.sort(ends), changes[:-1], side="right")
    sounding, lengths = begun - ended, np.diff(changes)
    return float((sounding * lengths).sum() / max(lengths[sounding > 0].sum(), 1))


def groove_consistency(score: Score) -> float:
    """One minus the mean Hamming distance of the onset vectors of adjacent bars of one length.

    MusPy's measure without its empty last bar (muspy#73), on sixteenth notes; 1.0 for a piece of a single bar.
    """
    onsets = _bar_onsets(score)
    similarities = [float((a == b).mean()) for a, b in pairwise(onsets) if len(a) == len(b)]
    return float(np.mean(similarities)) if similarities else 1.0


def repeated_bars(score: Score) -> float:
    """Share of the bars with notes that repeat an earlier bar exactly (onsets and pitches, octaves counted)."""
    bars = [bar for bar in _bar_contents(score) if bar]
    seen: set[bytes] = set()
    repeats = 0
    for bar in bars:
        repeats += bar in seen
        seen.add(bar)
    return repeats / len(bars) if bars else 0.0


def _bars_of_notes(score: Score) -> tuple[Bars, dict[str, np.ndarray], np.ndarray]:
    bars, notes = bar_table(score), pitched_notes(score)
    return bars, notes, np.searchsorted(bars.starts, notes["time"], side="right") - 1


def _bar_onsets(score: Score) -> list[np.ndarray]:
    """For each bar, which sixteenth notes begin a note: (sixteenths,) bool."""
    bars, notes, bar_of_note = _bars_of_notes(score)
    step = max(score.ticks_per_quarter // ONSET_BINS_PER_QUARTER, 1)
    vectors = [np.zeros(max(int(length) // step, 1), dtype=bool) for length in bars.lengths]
    for bar, time in zip(bar_of_note, notes["time"], strict=True):
        vectors[bar][min((time - bars.starts[bar]) // step, len(vectors[bar]) - 1)] = True
    return vectors


def _bar_contents(score: Score) -> list[bytes]:
    """For each bar, its onsets within the bar and pitches as bytes."""
    bars, notes, bar_of_note = _bars_of_notes(score)
    within = notes["time"] - bars.starts[bar_of_note]
    pairs = np.stack([within, notes["pitch"]], axis=1).astype(np.int32)
    return [pairs[bar_of_note == bar].tobytes() for bar in range(len(bars))]


STATISTICS: dict[str, Callable[[Score], float]] = {
    "notes per bar": notes_per_bar,
    "notes per second": notes_per_second,
    "pitch range (semitones)": pitch_range,
    "pitch-class entropy (bits)": pitch_class_entropy,
    "scale consistency": scale_consistency,
    "polyphony": polyphony,
    "groove consistency": groove_consistency,
    "repeated bars": repeated_bars,
}


def describe_pieces(scores: Sequence[Score], seed: int = 0, resamples: int = 1000) -> dict[str, dict[str, float]]:
    """Mean of every statistic over pieces with a 95% bootstrap interval over pieces.

    Returns:
        By statistic: `mean`, `low`, `high`.

    Raises:
        ValueError: when there is no piece.
    """
    if not scores:
        raise ValueError("no pieces to describe")
    draws = np.random.default_rng(seed).integers(len(scores), size=(resamples, len(scores)))
    table = {}
    for name, statistic in STATISTICS.items():
        values = np.array([statistic(score) for score in scores])
        low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
        table[name] = {"mean": float(values.mean()), "low": float(low), "high": float(high)}
    return table
