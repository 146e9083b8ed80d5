"""Metrics of pitch against values worked out by hand."""

import math

import pytest
from metrics.pieces import EMPTY, ONLY_DRUMS, melody, piece

from symbolic_music.metrics.features.pitch import pitch_class_entropy, pitch_range, scale_consistency


def test_pitch_range_leaves_out_drums():
    assert pitch_range(piece(melody(60, 72, 67), drums=[(0, 1, 20)])) == 12
    assert pitch_range(ONLY_DRUMS) == pitch_range(EMPTY) == 0


@pytest.mark.parametrize(
    ("pitches", "bits"),
    [((60, 72, 48), 0.0), ((60, 62), 1.0), ((60, 60, 62, 64), 1.5), (range(60, 72), math.log2(12))],
)
def test_pitch_class_entropy(pitches, bits):
    assert pitch_class_entropy(piece(melody(*pitches))) == pytest.approx(bits)


@pytest.mark.parametrize(
    ("pitches", "share"),
    [
        ((60, 62, 64, 65, 67, 69, 71), 1.0),
        ((60, 61, 62, 63), 3 / 4),  # C, D, E flat lie in C minor; no scale holds all four
        (range(60, 72), 7 / 12),
    ],
)
def test_scale_consistency(pitches, share):
    assert scale_consistency(piece(melody(*pitches))) == pytest.approx(share)


@pytest.mark.parametrize("score", [EMPTY, ONLY_DRUMS])
def test_without_pitches_there_is_no_entropy_and_no_scale(score):
    assert (pitch_class_entropy(score), scale_consistency(score)) == (0.0, 0.0)
    assert math.copysign(1, pitch_class_entropy(score)) == 1
