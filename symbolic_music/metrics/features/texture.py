"""Metrics of how much sounds together, and of silence. None is better when higher."""

import numpy as np

from symbolic_music.metrics.features.notes import NoteTable, note_metric, sounding_ticks


@note_metric
def polyphony(notes: NoteTable) -> float:
    """Mean number of different pitches that sound together, over the time in which any sounds; drums are left out.

    As MusPy's `polyphony`. 0.0 without notes, where MusPy has nan.
    """
    lengths, pitches = notes.sounding
    return float((pitches * lengths).sum() / max(lengths[pitches > 0].sum(), 1))


@note_metric
def polyphony_rate(notes: NoteTable, at_least: int = 2) -> float:
    """Share of the time, from the beginning to the end of the last note, in which several pitches sound: 0 to 1.

    Dong et al., "MuseGAN", AAAI 2018 ("polyphonicity"). Drums are left out, but the time goes on while they play. 0.0
    without notes, where MusPy has nan.

    Args:
        notes: of a Score.
        at_least: how many pitches are several. MusPy's `polyphony_rate(threshold)` counts more than `threshold`, so
            its default of 2 is `at_least=3`.
    """
    lengths, pitches = notes.sounding
    return float(lengths[pitches >= at_least].sum() / max(notes.end, 1))


@note_metric
def rest_share(notes: NoteTable) -> float:
    """Share of the time, from the beginning to the end of the last note, in which nothing sounds: 0 to 1.

    Time is counted in quarter notes, so that tempo changes nothing; drums sound as long as they are written. For the
    rests that a codec writes see `metrics.rests`. 1.0 without notes: all is silence.
    """
    return 1.0 - sounding_ticks(notes.all) / max(notes.end, 1)


@note_metric
def empty_beat_rate(notes: NoteTable, as_muspy: bool = False) -> float:
    """Share of the beats, from the beginning to the end of the last note, in which no note sounds: 0 to 1.

    Dong et al., "Pypianoroll", ISMIR late-breaking 2018. A beat is a quarter note; drums count. 1.0 without notes.

    Args:
        notes: of a Score.
        as_muspy: MusPy's `empty_beat_rate` to the last digit: a note that ends where a beat begins counts for that
            beat too, and a beat is added behind a piece that ends with a beat.
    """
    beat, onsets, ends = notes.ticks_per_quarter, notes.all.onsets, notes.all.ends
    last = ends // beat if as_muspy else np.maximum(ends - 1, onsets) // beat
    beats = int(last.max(initial=-1)) + 1
    changes = np.bincount(onsets // beat, minlength=beats + 1) - np.bincount(last + 1, minlength=beats + 1)
    return 1.0 - float(np.count_nonzero(changes[:beats].cumsum()) / max(beats, 1))
