"""Metrics of what sounds together against values worked out by hand."""

import pytest
from metrics.pieces import EMPTY, ONLY_DRUMS, SINGLE_NOTE, band, melody, piece

from symbolic_music.metrics.features.texture import empty_beat_rate, polyphony, polyphony_rate, rest_share


def test_polyphony_is_a_mean_over_sounding_time():
    assert polyphony(piece(melody(60, 62))) == 1
    assert polyphony(piece([(0, 2, 60), (1, 2, 64)])) == pytest.approx((1 + 2 + 1) / 3)
    assert polyphony(piece([(0, 1, 60), (0, 1, 64), (5, 1, 67)])) == pytest.approx(3 / 2)  # silence aside


def test_a_pitch_counts_once_however_many_play_it():
    unison = [(0, 2, 60), (1, 3, 60)]
    assert polyphony(piece(unison)) == 1
    assert polyphony(band([(0, False, unison), (40, False, [(0, 4, 60), (0, 4, 72)])])) == 2


def test_polyphony_rate_is_a_share_of_all_time():
    # Quarters: one pitch, three, two, none, one.
    score = piece([(0, 3, 60), (1, 2, 64), (1, 1, 67), (4, 1, 60)])
    assert polyphony_rate(score) == pytest.approx(2 / 5)
    assert polyphony_rate(score, at_least=3) == pytest.approx(1 / 5)
    assert polyphony_rate(score, at_least=1) == pytest.approx(4 / 5)
    assert polyphony_rate(piece([(0, 1, 60), (0, 1, 64)], drums=[(3, 1, 36)])) == pytest.approx(1 / 4)


def test_rests_are_where_nothing_sounds():
    assert rest_share(piece(melody(60, 62))) == 0
    assert rest_share(piece([(1, 1, 60), (3, 2, 64), (4, 1, 67)])) == pytest.approx(2 / 5)
    assert rest_share(piece([(0, 1, 60)], drums=[(1, 1, 36), (3, 1, 36)])) == pytest.approx(1 / 4)


def test_empty_beats_and_muspys():
    score = piece([(0, 1, 60), (3, 1, 62)])  # beats 1 and 4 of four
    assert empty_beat_rate(score) == pytest.approx(2 / 4)
    # MusPy: the first note counts for beats 1 and 2, the second for 4 and for a fifth, which it adds.
    assert empty_beat_rate(score, as_muspy=True) == pytest.approx(1 / 5)
    assert empty_beat_rate(piece([(0.5, 1, 60)], drums=[(3.25, 0.25, 36)])) == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    ("score", "values"),
    [(EMPTY, (0, 0, 1, 1)), (ONLY_DRUMS, (0, 0, 1 / 3, 1 / 3)), (SINGLE_NOTE, (1, 0, 0, 0))],
)
def test_degenerate_pieces(score, values):
    found = [metric(score) for metric in (polyphony, polyphony_rate, rest_share, empty_beat_rate)]
    assert found == pytest.approx(values)


def test_a_note_without_length_sounds_nothing_and_spoils_nothing():
    score = piece([(0, 1, 60), (0, 0, 64), (2, 0, 60)])
    assert (polyphony(score), polyphony_rate(score), rest_share(score)) == (1, 0, 1 / 2)
    assert empty_beat_rate(score) == pytest.approx(1 / 3)
    nothing = piece([(0, 0, 60)])
    assert (polyphony(nothing), polyphony_rate(nothing), rest_share(nothing)) == (0, 0, 1)
