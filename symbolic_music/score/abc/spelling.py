"""Pitches as ABC writes them: key signatures, spelling by key, and which notes need an accidental.

A pitch is spelled by its place on the line of fifths (F C G D A E B, then the sharps): in a key with k sharps the
twelve pitch classes are those from k - 3 to k + 8, that is E flat to G sharp in C major. Knows nothing of durations.
"""

import numpy as np
from symusic.core import ScoreTick as Score

MAX_FIFTHS = 7
NATURALS = (0, 2, 4, 5, 7, 9, 11)
"""Semitones of C D E F G A B."""
_LETTERS = "CDEFGAB"
_LETTER_OF_FIFTH = (3, 0, 4, 1, 5, 2, 6)  # F C G D A E B
_MINOR_SHIFT = 3  # A minor has no sharps, and A lies three fifths above C
ACCIDENTALS = ("", "__", "_", "=", "^", "^^")
"""By code: none, then alteration + 3."""
# B sharp below C of the lowest octave and C flat above the highest: one octave of room on either side.
_LOWEST_OCTAVE, _OCTAVES = -1, 13
STEPS = 7 * _OCTAVES
"""Staff steps, counted from the C below the lowest pitch."""


def key_text(fifths: int, minor: bool) -> str:
    """The tonic and mode of a key signature with `fifths` sharps (flats where negative): "G", "Em", "Bb"."""
    place = fifths + (_MINOR_SHIFT if minor else 0)
    turns, letter = divmod(place + 1, 7)
    return _LETTERS[_LETTER_OF_FIFTH[letter]] + ("#" * turns if turns > 0 else "b" * -turns) + ("m" if minor else "")


def _spell(fifths: int, pitch: int) -> tuple[int, int]:
    """Staff step and alteration in semitones of a pitch in a key."""
    place = next(place for place in range(fifths - 3, fifths + 9) if (7 * place - pitch) % 12 == 0)
    alteration, letter = divmod(place + 1, 7)
    step = _LETTER_OF_FIFTH[letter]
    octave = (pitch - alteration - NATURALS[step]) // 12
    return 7 * (octave - _LOWEST_OCTAVE) + step, alteration


def octave_text(note: str, octave: int) -> str:
    """A note named by a capital, in an octave: C of octave 5 is middle C, c the one above; , and ' go further."""
    return note + "," * (5 - octave) if octave <= 5 else note.lower() + "'" * (octave - 6)


def _step_text(step: int) -> str:
    return octave_text(_LETTERS[step % 7], step // 7 + _LOWEST_OCTAVE)


def _key_alterations(fifths: int) -> list[int]:
    """The alteration that the key signature gives each of C D E F G A B."""
    alterations = [0] * 7
    for number in range(abs(fifths)):
        letter = _LETTER_OF_FIFTH[number if fifths > 0 else 6 - number]
        alterations[letter] += 1 if fifths > 0 else -1
    return alterations


_SPELLED = np.array([[_spell(fifths, pitch) for pitch in range(128)] for fifths in range(-MAX_FIFTHS, MAX_FIFTHS + 1)])
SPELLED_STEPS = _SPELLED[..., 0]
"""Staff step of each pitch in each key, (keys, 128); row 0 has seven flats."""
SPELLED_ALTERATIONS = _SPELLED[..., 1]
"""Semitones by which the spelled pitch is raised above its letter, (keys, 128)."""
KEY_ALTERATIONS = np.array([_key_alterations(fifths) for fifths in range(-MAX_FIFTHS, MAX_FIFTHS + 1)])
"""What the key signature does to each letter, (keys, 7)."""
_LOWEST_SAFE_STEP = 7 * (1 - _LOWEST_OCTAVE)
NOTE_TEXTS = np.array([mark + _step_text(step) for mark in ACCIDENTALS for step in range(STEPS)], dtype=object)
"""Text of a note by accidental code * STEPS + staff step."""
_IN_KEY = np.array([[(pitch * 7 - fifths + 1) % 12 < 7 for pitch in range(12)] for fifths in range(-5, 7)])


def keys_in_force(score: Score) -> list[tuple[int, int, bool]]:
    """Each key signature as (tick, sharps, minor), in order; one that is no key is passed over.

    A Score without any gets the major key, of five flats to six sharps, with the fewest notes outside it.
    """
    written: dict[int, tuple[int, bool]] = {}
    for key in sorted(score.key_signatures, key=lambda key: key.time):
        if -MAX_FIFTHS <= key.key <= MAX_FIFTHS:
            written[max(key.time, 0)] = (key.key, bool(key.tonality))
    if not written:
        return [(0, estimate_key(score), False)]
    return [(tick, *key) for tick, key in written.items()]


def estimate_key(score: Score) -> int:
    """Sharps of the major key with the fewest notes outside it; of several the one with the fewest accidentals."""
    pitches = [track.notes.numpy()["pitch"] for track in score.tracks if len(track.notes) and not track.is_drum]
    if not pitches:
        return 0
    histogram = np.bincount(np.concatenate(pitches) % 12, minlength=12)
    inside = _IN_KEY @ histogram
    return min(range(-5, 7), key=lambda fifths: (-inside[fifths + 5], abs(fifths), -fifths))


def note_codes(pitches: np.ndarray, keys: np.ndarray, bars: np.ndarray, written_keys: np.ndarray) -> np.ndarray:
    """Which of `NOTE_TEXTS` each note is.

    ABC 2.1 (section 4.2) lets an accidental hold to the end of the bar for its letter in every octave, abc2midi and
    older programs differ on the octaves, and music21 by default lets it hold for one note. A note bears an accidental
    wherever one of these readings would need it, so all of them read the same pitch.

    Args:
        pitches: (notes,) 0 to 127, in the order in which they are written.
        keys: (notes,) sharps of the key signature in force.
        bars: (notes,) a number for each bar of each voice.
        written_keys: sharps of every key signature in the piece.

    Returns:
        (notes,) int64.
    """
    rows = keys + MAX_FIFTHS
    steps, alterations = SPELLED_STEPS[rows, pitches], SPELLED_ALTERATIONS[rows, pitches]
    # In the lowest octave abc2midi applies the key signature to the wrong letters.
    shown = steps < _LOWEST_SAFE_STEP
    # music21 reads a voice in the last key of the one before, so where a piece modulates no key goes without saying.
    for key in np.unique(written_keys).tolist():
        shown |= alterations != KEY_ALTERATIONS[key + MAX_FIFTHS, steps % 7]
    # Only a bar that holds an accidental can hold one to take back.
    altered = np.zeros(int(bars.max(initial=0)) + 1, dtype=bool)
    altered[bars[shown]] = True
    (within,) = np.nonzero(altered[bars])
    if len(within):
        bar, step, alteration = bars[within], steps[within], alterations[within]
        changed = _differs_from_last(bar * 7 + step % 7, alteration) | _differs_from_last(
            bar * STEPS + step, alteration
        )
        shown[within] |= changed
    return np.where(shown, alterations + 3, 0) * STEPS + steps


def _differs_from_last(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Whether a value differs from the last one before it in its group; False for the first."""
    order = np.argsort(groups, kind="stable")
    groups, values = groups[order], values[order]
    differs = np.zeros(len(order), dtype=bool)
    differs[order[1:]] = (groups[1:] == groups[:-1]) & (values[1:] != values[:-1])
    return differs
