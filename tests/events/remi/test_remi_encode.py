"""Writer and reader give the very events and music that MidiTok gives, which knows no notes beyond its longest."""

import numpy as np
import pytest
from events.random_music import contents, event_tables, random_walks, scores, walk_weights
from hypothesis import given, settings
from miditok.classes import TokSequence

from symbolic_music.events.remi.codec import RemiCodec, RemiSettings
from symbolic_music.score.midi.io import read_midi

CODECS = {
    "first edition": RemiCodec(RemiSettings(long_meters=(), tempo_range=(40, 240), num_tempos=41, edition=1)),
    "now": RemiCodec(),
}


@pytest.fixture(params=CODECS)
def codec(request):
    return CODECS[request.param]


def miditok_events(codec, quantised) -> list[str]:
    return codec.midi_tokenizer.encode(quantised, encode_ids=False, no_preprocess_score=True).tokens


def without_holding_on(events) -> list[str]:
    """The events without further durations of a note."""
    return [
        event
        for before, event in zip(["", *events], events, strict=False)
        if not (before.startswith("Duration_") and event.startswith("Duration_"))
    ]


def shortened(codec, quantised):
    """A quantised Score whose longest notes end where MidiTok ends them."""
    longest = {unit: int(durations[-1]) for unit, durations in codec._grid.durations.items()}
    meters = [(meter.time, meter.denominator) for meter in quantised.time_signatures]
    for track in quantised.tracks:
        for note in track.notes:
            unit = [unit for time, unit in meters if time <= note.time][-1]
            note.duration = min(note.duration, longest[unit])
    return quantised


@settings(max_examples=50, deadline=None)
@given(score=scores())
@pytest.mark.parametrize("name", CODECS)
def test_random_scores(name, score):
    codec = CODECS[name]
    quantised = codec.quantise(score)
    events = codec.encode_quantised(quantised)
    assert without_holding_on(events) == miditok_events(codec, shortened(codec, quantised))


@pytest.mark.parametrize("folder", ["midi_multi", "midi_piano", "midi_satb", "midi_song"])
def test_real_files(codec, shared_data, folder):
    paths = sorted(shared_data(folder).rglob("*.mid"))
    for path in paths[:: len(paths) // 4]:
        quantised = codec.quantise(read_midi(path))
        events = without_holding_on(codec.encode_quantised(quantised))
        assert events == miditok_events(codec, shortened(codec, quantised)), path.name


@pytest.mark.parametrize("kind", ["by type", "crowded onsets", "empty bars"])
def test_walks_are_read_as_miditok_reads_them(codec, kind):
    grammar = codec.grammar()
    walks = random_walks(event_tables(grammar), np.random.default_rng(3), 10, 300, walk_weights(grammar.events)[kind])
    for walk in walks:
        events = [grammar.events[column] for column in walk[1:-1]]
        theirs = codec.midi_tokenizer._tokens_to_score(TokSequence(tokens=without_holding_on(events)))
        ours = codec.decode(without_holding_on(events))
        assert sorted(contents(ours)["tracks"]) == sorted(
            (program, drums, sorted(notes, key=lambda note: (note[0], note[2])))
            for program, drums, notes in contents(theirs)["tracks"]
        )
        assert contents(ours)["meters"] == contents(theirs)["meters"]
        assert contents(ours)["tempos"] == contents(theirs)["tempos"]
