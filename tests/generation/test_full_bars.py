"""A bar that is full: what the model wanted instead of its end goes to the end, and not to ever more pitches."""

import pytest
import torch

from symbolic_music.events.voices.abc_notes import AbcNotesCodec
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.grammar_processor import GrammarLogitsProcessor
from symbolic_music.tokenization.build import build_word_level_tokenizer

TRACK_TEXT = (
    "Tempo_120 Meter_4/4 Key_C Bars_2 Instrument_0 Tracks_None Track_1 Instrument_0 Bar_None Note_C4:h Note_D4:h"
)


@pytest.fixture(scope="module")
def processor():
    return build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_bars=4, max_tracks=3)))


def after(processor, text, said):
    """What the grammar makes of what a model says behind some events: probabilities by event."""
    ids = {
        name: number
        for number, name in enumerate(processor.tokenizer.convert_ids_to_tokens(range(len(processor.tokenizer))))
    }
    prompt = [processor.tokenizer.bos_token_id, *processor.encode_events(text.split(), add_bos=False, add_eos=False)]
    scores = torch.full((1, len(processor.tokenizer)), -30.0)
    for name, probability in said.items():
        scores[0, ids[name]] = torch.tensor(probability).log()
    found = GrammarLogitsProcessor(processor.grammar())(torch.tensor([prompt]), scores).softmax(dim=1)[0]
    return {name: float(found[ids[name]]) for name in said}


def test_a_full_bar_ends_where_the_model_wanted_more_notes(processor):
    """Masking alone would leave 0.02 and 0.03: a tower of pitches in three cases of five."""
    found = after(processor, TRACK_TEXT, {"Note_E4:q": 0.94, "Rest_q": 0.01, "Bar_last": 0.02, "With_F4": 0.03})
    assert found == pytest.approx({"Note_E4:q": 0, "Rest_q": 0, "Bar_last": 0.97, "With_F4": 0.03}, abs=1e-3)


def test_an_open_bar_goes_on_where_the_model_wanted_its_end(processor):
    text = TRACK_TEXT.rpartition(" ")[0]  # half a bar
    found = after(processor, text, {"Note_E4:q": 0.02, "Rest_h": 0.02, "Bar_last": 0.94, "With_F4": 0.02})
    assert found == pytest.approx({"Note_E4:q": 0.49, "Rest_h": 0.49, "Bar_last": 0, "With_F4": 0.02}, abs=1e-3)


def test_pitches_below_are_no_reason_for_those_above(processor):
    found = after(processor, TRACK_TEXT, {"With_C4": 0.6, "With_F4": 0.1, "Bar_last": 0.3})
    assert found == pytest.approx({"With_C4": 0, "With_F4": 0.1, "Bar_last": 0.9}, abs=1e-3)


def test_where_nothing_is_forbidden_nothing_changes(processor):
    said = {"Bar_last": 0.7, "With_F4": 0.2, "With_G4": 0.1}
    assert after(processor, TRACK_TEXT, said) == pytest.approx(said, abs=1e-3)


def test_chords_of_abc_likewise():
    codec = AbcNotesCodec()
    processor = build_word_level_tokenizer(codec)
    assert any(event.startswith("With_") for event in codec.events)
    grammar = GrammarLogitsProcessor(processor.grammar())
    scores = torch.randn(2, len(processor.tokenizer))
    masked = grammar(torch.full((2, 1), processor.tokenizer.bos_token_id), scores)
    assert masked.softmax(dim=1).sum(dim=1).tolist() == pytest.approx([1.0, 1.0])
