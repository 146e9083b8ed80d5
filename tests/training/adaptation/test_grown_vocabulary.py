"""A text model that is given rows for music: its own stay, the new begin near their words and are trained."""

import pytest
import torch
from text_tokenizers import TOKENIZERS
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.tokenization.text import add_music_tokens, describe_event, encode_words
from symbolic_music.training.adaptation.lora import ADAPTER_FOLDER, add_adapter, save_adapted
from symbolic_music.training.adaptation.vocabulary import grow_vocabulary
from symbolic_music.training.arguments import TrainingError

SETTINGS = TrackTextSettings(lowest_pitch=60, highest_pitch=64, tempo_range=(118, 122), max_bars=2, max_tracks=2)
LLAMA = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2}
CONFIGS = {
    "gpt2": lambda words: GPT2Config(vocab_size=words, n_embd=32, n_layer=1, n_head=2, n_positions=128),
    "llama, tied": lambda words: LlamaConfig(vocab_size=words, tie_word_embeddings=True, **LLAMA),
    "llama, untied, more rows than words": lambda words: LlamaConfig(
        vocab_size=words + 7, tie_word_embeddings=False, **LLAMA
    ),
}


@pytest.fixture(params=CONFIGS)
def pair(request):
    """A text model with random weights, and a processor over its tokenizer and music."""
    torch.manual_seed(0)
    tokenizer = TOKENIZERS["byte level"]()
    model = AutoModelForCausalLM.from_config(CONFIGS[request.param](len(tokenizer))).eval()
    return model, add_music_tokens(tokenizer, TrackTextCodec(SETTINGS))


def test_words_keep_their_rows_and_music_begins_near_its_words(pair):
    model, processor = pair
    model.generation_config.update(temperature=0.2, top_p=0.5, repetition_penalty=1.5)
    old = model.get_input_embeddings().weight.detach().clone()
    music = grow_vocabulary(model, processor)
    assert len(music) == len(processor.codec.events) + 3
    for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
        assert layer.weight.shape[0] >= len(processor.tokenizer)
        assert torch.isfinite(layer.weight).all()
    new = model.get_input_embeddings().weight.detach()
    assert torch.equal(new[: music[0]], old[: music[0]])
    event = "Note_C4:q"
    [row] = processor.encode_events([event], add_bos=False, add_eos=False)
    mean = old[encode_words(processor, describe_event(processor.codec, event))].mean(dim=0)
    assert torch.nn.functional.cosine_similarity(new[row], mean, dim=0) > 0.8
    assert model.config.eos_token_id == processor.tokenizer.eos_token_id
    own = model.generation_config
    assert (own.temperature, own.top_p, own.repetition_penalty) == (None, None, None)
    assert own.eos_token_id == processor.tokenizer.eos_token_id
    assert len({tuple(row.tolist()) for row in new[music]}) == len(music)


def test_rows_of_music_are_trained_and_those_of_words_are_not(pair):
    model, processor = pair
    music = grow_vocabulary(model, processor)
    words = model.get_input_embeddings().weight[: music[0]].detach().clone()
    grown = model.get_input_embeddings().weight[music].detach().clone()
    adapted = add_adapter(model, rank=2, trained_rows=music).train()
    ids = torch.tensor([[*encode_words(processor, "a tune"), *music[:20]]])
    optimizer = torch.optim.SGD([p for p in adapted.parameters() if p.requires_grad], lr=1.0)
    torch.nn.functional.cross_entropy(adapted(input_ids=ids).logits[0, :-1], ids[0, 1:]).backward()
    optimizer.step()
    table = adapted.merge_and_unload().get_input_embeddings().weight.detach()
    assert torch.equal(table[: music[0]], words)
    assert not torch.allclose(table[music], grown, atol=1e-4)


def test_saved_reloaded_and_merged_it_is_the_same_model(pair, tmp_path):
    from peft import AutoPeftModelForCausalLM

    model, processor = pair
    model.save_pretrained(tmp_path / "base")
    music = grow_vocabulary(model, processor)
    adapted = add_adapter(model, rank=2, trained_rows=music).eval()
    torch.manual_seed(1)
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    ids = torch.tensor([music[:30]])
    with torch.no_grad():
        expected = adapted(input_ids=ids).logits
        save_adapted(adapted, processor, tmp_path / "out", str(tmp_path / "base"))
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
        assert torch.allclose(merged(input_ids=ids).logits, expected, atol=1e-5)
        adapter = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "out" / ADAPTER_FOLDER).eval()
        assert torch.allclose(adapter(input_ids=ids).logits[..., music], expected[..., music], atol=1e-5)


def test_a_model_with_fewer_rows_than_words_is_refused(pair):
    _, processor = pair
    small = AutoModelForCausalLM.from_config(CONFIGS["gpt2"](20))
    with pytest.raises(TrainingError, match=r"has 20 rows and its tokenizer \d+ words"):
        grow_vocabulary(small, processor)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ("Note_C#4:e.", " note C#4 eighth dotted"),
        ("With_E4", " chord note E4"),
        ("Rest_q", " rest quarter"),
        ("Tempo_120", " tempo 120"),
        ("Instrument_40", " instrument Violin"),
        ("Instrument_drums", " instrument Drums"),
        ("Tracks_None", " tracks"),
        ("Bar_last", " bar last"),
    ],
)
def test_events_are_described_in_words(event, words):
    assert describe_event(TrackTextCodec(), event) == words
