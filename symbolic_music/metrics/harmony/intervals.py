"""Dissonance: which intervals sound on strong beats. Neither more nor less of it is better.

Reads pitches and no spelling: an augmented second is the minor third that it sounds like. Expects Scores on a codec's
grid; in a performance, notes that are held a little over the next beat would sound against it.
"""

import numpy as np

from symbolic_music.metrics.features.notes import NoteTable, note_metric
from symbolic_music.metrics.harmony.beats import strong_beats

DISSONANCES = (1, 2, 6, 10, 11)
"""Semitones within an octave that are dissonant between any two voices: seconds, sevenths and the tritone."""
FOURTH = 5
"""Dissonant above the bass, consonant between upper voices."""
_IS_DISSONANT = np.isin(np.arange(12), DISSONANCES)


@note_metric
def strong_beat_dissonance(notes: NoteTable) -> float:
    """Share of the intervals sounding on strong beats that are dissonant: 0 to 1.

    On each strong beat (see `harmony.beats.strong_beats`) the interval of every two different pitches that sound
    counts once, held notes included, however many instruments play them; octaves are consonances. Dissonant are
    seconds, sevenths, tritones and their compounds, and the fourth and its compounds above the lowest pitch that
    sounds: the classes of strict counterpoint (Fux, "Gradus ad Parnassum", 1725; Jeppesen, "Counterpoint", 1939).
    Where it lets a fourth be consonant if a third or fifth stands below, that is what "above the lowest pitch" says.
    Drums are left out. nan where no two pitches sound together on a strong beat: there is nothing to judge.
    """
    heard = notes.sounding_at(strong_beats(notes.bars, notes.ticks_per_quarter))
    dissonant = intervals = 0
    beat, pitch = np.nonzero(heard)  # by beat, and from the lowest pitch up
    is_bass = np.diff(beat, prepend=-1) > 0
    for step in range(1, int(heard.sum(axis=1).max(initial=0))):
        together = beat[step:] == beat[:-step]
        interval = (pitch[step:] - pitch[:-step])[together] % 12
        over_bass = is_bass[:-step][together]
        intervals += len(interval)
        dissonant += int(np.count_nonzero(_IS_DISSONANT[interval] | (over_bass & (interval == FOURTH))))
    return dissonant / intervals if intervals else float("nan")
