"""Metrics of which pitches a piece uses; drums are left out. None is better when higher."""

import numpy as np

from symbolic_music.metrics.features.notes import NoteTable, note_metric

MAJOR = (0, 2, 4, 5, 7, 9, 11)
NATURAL_MINOR = (0, 2, 3, 5, 7, 8, 10)
# Which pitch classes lie in each of the 24 scales, (24, 12).
_SCALES = np.array(
    [
        [(pitch_class - tonic) % 12 in scale for pitch_class in range(12)]
        for tonic in range(12)
        for scale in (MAJOR, NATURAL_MINOR)
    ]
)


@note_metric
def pitch_range(notes: NoteTable) -> float:
    """Semitones from the lowest to the highest note; 0.0 without notes. (MusPy's is -127 with drums alone.)"""
    pitches = notes.pitched.pitches
    return float(np.ptp(pitches)) if len(pitches) else 0.0


@note_metric
def pitch_class_entropy(notes: NoteTable) -> float:
    """Entropy in bits of how the notes are dealt to the twelve pitch classes, -sum p log2 p: 0 to log2 12.

    Wu & Yang, "The Jazz Transformer on the front line", ISMIR 2020, section 4.1, over the whole piece as in MusPy's
    `pitch_class_entropy`. 0.0 without notes, where MusPy has nan.
    """
    counts = _pitch_classes(notes)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return abs(float((shares * np.log2(shares)).sum()))  # the sum is not positive; abs gives 0.0 where - gives -0.0


@note_metric
def scale_consistency(notes: NoteTable) -> float:
    """Largest share of the notes that lies in one of the 24 major and natural-minor scales: 0 to 1.

    Mogren, "C-RNN-GAN", 2016, as in MusPy's `scale_consistency`. 0.0 without notes, where MusPy has nan.
    """
    counts = _pitch_classes(notes)
    return float((_SCALES @ counts).max() / max(counts.sum(), 1))


def _pitch_classes(notes: NoteTable) -> np.ndarray:
    return np.bincount(notes.pitched.pitches % 12, minlength=12)
