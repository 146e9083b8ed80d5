"""How much of each beat a triad explains, by hand and beside chorales."""

import math

import numpy as np
import pytest
from chorales import chorales, with_pitches_shuffled
from hypothesis import given, settings
from metrics.pieces import EMPTY, NOTES, ONLY_DRUMS, SINGLE_NOTE, in_quarters, melody, piece

from symbolic_music.metrics.harmony.chord_tones import chord_tone_share


def chord(*pitches, at=0, lasting=1):
    return [(at, lasting, pitch) for pitch in pitches]


@pytest.mark.parametrize(
    ("pitches", "share"),
    [
        ((60, 64, 67), 1),  # major
        ((57, 72, 76), 1),  # minor, in open position
        ((59, 62, 65), 1),  # diminished
        ((60, 64, 68), 1),  # augmented
        ((60, 67), 1),
        ((60, 64, 67, 72), 1),  # a doubled root
        ((55, 59, 62, 65), 3 / 4),  # a seventh is one note more than a triad has
        ((60, 62), 1 / 2),  # no triad holds a second
        ((60, 62, 64), 2 / 3),
        ((60, 61, 62, 63, 64, 65), 2 / 6),  # a third, such as C-Eb, is all that any triad finds
        ((60, 65, 70), 2 / 3),
    ],
)
def test_one_beat(pitches, share):
    assert chord_tone_share(piece(chord(*pitches))) == pytest.approx(share)


def test_a_passing_note_weighs_as_long_as_it_sounds():
    # C and G for a beat; E for half of it, then F for the other half: 2.5 of 3 quarters are of C major.
    assert chord_tone_share(piece([(0, 1, 48), (0, 1, 55), (0, 0.5, 64), (0.5, 0.5, 65)])) == pytest.approx(2.5 / 3)


def test_every_beat_has_a_chord_of_its_own():
    assert chord_tone_share(piece(chord(60, 64, 67) + chord(61, 65, 68, at=1))) == 1
    # The same notes within one dotted beat of 6/8 are two chords in one: 1.5 of 4.5 eighths and 3 more of the other.
    score = piece(chord(60, 64, 67, lasting=0.5) + chord(61, 65, 68, at=0.5), meters=[(0, 6, 8)])
    assert chord_tone_share(score) == pytest.approx(2 / 3)


def test_a_note_held_over_several_beats_counts_in_each():
    # C sounds through two beats, first with E and G, then with D and F#: no triad has two of C, D and F# with... D-F#.
    score = piece([(0, 2, 60), (0, 1, 64), (0, 1, 67), (1, 1, 62), (1, 1, 66)])
    assert chord_tone_share(score) == pytest.approx((3 + 2) / 6)


def test_beats_with_one_voice_are_left_out():
    assert chord_tone_share(piece(chord(60, 62) + melody(61, 66, 71, start=1))) == 1 / 2


@pytest.mark.parametrize("score", [EMPTY, ONLY_DRUMS, SINGLE_NOTE, piece(melody(60, 62, 64, 65, 67))])
def test_a_single_line_has_no_chords(score):
    assert math.isnan(chord_tone_share(score))


def test_drums_are_left_out():
    assert chord_tone_share(piece(chord(60, 64), drums=chord(61, 62, 63))) == 1


TRIADS = [{(root + step) % 12 for step in steps} for root in range(12) for steps in ((0, 4, 7), (0, 3, 7), (0, 3, 6))]
TRIADS += [{(root + step) % 12 for step in (0, 4, 8)} for root in range(12)]


def by_hand(notes):
    """The definition once more, in loops; a beat is a quarter."""
    explained = total = 0.0
    for beat in range(int(max(onset + duration for onset, duration, _ in notes)) + 1):
        held = np.zeros(12)
        several = False
        for moment in np.arange(beat, beat + 1, 0.25):
            pitches = {pitch for onset, duration, pitch in notes if onset <= moment < onset + duration}
            several = several or len(pitches) > 1
            for pitch in pitches:
                held[pitch % 12] += 0.25
        if several:
            total += held.sum()
            explained += max(held[sorted(triad)].sum() for triad in TRIADS)
    return explained / total if total else math.nan


@settings(max_examples=60, deadline=None)
@given(notes=NOTES)
def test_any_notes_as_in_loops(notes):
    quarters = in_quarters(notes)
    assert chord_tone_share(piece(quarters)) == pytest.approx(by_hand(quarters), nan_ok=True)


def test_triads_explain_chorales_and_not_their_shuffled_pitches():
    human = np.array([chord_tone_share(score) for score in chorales()])
    shuffled = np.array([chord_tone_share(with_pitches_shuffled(score)) for score in chorales()])
    assert human.mean() > 0.85
    assert shuffled.mean() < 0.75
    assert (human > shuffled).all()
