"""Metrics of repetition against values worked out by hand."""

import pytest
from metrics.pieces import EMPTY, ONLY_DRUMS, SINGLE_NOTE, band, melody, piece

from symbolic_music.metrics.features.repetition import ngram_repetition, repeated_bars


def test_repeated_bars_need_the_same_pitches_and_octaves():
    def bars(*tonics):
        return piece([(4 * bar + beat, 1, tonic + beat) for bar, tonic in enumerate(tonics) for beat in (0, 2)])

    assert repeated_bars(bars(60, 60, 60)) == pytest.approx(2 / 3)
    assert repeated_bars(bars(60, 62, 60, 62)) == pytest.approx(1 / 2)
    assert repeated_bars(bars(60, 72)) == 0
    assert repeated_bars(piece([(0, 1, 60), (8, 1, 60)])) == pytest.approx(1 / 2)  # the empty bar is none


def test_ngrams_are_of_intervals_and_times():
    # Steps +2 +2 +1 | +2 +2 +1: a phrase and the same a fourth higher; between them +2. Bigrams:
    # (2,2) (2,1) (1,2) (2,2) (2,2) (2,1), three different of six.
    phrase = melody(60, 62, 64, 65, 67, 69, 71, 72)
    assert ngram_repetition(piece(phrase), n=2) == pytest.approx(1 - 3 / 6)
    assert ngram_repetition(piece(phrase), n=3) == pytest.approx(1 - 4 / 5)
    assert ngram_repetition(piece(phrase), n=7) == 0


def test_time_tells_ngrams_apart_down_to_a_twelfth_of_a_quarter():
    assert ngram_repetition(piece([(0, 1, 60), (1, 1, 62), (3, 1, 64)]), n=1) == 0
    assert ngram_repetition(piece([(0, 1, 60), (1, 1, 62), (2.02, 1, 64)]), n=1) == pytest.approx(1 / 2)


def test_a_track_repeats_what_another_played():
    tune = melody(60, 64, 67)
    assert ngram_repetition(band([(0, False, tune), (40, False, melody(72, 76, 79, start=1))]), n=2) == 1 / 2
    assert ngram_repetition(band([(0, False, tune[:2]), (40, False, tune[2:])]), n=2) == 0


@pytest.mark.parametrize("score", [EMPTY, ONLY_DRUMS, SINGLE_NOTE])
def test_nothing_is_repeated_where_nothing_is_said_twice(score):
    assert repeated_bars(score) == ngram_repetition(score) == 0
