"""Small pieces for the queue's tests: two instruments and drums."""

import numpy as np
from symusic.core import KeySignatureTick, NoteTick, ScoreTick, TempoTick, TimeSignatureTick, TrackTick


def small_pieces(count: int) -> list[ScoreTick]:
    """Pieces of four bars of 4/4, each another; the first reach near the keyboard's end."""
    return [_piece(np.random.default_rng(number), 125 if number < 2 else 72) for number in range(count)]


def _piece(rng: np.random.Generator, highest: int) -> ScoreTick:
    score = ScoreTick(480)
    score.tempos.append(TempoTick(0, 120.0))
    score.time_signatures.append(TimeSignatureTick(0, 4, 4))
    # Without one, codecs choose the key that fits best, which is another one where two fit alike.
    score.key_signatures.append(KeySignatureTick(0, 1, 0))
    for program, is_drum, low, high in ((0, False, 60, highest), (40, False, 48, 60), (0, True, 35, 46)):
        track = TrackTick("", program, is_drum)
        for beat in range(16):
            pitch = int(rng.integers(low, high + 1))
            track.notes.append(NoteTick(beat * 480, 480, pitch, 80))
        score.tracks.append(track)
    return score
