"""Chorales by J. S. Bach from music21's corpus, and the same with every voice's pitches in random order."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from symbolic_music.score.files import read_scores


@cache
def chorales(count=20):
    """The first so many, as the package reads them."""
    music21 = pytest.importorskip("music21", reason="music21 is not installed (pip extra 'test')")
    folder = Path(music21.__file__).parent / "corpus" / "bach"
    return [read_scores(path)[0] for path in sorted(folder.glob("bwv*.mxl"))[:count]]


def with_pitches_shuffled(score, seed=0):
    """The same rhythm and voices, each voice's pitches in random order."""
    shuffled, random = score.copy(), np.random.default_rng(seed)
    for track in shuffled.tracks:
        pitches = random.permutation([note.pitch for note in track.notes])
        for note, pitch in zip(track.notes, pitches, strict=True):
            note.pitch = int(pitch)
    return shuffled
