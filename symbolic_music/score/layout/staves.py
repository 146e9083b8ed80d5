"""Which staves and clefs a part is written on, and which hand plays each note of a keyboard.

Pitches are MIDI numbers. Knows nothing of rhythm or of files.
"""

from typing import NamedTuple

import numpy as np


class Clef(NamedTuple):
    """A clef: sign, the staff line it stands on from below, and octaves that it moves the staff (8 above: 1)."""

    sign: str
    line: int
    octave: int = 0


TREBLE, BASS, ALTO = Clef("G", 2), Clef("F", 4), Clef("C", 3)
TREBLE_8, BASS_8, TREBLE_UP = Clef("G", 2, -1), Clef("F", 4, -1), Clef("G", 2, 1)
PERCUSSION = Clef("percussion", 2)

# The middle line of each clef's staff as a MIDI pitch.
_MIDDLE = {BASS_8: 38, BASS: 50, TREBLE_8: 59, ALTO: 60, TREBLE: 71, TREBLE_UP: 83}
# General MIDI programs (from 0) whose players read another clef than their range would suggest.
_CLEFS_OF_PROGRAM: dict[int, tuple[Clef, ...]] = {
    9: (TREBLE_UP, TREBLE),  # glockenspiel
    41: (ALTO, TREBLE),  # viola
    43: (BASS_8, BASS),  # contrabass
    72: (TREBLE_UP, TREBLE),  # piccolo
    **dict.fromkeys(range(24, 32), (TREBLE_8, TREBLE)),  # guitars
    **dict.fromkeys(range(32, 40), (BASS_8, BASS)),  # basses
    **dict.fromkeys(range(52, 55), (TREBLE, TREBLE_8, BASS)),  # choirs: tenors sing from a treble clef an octave up
}
_USUAL_CLEFS = (TREBLE, BASS)
# Keyboards and harp; those and sounds of whole sections, which no single player's clef fits, may have two staves.
_KEYBOARDS = frozenset({*range(9), *range(16, 22), 46})
_TWO_STAFF_PROGRAMS = _KEYBOARDS | {12, *range(48, 53), *range(88, 104)}
_MIDDLE_C = 60
_ENOUGH = 0.08
"""The part of a track's notes that must lie on either side of the middle for a second staff to be worth while."""
_TENTH = 16
"""Semitones that a hand spans."""
_REACH = 5
"""Semitones below middle C (above it, for the left hand) that still lie well on a hand's own staff."""


def has_keyboard(program: int) -> bool:
    """Whether a General MIDI program (from 0) is played by two hands that read a staff each."""
    return program in _KEYBOARDS


def needs_two_staves(program: int, pitches: np.ndarray) -> bool:
    """Whether a track is written on two staves: an instrument that has them, with notes well on both sides.

    Args:
        program: General MIDI program from 0.
        pitches: (notes,) of the track.
    """
    if program not in _TWO_STAFF_PROGRAMS:
        return False
    low, high = (pitches < _MIDDLE_C - _REACH).mean(), (pitches > _MIDDLE_C + _REACH).mean()
    return bool(min(low, high) > _ENOUGH)


def choose_clef(pitches: np.ndarray, program: int | None = None) -> Clef:
    """The clef, of those usual for the program, whose middle line lies nearest to the notes.

    Args:
        pitches: (notes,) of a staff; treble where there are none.
        program: General MIDI program from 0; None for the staves of a keyboard.
    """
    clefs = _USUAL_CLEFS if program is None else _CLEFS_OF_PROGRAM.get(program, _USUAL_CLEFS)
    if not len(pitches):
        return TREBLE
    # What lies more than a staff's height from the middle line costs most, for it needs ledger lines.
    costs = [np.square(np.maximum(np.abs(pitches - _MIDDLE[clef]) - 7.0, 0)).mean() for clef in clefs]
    nearness = [abs(float(pitches.mean()) - _MIDDLE[clef]) / 100 for clef in clefs]
    return min(zip(costs, nearness, clefs, strict=True), key=lambda choice: choice[0] + choice[1])[2]


def split_hands(onsets: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """The staff of each note of a keyboard, 0 for the upper and 1 for the lower, (notes,) int64.

    At every onset the notes are cut in two where the hands stretch least, stay near to where they were, and keep to
    their own staves.

    Args:
        onsets: (notes,) in any unit, in order.
        pitches: (notes,) MIDI numbers.
    """
    staves = np.zeros(len(onsets), dtype=np.int64)
    right, left = 72.0, 48.0
    edges = np.flatnonzero(np.diff(onsets, prepend=onsets[:1] - 1)).tolist()
    for first, end in zip(edges, [*edges[1:], len(onsets)], strict=True):
        order = np.argsort(pitches[first:end], kind="stable")
        chord = pitches[first:end][order].tolist()
        cut = min(range(len(chord) + 1), key=lambda place: _split_cost(chord, place, right, left))
        staves[first + order[:cut]] = 1
        if cut < len(chord):
            right = 0.7 * right + 0.3 * sum(chord[cut:]) / (len(chord) - cut)
        if cut:
            left = 0.7 * left + 0.3 * sum(chord[:cut]) / cut
    return staves


def _split_cost(chord: list[int], cut: int, right: float, left: float) -> float:
    """How badly a chord, from the lowest note up, lies with its first `cut` notes in the left hand."""
    low, high = chord[:cut], chord[cut:]
    cost = 0.0
    for hand, place in ((low, left), (high, right)):
        if hand:
            cost += abs(sum(hand) / len(hand) - place) / 6 + 2 * max(hand[-1] - hand[0] - _TENTH, 0)
    cost += sum(max(_MIDDLE_C - _REACH - pitch, 0) for pitch in high) / 2
    cost += sum(max(pitch - _MIDDLE_C - _REACH, 0) for pitch in low) / 2
    return cost + 0.3 * (sum(pitch < _MIDDLE_C for pitch in high) + sum(pitch >= _MIDDLE_C for pitch in low))
