"""More pieces from one: transposed and faster or slower copies, for the training split only.

Knows Scores and the name of a split; knows nothing of ids or blocks.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from zlib import crc32

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.score.transforms.edit import scale_tempo, transpose

logger = logging.getLogger(__name__)

TRAIN_SPLIT = "train"
_OCTAVE = 12


class AugmentationError(ValueError):
    """Augmentation where there must be none, or with values that make no sense; one line for the user."""


@dataclass(frozen=True)
class Augmentation:
    """Which copies of a training piece are made: one for each pair of a transposition and a tempo factor.

    Args:
        transpositions: semitones; 0 is the piece as it is.
        tempo_factors: 1.0 is the piece as it is, 2.0 twice as fast.
        pitch_range: lowest and highest pitch that a transposed copy may reach, such as those of the corpus. A copy
            that does not fit is moved by an octave, and left out if that does not fit either.
        most_copies: how many of a piece's copies are made, drawn at random by what the piece is; None makes all. In a
            large corpus every key then comes up, and no piece is read a dozen times before another is read at all.

    Raises:
        AugmentationError: for no copy at all, one asked for twice, a factor that is not positive, or an empty range.
    """

    transpositions: tuple[int, ...] = (0,)
    tempo_factors: tuple[float, ...] = (1.0,)
    pitch_range: tuple[int, int] = (0, 127)
    most_copies: int | None = None

    def __post_init__(self) -> None:
        for name in ("transpositions", "tempo_factors"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise AugmentationError(f"expected {name} to be distinct and at least one, got {list(values)}")
        if min(self.tempo_factors) <= 0:
            raise AugmentationError(f"expected tempo factors above 0, got {list(self.tempo_factors)}")
        if self.most_copies is not None and self.most_copies < 1:
            raise AugmentationError(f"expected at least one copy of each piece, got {self.most_copies}")
        low, high = self.pitch_range
        if not 0 <= low <= high <= 127:
            raise AugmentationError(f"expected a pitch range within 0 and 127, got {low} to {high}")

    @property
    def changes_nothing(self) -> bool:
        """Whether every piece is only kept as it is."""
        return self.transpositions == (0,) and self.tempo_factors == (1.0,)


def check_may_augment(split_name: str | None, augmentation: Augmentation) -> None:
    """Check that only training music is augmented: transposed test pieces are other test pieces.

    Args:
        split_name: as `datasets` names it, `train` or `train[:10%]`; None when the pieces come from no split.
        augmentation: what is to be done to it.

    Raises:
        AugmentationError: for any other split.
    """
    if augmentation.changes_nothing:
        return
    if split_name is None:
        logger.warning("augmenting pieces of no named split; make sure that they are for training")
    elif split_name.partition("[")[0] != TRAIN_SPLIT:
        raise AugmentationError(
            f"only the split {TRAIN_SPLIT!r} may be augmented, got {split_name!r} with transpositions "
            f"{list(augmentation.transpositions)} and tempo factors {list(augmentation.tempo_factors)}"
        )


def augmented_copies(score: Score, augmentation: Augmentation) -> Iterator[Score]:
    """The copies of a Score, as many as fit the range, in the order of the transpositions, then tempo factors."""
    shifts = fitting_transpositions(score, augmentation.transpositions, augmentation.pitch_range)
    copies = list(product(shifts, augmentation.tempo_factors))
    if augmentation.most_copies is not None and len(copies) > augmentation.most_copies:
        drawn = _random_of(score).choice(len(copies), augmentation.most_copies, replace=False)
        copies = [copies[index] for index in sorted(drawn.tolist())]
    for semitones, factor in copies:
        copy = transpose(score, semitones) if semitones else score
        yield scale_tempo(copy, factor) if factor != 1.0 else copy


def _random_of(score: Score) -> np.random.Generator:
    """Random numbers that depend on what the piece is alone, not on its place in the corpus."""
    notes = [track.notes.numpy() for track in score.tracks if len(track.notes)]
    return np.random.default_rng([len(notes), *(crc32(part[name]) for part in notes for name in ("time", "pitch"))])


def fitting_transpositions(score: Score, wanted: Sequence[int], pitch_range: tuple[int, int]) -> list[int]:
    """The wanted transpositions as far as they fit, each moved by an octave where it does not and that one is free.

    0 always fits: the piece as it is needs no permission.
    """
    pitches = [track.notes.numpy()["pitch"] for track in score.tracks if len(track.notes) and not track.is_drum]
    if not pitches:
        return [0] if 0 in wanted else []
    low = pitch_range[0] - min(int(values.min()) for values in pitches)
    high = pitch_range[1] - max(int(values.max()) for values in pitches)
    found = [semitones for semitones in wanted if semitones == 0 or low <= semitones <= high]
    for semitones in wanted:
        folded = semitones - _OCTAVE if semitones > 0 else semitones + _OCTAVE
        if semitones not in found and folded not in found and low <= folded <= high:
            found.append(folded)
    return found
