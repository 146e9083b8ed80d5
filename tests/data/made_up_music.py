"""Small made-up pieces."""

import numpy as np
from symusic.core import NoteTick, ScoreTick, TempoTick, TimeSignatureTick, TrackTick

TICKS_PER_QUARTER = 480


def melody_score(pitches, program=0, is_drum=False, quarters=0.5, tempo=120.0):
    """A Score of one track that plays the pitches one after the other."""
    step = int(quarters * TICKS_PER_QUARTER)
    score = ScoreTick(TICKS_PER_QUARTER)
    track = TrackTick("", program, is_drum)
    for index, pitch in enumerate(pitches):
        track.notes.append(NoteTick(index * step, step, int(pitch), 80))
    score.tracks.append(track)
    score.tempos.append(TempoTick(0, tempo))
    score.time_signatures.append(TimeSignatureTick(0, 4, 4))
    return score


def random_melody(seed, length=48):
    """Pitches of a random walk within three octaves."""
    steps = np.random.default_rng(seed).integers(-5, 6, length).cumsum()
    return 48 + np.abs(steps) % 36
