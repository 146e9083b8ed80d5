"""The cache that grows in place holds what transformers' concatenated one holds, whatever is done to it between."""

import pytest
import torch
from transformers.cache_utils import DynamicLayer

from symbolic_music.models.music_transformer.cache_music_transformer import GrowingCache, GrowingLayer
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM


def states(batch, length, seed):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(batch, 2, length, 4, generator=generator) for _ in range(2))


def assert_same(growing, dynamic):
    torch.testing.assert_close(growing.keys, dynamic.keys, rtol=0, atol=0)
    torch.testing.assert_close(growing.values, dynamic.values, rtol=0, atol=0)
    assert growing.get_seq_length() == dynamic.get_seq_length()


def test_every_change_between_updates_is_kept():
    growing, dynamic = GrowingLayer(), DynamicLayer()
    changes = [
        lambda layer: None,
        lambda layer: layer.reorder_cache(torch.tensor([1, 1, 0])),
        lambda layer: layer.crop(-2),
        lambda layer: layer.batch_repeat_interleave(2),
        lambda layer: layer.batch_select_indices(torch.tensor([5, 0, 2])),
        lambda layer: layer.reset(),
    ]
    seed = 0
    for change in changes * 3:
        for length in (5, 1, 1, 90, 1):
            seed += 1
            batch = growing.keys.shape[0] if growing.keys is not None else 3
            keys, values = states(batch, length, seed)
            returned = growing.update(keys, values)
            dynamic.update(keys, values)
            assert_same(growing, dynamic)
            assert returned[0] is growing.keys
            assert returned[1] is growing.values
        change(growing)
        change(dynamic)
        if dynamic.keys is not None:
            assert_same(growing, dynamic)


def test_a_step_writes_in_place():
    layer = GrowingLayer()
    layer.update(*states(2, 10, 0))
    address = layer.keys.data_ptr()
    for step in range(40):
        layer.update(*states(2, 1, step))
    assert layer.keys.data_ptr() == address


def test_gradients_flow_through_the_whole_past():
    layer = GrowingLayer()
    parts = [states(1, 3, seed) for seed in range(3)]
    for keys, values in parts:
        keys.requires_grad_()
        layer.update(keys, values)
    (layer.keys**2).sum().backward()
    for keys, _ in parts:
        torch.testing.assert_close(keys.grad, 2 * keys.detach())


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = MusicTransformerConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=128
    )
    return MusicTransformerForCausalLM(config).eval()


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"prompt_lookup_num_tokens": 3}])
def test_generate_uses_it_and_gives_what_a_concatenated_cache_gives(model, options):
    from transformers import DynamicCache

    ids = torch.tensor([[1, 5, 7, 5, 7, 5, 7]])
    common = {"max_new_tokens": 70, "do_sample": False, "eos_token_id": 39, "pad_token_id": 0} | options
    output = model.generate(ids, return_dict_in_generate=True, **common)
    assert isinstance(output.past_key_values, GrowingCache)
    assert isinstance(output.past_key_values.layers[0], GrowingLayer)
    expected = model.generate(ids, past_key_values=DynamicCache(config=model.config), **common)
    torch.testing.assert_close(output.sequences, expected)


def test_a_cache_that_was_asked_for_is_left_alone(model):
    from transformers import StaticCache

    ids = torch.tensor([[1, 5, 7]])
    output = model.generate(
        ids, max_new_tokens=4, cache_implementation="static", return_dict_in_generate=True, disable_compile=True
    )
    assert isinstance(output.past_key_values, StaticCache)
