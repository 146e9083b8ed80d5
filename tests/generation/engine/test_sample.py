"""Decoding by ONNX Runtime is transformers' own loop, token for token; what it does not cover goes there."""

import logging

import pytest
import torch
from tiny_model import tiny_model, tiny_processor
from transformers.generation.streamers import BaseStreamer

from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.engine import decoders, sample
from symbolic_music.generation.grammar_processor import GrammarLogitsProcessor
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip extra 'fast')")
pytest.importorskip("onnx", reason="onnx is not installed (pip extra 'fast')")


def build(**changes):
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 700}
    config = MusicTransformerConfig(vocab_size=90, dropout=0.0, **(sizes | changes))
    model = MusicTransformerForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


@pytest.fixture
def both(monkeypatch):
    """What a call gives by transformers' own loop, and by ours."""

    def run(call):
        found = []
        for how in (None, staticmethod(sample.decode)):
            monkeypatch.setattr(MusicTransformerForCausalLM, "decode_with", how)
            torch.manual_seed(7)
            found.append(call())
        return found

    return run


@pytest.mark.parametrize("options", [{"do_sample": False}, {"do_sample": True, "top_k": 0, "top_p": 0.9}])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_same_call_gives_the_same_tokens(both, options, batch):
    model, prompt = build(), torch.randint(1, 90, (batch, 5), generator=torch.Generator().manual_seed(2))
    options |= {"max_new_tokens": 300, "eos_token_id": 3, "pad_token_id": 0}
    theirs, ours = both(lambda: model.generate(prompt, **options).tolist())
    assert ours == theirs, "across the point where the buffers grow, and behind the end of single sequences"


def test_a_hundred_prompts_under_the_grammar(both):
    processor = tiny_processor()
    model, end = tiny_model(processor), processor.tokenizer.eos_token_id
    options = {"max_length": 120, "pad_token_id": 0, "eos_token_id": end, "do_sample": False}
    asked = 0
    for seed in range(6):
        free = compose(model, processor, 20, options=SamplingOptions(max_length=60, batch_size=20, seed=seed))
        prompts = torch.tensor([piece.ids[:12] for piece in free if len(piece.ids) > 12])
        asked += len(prompts)

        def write(prompts=prompts):
            grammar = GrammarLogitsProcessor(processor.grammar(), max_length=120)
            return model.generate(prompts, logits_processor=[grammar], **options).tolist()

        theirs, ours = both(write)
        assert theirs == ours
    assert asked >= 100


def test_compose_gives_the_same_pieces(both):
    processor = tiny_processor()
    model = tiny_model(processor)
    options = SamplingOptions(max_length=80, seed=3, top_p=0.9)
    theirs, ours = both(lambda: [piece.ids for piece in compose(model, processor, 3, options=options)])
    assert theirs == ours


def test_changed_weights_are_noticed(both):
    model, prompt = build(), torch.tensor([[1, 2, 3]])

    def write():
        return model.generate(prompt, max_new_tokens=20, pad_token_id=0, do_sample=True).tolist()

    first = both(write)
    with torch.no_grad():
        model.lm_head.weight.copy_(torch.randn_like(model.lm_head.weight))
    second = both(write)
    assert first[0] == first[1] != second[0] == second[1]


class Heard(BaseStreamer):
    def __init__(self):
        self.values, self.ended = [], False

    def put(self, value):
        self.values.append(value.tolist())

    def end(self):
        self.ended = True


def test_a_streamer_hears_every_token(both):
    model = build()

    def write():
        streamer = Heard()
        model.generate(torch.tensor([[1, 2, 3]]), max_new_tokens=9, pad_token_id=0, streamer=streamer)
        return streamer.values, streamer.ended

    theirs, ours = both(write)
    assert theirs == ours
    assert ours[1]


@pytest.fixture
def by_their_loop(monkeypatch, caplog):
    """Calls that go to transformers, and why."""
    monkeypatch.setattr(MusicTransformerForCausalLM, "decode_with", staticmethod(sample.decode))
    monkeypatch.setattr(sample, "_decode", lambda *_, **__: pytest.fail("was not to be asked"))
    decoders._TOLD.clear()

    def run(model, **options):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger=decoders.__name__):
            prompt = torch.tensor([[1, 2, 3]])
            written = model.generate(prompt, max_new_tokens=4, min_new_tokens=4, pad_token_id=0, **options)
        assert (written if isinstance(written, torch.Tensor) else written.sequences).shape == (1, 7)
        return [
            record.getMessage().partition(": ")[2] for record in caplog.records if record.name == decoders.__name__
        ]

    return run


def test_what_it_does_not_cover_goes_to_transformers_and_why_is_said_once(by_their_loop):
    model = build()
    assert by_their_loop(model, return_dict_in_generate=True, output_scores=True) == ["more than ids is asked for"]
    assert by_their_loop(model, return_dict_in_generate=True) == []
    assert by_their_loop(model, attention_mask=torch.tensor([[0, 1, 1]])) == ["prompts are padded"]
    assert by_their_loop(build(hidden_act="relu")) == ["its activation is relu, and graphs know gelu_new and gelu"]
    narrow = build(num_attention_heads=4, position_encoding="rotary")
    assert by_their_loop(narrow) == ["its heads are 8 wide, no multiple of 16"]
    assert by_their_loop(build().bfloat16()) == ["the weights are not float32"]
    assert by_their_loop(build().train()) == ["the model is in training"]


def test_wrapped_layers_go_to_transformers(by_their_loop):
    from symbolic_music.training.adaptation.lora import add_adapter

    adapted = add_adapter(build(), rank=2).eval()
    (said,) = by_their_loop(adapted)
    assert said.startswith("it has no weights model.layers.0")


def test_without_the_extra_it_goes_to_transformers(by_their_loop, monkeypatch):
    monkeypatch.setattr(decoders.importlib.util, "find_spec", lambda name: None)
    assert by_their_loop(build()) == ["onnx and onnxruntime are not installed (pip extra 'fast')"]
