"""Chord tones: how much of what sounds in a beat one triad explains. Neither more nor less of it is better.

Names no chord that a listener would hear: for that, more must be known than the notes of one beat.
"""

import numpy as np

from symbolic_music.metrics.features.notes import NoteTable, note_metric
from symbolic_music.metrics.harmony.beats import beat_edges
from symbolic_music.score.chords import QUALITIES

_TRIADS = [QUALITIES[quality] for quality in ("", "m", "dim", "aug")]
# Which pitch classes each of the 48 triads has, (48, 12).
_CHORDS = np.array(
    [[(pitch_class - root) % 12 in triad for pitch_class in range(12)] for triad in _TRIADS for root in range(12)],
    dtype=np.int64,
)


@note_metric
def chord_tone_share(notes: NoteTable) -> float:
    """Share of what sounds that belongs to the best triad of its beat: 0 to 1.

    The chord of a beat is that of the 48 major, minor, diminished and augmented triads which covers most of the beat's
    sound; of a seventh chord the three notes that sound longest are covered. The share is that of chord tones in chord
    tones and all others, n_c / (n_c + n_n) in Yeh et al., "Automatic melody harmonization with triad chords", Journal
    of New Music Research 50, 2021 (chord tone to non-chord tone ratio), without their n_p, which lets others pass when
    a step follows. They are given the chords and count the notes of a melody; here the best chord is taken, as Pardo &
    Birmingham, "Algorithms for chordal analysis", Computer Music Journal 26, 2002, label a segment by its best
    template, and time is counted: every pitch as long as it sounds within the beat.

    Drums are left out, and beats in which no two pitches sound together: a triad explains any single note. nan without
    such a beat.
    """
    edges = beat_edges(notes.bars, notes.ticks_per_quarter)
    starts, ends, pitches = notes.stretches
    stretch, beat, ticks = _overlaps(starts, ends, edges)
    sounding = np.zeros((max(len(edges) - 1, 0), 12), dtype=np.int64)
    np.add.at(sounding, (beat, pitches[stretch] % 12), ticks)
    sounding = sounding[_beats_with_several(notes, edges)]
    total = int(sounding.sum())
    return int((sounding @ _CHORDS.T).max(axis=1).sum()) / total if total else float("nan")


def _beats_with_several(notes: NoteTable, edges: np.ndarray) -> np.ndarray:
    """The numbers of the beats in which, at some time, several pitches sound together."""
    lengths, pitches = notes.sounding
    ends = notes.pitched.onsets[:1].sum() + np.cumsum(lengths)
    several = pitches > 1
    return np.unique(_overlaps((ends - lengths)[several], ends[several], edges)[1])


def _overlaps(starts: np.ndarray, ends: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every overlap of a stretch of time with a window between two edges.

    Args:
        starts: of the stretches, within the edges.
        ends: of the stretches, likewise.
        edges: sorted; window k lies between edges k and k + 1.

    Returns:
        The number of the stretch, the number of the window and the length, (overlaps,) each.
    """
    first = np.searchsorted(edges, starts, side="right") - 1
    counts = np.maximum(np.searchsorted(edges, ends) - first, 0)
    stretch = np.repeat(np.arange(len(starts)), counts)
    window = first[stretch] + np.arange(len(stretch)) - np.repeat(np.cumsum(counts) - counts, counts)
    return stretch, window, np.minimum(ends[stretch], edges[window + 1]) - np.maximum(starts[stretch], edges[window])
