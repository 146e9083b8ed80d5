"""The key of some music, by its pitch classes, without drums. Hears no modulation: one key for all it is given."""

from dataclasses import dataclass

import numpy as np

from symbolic_music.metrics.features.notes import NoteTable
from symbolic_music.metrics.features.pitch import MAJOR, NATURAL_MINOR

# How well each of the twelve notes above the tonic fits, Krumhansl & Kessler's ratings.
_MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_PROFILES = np.array([np.roll(profile, tonic) for profile in (_MAJOR_PROFILE, _MINOR_PROFILE) for tonic in range(12)])


@dataclass(frozen=True)
class Key:
    """A tonic and a mode.

    Attributes:
        tonic: pitch class, 0 is C.
        is_major: else minor.
    """

    tonic: int
    is_major: bool

    def __str__(self) -> str:
        return f"{_NAMES[self.tonic]} {'major' if self.is_major else 'minor'}"

    @property
    def scale(self) -> np.ndarray:
        """Which pitch classes belong to its major or natural minor scale, (12,) bool."""
        return np.isin((np.arange(12) - self.tonic) % 12, MAJOR if self.is_major else NATURAL_MINOR)


def pitch_class_ticks(notes: NoteTable) -> np.ndarray:
    """How long each pitch class sounds, in ticks: (12,) int64. Notes of one pitch that overlap count once."""
    starts, ends, pitches = notes.stretches
    return np.bincount(pitches % 12, ends - starts, minlength=12).astype(np.int64)


def find_key(notes: NoteTable) -> Key | None:
    """The key whose profile correlates best with how long each pitch class sounds; None when all sound as long.

    The Krumhansl-Schmuckler algorithm with the profiles of Krumhansl & Kessler 1982 (Krumhansl, "Cognitive Foundations
    of Musical Pitch", 1990, chapter 4).
    """
    ticks = pitch_class_ticks(notes)
    if np.ptp(ticks) == 0:
        return None
    # Pearson's r but for factors that all keys share: the profiles of a mode are each other's rotations.
    centred = _PROFILES - _PROFILES.mean(axis=1, keepdims=True)
    scores = centred @ (ticks - ticks.mean()) / np.linalg.norm(centred, axis=1)
    best = int(scores.argmax())
    return Key(best % 12, best < 12)


def share_in_key(notes: NoteTable, key: Key) -> float:
    """Share of what sounds, in time, whose pitch class is in the key's scale: 0 to 1; nan when nothing sounds."""
    ticks = pitch_class_ticks(notes)
    return float(ticks[key.scale].sum() / ticks.sum()) if ticks.any() else float("nan")
