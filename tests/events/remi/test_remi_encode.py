"""The vectorised writer gives the very events that MidiTok gives for the same quantised Score."""

import pytest
from hypothesis import given, settings

from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.score.midi.io import read_midi
from tests.events.random_music import scores

CODEC = RemiCodec()


def miditok_events(quantised) -> list[str]:
    return CODEC.midi_tokenizer.encode(quantised, encode_ids=False, no_preprocess_score=True).tokens


@settings(max_examples=50, deadline=None)
@given(scores())
def test_random_scores(score):
    quantised = CODEC.quantise(score)
    assert CODEC.encode_quantised(quantised) == miditok_events(quantised)


@pytest.mark.parametrize("folder", ["midi_multi", "midi_piano", "midi_satb", "midi_song"])
def test_real_files(shared_data, folder):
    paths = sorted(shared_data(folder).rglob("*.mid"))
    for path in paths[:: len(paths) // 4]:
        quantised = CODEC.quantise(read_midi(path))
        assert CODEC.encode_quantised(quantised) == miditok_events(quantised), path.name
