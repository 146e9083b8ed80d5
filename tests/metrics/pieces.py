"""Small pieces to measure by hand, and random ones."""

from hypothesis import strategies as st
from symusic.core import NoteTick, ScoreTick, TempoTick, TimeSignatureTick, TrackTick

QUARTER = 480


def piece(notes, drums=(), meters=((0, 4, 4),), tempo=120.0):
    """Notes and drums as (onset, duration, pitch) in quarters."""
    return band([(0, False, notes), (0, True, drums)], meters, tempo)


def band(tracks, meters=((0, 4, 4),), tempo=120.0):
    """Tracks as (program, whether drums, notes)."""
    score = ScoreTick(QUARTER)
    for program, is_drum, content in tracks:
        track = TrackTick("", program, is_drum)
        for onset, duration, pitch in content:
            track.notes.append(NoteTick(int(onset * QUARTER), int(duration * QUARTER), pitch, 80))
        score.tracks.append(track)
    score.tempos.append(TempoTick(0, tempo))
    for onset, numerator, denominator in meters:
        score.time_signatures.append(TimeSignatureTick(int(onset * QUARTER), numerator, denominator))
    return score


def melody(*pitches, start=0):
    """Quarter notes one after the other."""
    return [(start + beat, 1, pitch) for beat, pitch in enumerate(pitches)]


EMPTY = piece([])
ONLY_DRUMS = piece([], drums=[(0, 1, 36), (2, 1, 90)])
SINGLE_NOTE = piece([(0, 1, 60)])

NOTES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 8), st.integers(40, 80)), min_size=1, max_size=30)
"""Notes as (onset, duration, pitch) in sixteenths."""


def in_quarters(sixteenths):
    return [(onset / 4, duration / 4, pitch) for onset, duration, pitch in sixteenths]
