"""A step in ONNX Runtime gives a model's own logits, for every family, wherever each sequence is."""

import numpy as np
import pytest
import torch
from transformers import BartConfig, GPT2Config, GPT2LMHeadModel, MBartConfig
from transformers import BartForConditionalGeneration as Bart
from transformers import MBartForConditionalGeneration as MBart

from symbolic_music.generation.engine.decoder import Decoder
from symbolic_music.generation.engine.graphs.families import step_graph
from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip extra 'fast')")
pytest.importorskip("onnx", reason="onnx is not installed (pip extra 'fast')")

VOCABULARY = 90


def transformer(**changes):
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 700}
    return MusicTransformerForCausalLM(MusicTransformerConfig(vocab_size=VOCABULARY, dropout=0.0, **(sizes | changes)))


def lstm(**changes):
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "embedding_size": 16, "max_position_embeddings": 700}
    return MusicLSTMForCausalLM(MusicLSTMConfig(vocab_size=VOCABULARY, **(sizes | changes)))


def gpt2(**changes):
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 700}
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **(sizes | changes)))


MODELS = {
    "rotary": lambda: transformer(position_encoding="rotary"),
    "sinusoidal": lambda: transformer(position_encoding="sinusoidal"),
    "learned": lambda: transformer(position_encoding="learned"),
    "untied": lambda: transformer(tie_word_embeddings=False),
    "lstm": lstm,
    "lstm of one width": lambda: lstm(embedding_size=24, num_hidden_layers=3),
    "lstm untied": lambda: lstm(tie_word_embeddings=False),
    "gpt2": gpt2,
    "gpt2 untied": lambda: gpt2(tie_word_embeddings=False, activation_function="gelu"),
}


def bart(of=Bart, config=BartConfig, **changes):
    sizes = {"d_model": 32, "max_position_embeddings": 700, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    sizes |= {"encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 2}
    sizes |= {"encoder_ffn_dim": 48, "decoder_ffn_dim": 64}
    return of(config(vocab_size=VOCABULARY, **(sizes | changes)))


ENCODER_DECODERS = {
    "bart": bart,
    "bart untied": lambda: bart(tie_word_embeddings=False, scale_embedding=True),
    "mbart": lambda: bart(MBart, MBartConfig, scale_embedding=True, activation_function="gelu_new"),
}


def built(make):
    """A model whose weights are far from those it begins with."""
    torch.manual_seed(0)
    model = make().eval()
    with torch.no_grad():
        for parameter in [*model.parameters(), *model.buffers()]:
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


@pytest.fixture(params=MODELS)
def model(request):
    return built(MODELS[request.param])


def begin(decoder, sequences, lengths):
    """One sequence at each place, of its own length; the logits behind them."""
    decoder.open(len(lengths))
    readings = [decoder.read(ids[:length]) for ids, length in zip(sequences, lengths, strict=True)]
    for place, reading in enumerate(readings):
        decoder.put(place, reading)
    return np.stack([reading.logits for reading in readings])


@torch.no_grad()
def test_logits_are_the_models_own_for_sequences_of_different_lengths(model):
    """Long enough for the buffers to grow."""
    sequences = torch.randint(0, VOCABULARY, (4, 330), generator=torch.Generator().manual_seed(1))
    expected = model(sequences).logits.numpy()
    decoder, lengths = Decoder(step_graph(model, 400), 1), np.array([1, 9, 40, 17])
    rows = np.arange(4)
    logits = begin(decoder, sequences.numpy(), lengths)
    for step in range(285):
        places = lengths + step
        np.testing.assert_allclose(logits, expected[rows, places - 1], atol=1e-4)
        logits = decoder.step(sequences.numpy()[rows, places])


@torch.no_grad()
def test_places_can_be_left_moved_and_begun_anew(model):
    sequences = torch.randint(0, VOCABULARY, (3, 30), generator=torch.Generator().manual_seed(2))
    expected, ids = model(sequences).logits.numpy(), sequences.numpy()
    decoder = Decoder(step_graph(model, 64), 1)
    begin(decoder, ids, [3, 5, 7])
    decoder.step(ids[[0, 1, 2], [3, 5, 7]])
    decoder.move(2, 0)  # the first is over, the last takes its place
    logits = decoder.step(ids[[2, 1], [8, 6]])
    np.testing.assert_allclose(logits, expected[[2, 1], [8, 6]], atol=1e-4)
    decoder.put(2, decoder.read(ids[0, :12]))
    logits = decoder.step(ids[[2, 1, 0], [9, 7, 12]])
    np.testing.assert_allclose(logits, expected[[2, 1, 0], [9, 7, 12]], atol=1e-4)


@pytest.mark.parametrize("make", ENCODER_DECODERS.values(), ids=ENCODER_DECODERS)
@torch.no_grad()
def test_sequences_look_at_the_source_that_was_read_last(make):
    model, lengths, rows = built(make), np.array([1, 9, 4]), np.arange(3)
    generator = torch.Generator().manual_seed(1)
    sequences = torch.randint(3, VOCABULARY, (3, 60), generator=generator)
    decoder = Decoder(step_graph(model, 400), 1)
    for size in (23, 170, 1):
        source = torch.randint(3, VOCABULARY, (1, size), generator=generator)
        expected = model(source.expand(3, -1), decoder_input_ids=sequences).logits.numpy()
        decoder.listen(source[0].tolist())
        logits = begin(decoder, sequences.numpy(), lengths)
        for step in range(40):
            places = lengths + step
            np.testing.assert_allclose(logits, expected[rows, places - 1], atol=1e-4)
            logits = decoder.step(sequences.numpy()[rows, places])


def test_what_has_no_graph_says_why():
    for reason, model in {
        "there is no graph of a GPT2Model": gpt2().transformer,
        "its activation is relu, and graphs know gelu_new and gelu": transformer(hidden_act="relu"),
        "its activation is silu, and graphs know gelu_new and gelu": gpt2(activation_function="silu"),
        "its attention is not a GPT-2's own": gpt2(scale_attn_by_inverse_layer_idx=True),
        "its heads are 8 wide, no multiple of 16": transformer(num_attention_heads=4, position_encoding="rotary"),
    }.items():
        with pytest.raises(UnsupportedModelError, match=f"^{reason}$"):
            step_graph(model, 64)


def test_a_sequence_that_was_kept_goes_on_at_several_places(model):
    decoder = Decoder(step_graph(model, 700), 1)
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (3, 12))
    decoder.open(3)
    for place, sequence in enumerate(ids):
        decoder.put(place, decoder.read(sequence[:5]))
    logits = decoder.step(ids[:, 5])
    kept = decoder.keep(1, logits[1])
    assert kept.length == 6
    assert np.allclose(kept.logits, decoder.read(ids[1, :6]).logits, atol=1e-4)
    decoder.step(ids[:, 6])  # writes into the memory of what was kept, and goes on without it
    decoder.put(2, kept)
    decoder.put(0, kept)
    found = decoder.step(np.array([ids[0, 7], ids[1, 7], ids[2, 7]]))
    for place, before in ((0, ids[1, :6]), (1, ids[1, :7]), (2, ids[1, :6])):
        expected = decoder.read(np.array([*before, ids[place, 7]])).logits
        assert np.allclose(found[place], expected, atol=1e-4)
