"""Beam sampling and minimum lengths under the grammar of every codec, with every family of models.

Beam sampling draws twice as many tokens as there are beams; a grammar often allows fewer. A minimum length masks the
end of a piece; a grammar may allow nothing but the end.
"""

from functools import cache

import pytest
import torch
from tiny_model import tiny_model, tiny_processor

from symbolic_music.events.voices.abc_notes import AbcNotesCodec, AbcNotesSettings
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.grammar_processor import GrammarError, GrammarLogitsProcessor
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.tokenization.build import build_word_level_tokenizer

# Few pitches and voices: a random model then reaches a bar line within the lengths asked for.
ABC_NOTES = AbcNotesSettings(lowest_pitch=60, highest_pitch=64, tempo_range=(118, 122), max_voices=3)
TRACK_TEXT = TrackTextSettings(lowest_pitch=60, highest_pitch=64, tempo_range=(118, 122), max_bars=8, max_tracks=2)
PROCESSORS = {
    "remi": tiny_processor,
    "abc-notes": cache(lambda: build_word_level_tokenizer(AbcNotesCodec(ABC_NOTES))),
    "track-text": cache(lambda: build_word_level_tokenizer(TrackTextCodec(TRACK_TEXT))),
}


def tiny_lstm(processor):
    torch.manual_seed(0)
    config = MusicLSTMConfig(vocab_size=len(processor.tokenizer), hidden_size=16, num_hidden_layers=1)
    return MusicLSTMForCausalLM(config).eval()


FAMILIES = {"music_transformer": tiny_model, "music_lstm": tiny_lstm}


@pytest.fixture(scope="module", params=[(codec, family) for codec in PROCESSORS for family in FAMILIES], ids="-".join)
def pair(request):
    codec, family = request.param
    processor = PROCESSORS[codec]()
    return FAMILIES[family](processor), processor


def generate(pair, max_length, num_bars=None, seed=0, prompts=1, **options):
    model, processor = pair
    tokenizer = processor.tokenizer
    ids = torch.full((prompts, 1), tokenizer.bos_token_id)
    torch.manual_seed(seed)
    return model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_length=max_length,
        logits_processor=[GrammarLogitsProcessor(processor.grammar(), max_length, num_bars)],
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **options,
    )


def shortest(processor):
    grammar = processor.grammar()
    states = grammar.advance(grammar.initial_state[None], [processor.tokenizer.bos_token_id])
    return 1 + int(grammar.to_end(states)[0])


def length_of(processor, ids):
    return ids.tolist().index(processor.tokenizer.eos_token_id) + 1


# --- Beam sampling ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_beams", "room"), [(2, 0), (2, 5), (4, 1), (3, 25)])
def test_every_sampled_beam_is_a_piece(pair, num_beams, room):
    _, processor = pair
    beams = {"do_sample": True, "num_beams": num_beams, "num_return_sequences": num_beams}
    output = generate(pair, shortest(processor) + room, prompts=2, **beams)
    assert len(output) == 2 * num_beams
    assert all(score.note_num() > 0 for score in processor.batch_decode(output))


def test_sampled_beams_end_with_the_bar_asked_for(pair):
    _, processor = pair
    output = generate(pair, 150, num_bars=2, do_sample=True, num_beams=2, renormalize_logits=True)
    assert processor.count_events(output[0])["bars"] == 2
    processor.batch_decode(output)


# --- Minimum lengths -------------------------------------------------------------------------------------------------

DECODINGS = {
    "greedy": {"do_sample": False, "min_length": 61},
    "sampling": {"do_sample": True, "num_return_sequences": 4, "top_k": 0, "min_new_tokens": 60},
    "beams": {"do_sample": False, "num_beams": 2, "min_length": 61},
    "sampled beams": {"do_sample": True, "num_beams": 2, "num_return_sequences": 2, "min_new_tokens": 60},
}


def attempt(*arguments, **options):
    """What was generated, or None and what was said instead."""
    try:
        return generate(*arguments, **options), None
    except GrammarError as error:
        return None, str(error)


@pytest.mark.parametrize("decoding", DECODINGS)
def test_pieces_go_on_to_the_minimum_or_the_contradiction_is_said(pair, decoding):
    _, processor = pair
    num_bars = 8 if processor.grammar().header_names_bars else None
    output, complaint = attempt(pair, 140, num_bars, **DECODINGS[decoding])
    if output is None:  # a header names so many bars, and they may all be short
        assert num_bars == 8
        assert "and a minimum length forbids its end: lower min_length or min_new_tokens" in complaint
        return
    assert all(length_of(processor, ids) >= 61 for ids in output)
    processor.batch_decode(output)


def test_a_minimum_just_below_the_limit_holds_back_the_closing(pair):
    """Closing begins a dozen tokens before the limit; with a minimum it waits."""
    _, processor = pair
    limit, reached = 70, 0
    for seed in range(4):
        output, complaint = attempt(pair, limit, seed=seed, do_sample=True, top_k=0, min_length=limit - 2)
        if output is None:
            assert "a minimum length forbids its end" in complaint
            continue
        assert limit - 2 <= length_of(processor, output[0]) <= limit
        processor.batch_decode(output)
        reached += 1
    assert reached or processor.grammar().header_names_bars


@pytest.mark.filterwarnings("ignore:Unfeasible length constraints")
def test_a_minimum_beyond_the_limit_is_refused_in_one_line():
    pair = FAMILIES["music_transformer"](PROCESSORS["remi"]()), PROCESSORS["remi"]()
    message = (
        r"^piece 0 is over after \d+ tokens \(no more fits under max_length \(40\)\), and a minimum length forbids "
        r"its end: lower min_length or min_new_tokens, or raise max_length$"
    )
    with pytest.raises(GrammarError, match=message):
        generate(pair, 40, do_sample=True, min_length=60)


def test_a_minimum_beyond_the_bars_asked_for_is_refused_in_one_line():
    pair = FAMILIES["music_transformer"](PROCESSORS["abc-notes"]()), PROCESSORS["abc-notes"]()
    with pytest.raises(GrammarError, match=r"^piece \d is over after \d+ tokens \(has its 1 bars\), and a minimum"):
        generate(pair, 2000, num_bars=1, do_sample=True, num_return_sequences=3, min_new_tokens=1500)


def test_other_processors_that_forbid_all_music_are_named(pair):
    _, processor = pair
    every = list(range(len(processor.tokenizer)))
    with pytest.raises(GrammarError, match=r"^piece 0: after 1 tokens, other logits processors forbid all"):
        generate(pair, 100, do_sample=True, suppress_tokens=every)


def test_the_last_bar_does_not_end_before_the_minimum(pair):
    """Probability of crossing the last bar line is given to ending there, but not where the end is masked."""
    _, processor = pair
    for seed in range(2):
        output, _ = attempt(pair, 100, num_bars=2, seed=seed, do_sample=True, top_k=0, min_length=25)
        if output is not None:
            assert length_of(processor, output[0]) >= 25
            assert processor.count_events(output[0])["bars"] == 2


def test_without_a_minimum_nothing_changes(pair):
    model, processor = pair
    for piece in compose(model, processor, 2, options=SamplingOptions(num_bars=2, max_length=120, seed=5)):
        assert piece.valid
