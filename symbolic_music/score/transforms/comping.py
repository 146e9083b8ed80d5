"""Chord symbols made to sound: a plain piano accompaniment, for those who want the harmony as notes.

Each chord is struck where its symbol stands and again at every bar line, and held until the next of either; "no chord"
is silent. The bass note, that of the symbol, lies from E2 to D#3; above it, every note of the chord once, in close
position from G3 upwards. Knows nothing of styles, and nothing of what the other tracks play.
"""

from collections.abc import Sequence
from itertools import pairwise

from symusic.core import NoteTick, TrackTick
from symusic.core import ScoreTick as Score

from symbolic_music.score.bars import bar_table, last_note_end
from symbolic_music.score.chords import ChordSymbol, chord_pitch_classes

COMPING_TRACK = "Chords"
LOWEST_BASS = 40
"""E2, the lowest string of a guitar."""
LOWEST_CHORD_NOTE = 55
"""G3: close positions below it sound muddy."""
_VELOCITY = 60
_PIANO = 0


def with_comping(score: Score, chords: Sequence[ChordSymbol]) -> Score:
    """The Score with one more track that plays its chord symbols; the Score itself, where it has none to play."""
    track = comping_track(score, chords)
    if not len(track.notes):
        return score
    played = score.copy()
    played.tracks.append(track)
    return played


def comping_track(score: Score, chords: Sequence[ChordSymbol]) -> TrackTick:
    """The track that plays chord symbols up to the end of the Score's last note.

    Args:
        score: gives ticks, bars and end.
        chords: in rising order, onsets in quarter notes from tick 0.

    Raises:
        ValueError: a symbol that is not in its normal form.
    """
    track = TrackTick(COMPING_TRACK, _PIANO, False)
    end, bar_starts = last_note_end(score), bar_table(score).starts
    onsets = [round(chord.onset * score.ticks_per_quarter) for chord in chords]
    for chord, start, stop in zip(chords, onsets, [*onsets, end][1:], strict=True):
        pitches = voicing(chord.text)
        inside = bar_starts[(bar_starts > start) & (bar_starts < min(stop, end))]
        strikes = [start, *inside.tolist(), min(stop, end)]
        for struck, released in pairwise(strikes):
            if released > struck:
                for pitch in pitches:
                    track.notes.append(NoteTick(struck, released - struck, pitch, _VELOCITY))
    return track


def voicing(symbol: str) -> tuple[int, ...]:
    """The MIDI pitches of a chord symbol in its normal form, bass first; () for no chord."""
    with_bass = chord_pitch_classes(symbol)
    # A bass that is no note of the chord is not doubled above.
    chord = chord_pitch_classes(symbol.partition("/")[0])
    bass = [LOWEST_BASS + (pitch_class - LOWEST_BASS) % 12 for pitch_class in with_bass[:1]]
    return (*bass, *sorted(LOWEST_CHORD_NOTE + (pitch_class - LOWEST_CHORD_NOTE) % 12 for pitch_class in chord))
