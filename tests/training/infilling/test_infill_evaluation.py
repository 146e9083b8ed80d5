"""What counts as untouched."""

import pytest
from score.scores import scale
from symusic.core import NoteTick, TempoTick, TrackTick

from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.training.infilling.evaluation import is_untouched

CODEC = TrackTextCodec()


@pytest.fixture
def scores():
    before = scale(bars=4)
    before.tracks.append(TrackTick("", 40, False))
    before.tracks[1].notes.append(NoteTick(0, 480, 70, 80))
    return before, before.copy()


def test_bars_that_were_asked_for_may_change(scores):
    before, after = scores
    after.tracks[0].notes[5].pitch = 90
    assert is_untouched(CODEC, before, after, (1, 2), [0])
    assert not is_untouched(CODEC, before, after, (1, 2), [1])
    assert not is_untouched(CODEC, before, after, (2, 3), [0])


@pytest.mark.parametrize("value", ["time", "duration", "velocity"])
def test_no_note_outside_them_may(scores, value):
    before, after = scores
    note = after.tracks[0].notes[1]
    setattr(note, value, getattr(note, value) + 1)
    assert not is_untouched(CODEC, before, after, (1, 2), [0])


def test_nor_anything_else(scores):
    before, after = scores
    after.tempos = [TempoTick(0, 99)]
    assert not is_untouched(CODEC, before, after, (1, 2), [0])
    assert not is_untouched(CODEC, before, scale(bars=4), (1, 2), [0])
