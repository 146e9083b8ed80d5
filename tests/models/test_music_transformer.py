"""What is particular to the Music Transformer: its configuration, positions, initialisation and mask."""

import math

import pytest
import torch
from torch.nn import functional as F

from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.layers_music_transformer import (
    apply_rotary_positions,
    rotary_positions,
    sinusoidal_positions,
)
from symbolic_music.models.music_transformer.modeling_music_transformer import (
    EMBEDDED_STD,
    MusicTransformerForCausalLM,
    MusicTransformerModel,
    PositionOutOfRangeError,
)

TINY = {"vocab_size": 61, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "dropout": 0.0}
ENCODINGS = pytest.mark.parametrize("encoding", ["sinusoidal", "learned", "rotary"])


def tiny(model_class=MusicTransformerForCausalLM, **overrides):
    torch.manual_seed(0)
    return model_class(MusicTransformerConfig(**{**TINY, **overrides})).eval()


def random_ids(*shape):
    return torch.randint(3, 61, shape, generator=torch.Generator().manual_seed(1))


# --- Configuration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_size": 30}, r"hidden_size \(30\) must be a multiple of num_attention_heads \(4\)"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be at least 1, got 0"),
        ({"max_position_embeddings": 0}, "max_position_embeddings must be at least 1, got 0"),
        ({"position_encoding": "alibi"}, "must be one of sinusoidal, learned, rotary, got 'alibi'"),
        (
            {"position_encoding": "rotary", "hidden_size": 12},
            r"hidden_size \(12\) / num_attention_heads \(4\) = 3",
        ),
        ({"hidden_size": 33, "num_attention_heads": 3}, "even hidden_size, got 33"),
        ({"position_base": 1.0}, "position_base must be above 1, got 1.0"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"attention_dropout": -0.1}, r"attention_dropout must lie in \[0, 1\), got -0.1"),
        ({"pad_token_id": 61}, r"pad_token_id \(61\) must lie below vocab_size \(61\)"),
        ({"eos_token_id": [2, -1]}, r"eos_token_id \(-1\) must lie below vocab_size \(61\)"),
    ],
)
def test_a_contradiction_is_refused_with_its_values(arguments, message):
    with pytest.raises(ValueError, match=message):
        MusicTransformerConfig(**{**TINY, **arguments})


def test_the_feed_forward_layer_is_four_times_as_wide_by_default():
    assert MusicTransformerConfig(**TINY).intermediate_size == 128
    assert MusicTransformerConfig(**TINY, intermediate_size=48).intermediate_size == 48


@pytest.mark.parametrize("path", ["save", "dict"])
def test_config_round_trip(path, tmp_path):
    config = MusicTransformerConfig(**TINY, position_encoding="rotary", eos_token_id=[2, 3])
    config.save_pretrained(tmp_path)
    read = MusicTransformerConfig.from_pretrained(tmp_path)
    again = read if path == "save" else MusicTransformerConfig.from_dict(config.to_dict())
    assert again.to_diff_dict() == config.to_diff_dict()


# --- Positions ------------------------------------------------------------------------------------------------------


def test_sinusoids_are_the_papers():
    dim, positions = 8, torch.tensor([[0, 1, 7, 1000]])
    table = sinusoidal_positions(positions, dim, 10000.0)[0]
    for row, position in zip(table, positions[0].tolist(), strict=True):
        for i in range(dim // 2):
            angle = position / 10000 ** (2 * i / dim)
            assert row[i].item() == pytest.approx(math.sin(angle), abs=1e-4)
            assert row[i + dim // 2].item() == pytest.approx(math.cos(angle), abs=1e-4)


def test_rotary_products_depend_on_the_distance_only():
    query, key = torch.randn(1, 1, 1, 8), torch.randn(1, 1, 1, 8)

    def product(query_position, key_position):
        turned = [
            apply_rotary_positions(states, *rotary_positions(torch.tensor([[position]]), 8, 10000.0))
            for states, position in ((query, query_position), (key, key_position))
        ]
        return (turned[0] * turned[1]).sum()

    torch.testing.assert_close(product(9, 4), product(105, 100), rtol=1e-4, atol=1e-4)
    assert not torch.isclose(product(9, 4), product(9, 5))


@ENCODINGS
def test_order_matters(encoding):
    model, ids = tiny(position_encoding=encoding, initializer_range=0.3), random_ids(1, 6)
    swapped = ids[:, [1, 0, 2, 3, 4, 5]]
    assert not torch.allclose(model(ids).logits[0, -1], model(swapped).logits[0, -1], atol=1e-4)


@pytest.mark.parametrize("encoding", ["sinusoidal", "rotary"])
def test_formulas_go_on_beyond_the_trained_length(encoding):
    model = tiny(position_encoding=encoding, max_position_embeddings=8)
    assert model(random_ids(1, 20)).logits.isfinite().all()
    assert model.generate(random_ids(1, 6), max_new_tokens=10, eos_token_id=None).shape == (1, 16)


def test_learned_positions_end_with_a_named_error():
    model = tiny(position_encoding="learned", max_position_embeddings=8)
    assert model(random_ids(1, 8)).logits.shape == (1, 8, 61)
    with pytest.raises(PositionOutOfRangeError, match=r"position 8 is beyond max_position_embeddings \(8\)"):
        model(random_ids(1, 9))
    cache = model(random_ids(1, 8), use_cache=True).past_key_values
    with pytest.raises(PositionOutOfRangeError):
        model(random_ids(1, 1), past_key_values=cache)


def test_learned_positions_count_real_tokens_not_padding():
    model = tiny(position_encoding="learned", max_position_embeddings=8)
    mask = torch.ones(1, 12, dtype=torch.long)
    mask[:, :5] = 0
    assert model(random_ids(1, 12), attention_mask=mask).logits.isfinite().all()


@ENCODINGS
def test_positions_given_by_the_caller_are_used_and_pack_sequences(encoding):
    model, first, second = tiny(position_encoding=encoding), random_ids(1, 5), random_ids(1, 7).flip(1)
    packed = model(
        torch.cat((first, second), dim=1), position_ids=torch.tensor([[*range(5), *range(7)]]), use_cache=False
    )
    torch.testing.assert_close(packed.logits[:, 5:], model(second).logits)


def test_no_formula_leaves_a_buffer_that_loading_would_have_to_fill():
    for encoding in ("sinusoidal", "learned", "rotary"):
        assert not list(tiny(position_encoding=encoding).buffers())


# --- Initialisation -------------------------------------------------------------------------------------------------


@ENCODINGS
@pytest.mark.parametrize("width", [64, 256])
def test_embedded_tokens_start_at_the_same_size_at_any_width(encoding, width):
    model = tiny(MusicTransformerModel, hidden_size=width, vocab_size=500, position_encoding=encoding)
    embedded = model.embed_tokens(torch.arange(500))
    assert embedded.std().item() == pytest.approx(EMBEDDED_STD[encoding], rel=0.03)
    torch.testing.assert_close(embedded, model.embed_tokens.weight * math.sqrt(width))


@ENCODINGS
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_the_first_loss_is_near_that_of_guessing(encoding, tied):
    model = tiny(
        hidden_size=256, vocab_size=500, position_encoding=encoding, tie_word_embeddings=tied, num_hidden_layers=4
    )
    ids = torch.randint(3, 500, (4, 64), generator=torch.Generator().manual_seed(1))
    assert model(ids, labels=ids).loss.item() == pytest.approx(math.log(500), abs=0.6)


def test_what_writes_to_the_residual_stream_starts_smaller():
    layer = tiny(hidden_size=128, num_hidden_layers=8).model.layers[0]
    assert layer.self_attn.qkv_proj.weight.std().item() == pytest.approx(0.02, rel=0.05)
    for projection in (layer.self_attn.o_proj, layer.mlp.down_proj):
        assert projection.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)


def test_it_learns():
    """A repeating sequence is learned to certainty in a few steps: what training needs all works together."""
    model = tiny().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    ids = random_ids(1, 7).repeat(4, 4)
    for _ in range(60):
        loss = model(ids, labels=ids, use_cache=False).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    generated = model.eval().generate(ids[:1, :9], max_new_tokens=12, do_sample=False, eos_token_id=None)
    assert torch.equal(generated, ids[:1, :21])


# --- Attention ------------------------------------------------------------------------------------------------------


def test_attention_equals_the_formula():
    model, ids = tiny(position_encoding="learned", num_hidden_layers=1), random_ids(2, 10)
    attention, states = model.model.layers[0].self_attn, torch.randn(2, 10, 32)
    query, key, value = (
        part.view(2, 10, 4, 8).transpose(1, 2) for part in attention.qkv_proj(states).chunk(3, dim=-1)
    )
    scores = query @ key.transpose(-2, -1) / math.sqrt(8)
    scores = scores.masked_fill(torch.ones(10, 10).triu(1).bool(), -math.inf)
    mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(2, 10, 32)
    torch.testing.assert_close(attention(states)[0], mixed @ attention.o_proj.weight.T)
    assert model(ids).logits.shape == (2, 10, 61)


@pytest.mark.parametrize("mask", ["none", "ones"])
def test_without_padding_sdpa_gets_no_mask_tensor(mask, monkeypatch):
    seen = []
    original = F.scaled_dot_product_attention

    def spy(*arguments, **options):
        seen.append((options["attn_mask"], options["is_causal"]))
        return original(*arguments, **options)

    model, ids = tiny(), random_ids(2, 10)
    monkeypatch.setattr(F, "scaled_dot_product_attention", spy)
    model(ids, attention_mask=torch.ones_like(ids) if mask == "ones" else None)
    assert seen == [(None, True)] * 2


def test_hidden_states_and_attentions_are_returned_on_request():
    model, ids = tiny(), random_ids(2, 10)
    model.set_attn_implementation("eager")
    outputs = model(ids, output_hidden_states=True, output_attentions=True)
    assert [tuple(states.shape) for states in outputs.hidden_states] == [(2, 10, 32)] * 3
    assert [tuple(weights.shape) for weights in outputs.attentions] == [(2, 4, 10, 10)] * 2
    torch.testing.assert_close(outputs.attentions[0].sum(-1), torch.ones(2, 4, 10))


def test_a_prepared_mask_of_four_dimensions_is_used_as_it_is():
    model, ids = tiny(), random_ids(2, 10)
    causal = torch.ones(10, 10).tril().bool().expand(2, 1, 10, 10)
    torch.testing.assert_close(model(ids, attention_mask=causal).logits, model(ids).logits)


def test_dropout_acts_in_training_only():
    model, ids = tiny(dropout=0.5, attention_dropout=0.5), random_ids(2, 10)
    assert torch.equal(model(ids).logits, model(ids).logits)
    model.train()
    assert not torch.equal(model(ids).logits, model(ids).logits)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="flex attention needs an accelerator to be worth testing")
def test_flex_attention_agrees_on_an_accelerator():
    model, ids = tiny(hidden_size=64).cuda(), random_ids(2, 128).cuda()
    expected = model(ids).logits
    model.set_attn_implementation("flex_attention")
    torch.testing.assert_close(model(ids).logits, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="flash attention needs a CUDA device")
def test_flash_attention_agrees_on_an_accelerator():
    pytest.importorskip("flash_attn", reason="flash attention needs the flash-attn package")
    model, ids = tiny(hidden_size=64).cuda().bfloat16(), random_ids(2, 128).cuda()
    expected = model(ids).logits
    model.set_attn_implementation("flash_attention_2")
    torch.testing.assert_close(model(ids).logits, expected, rtol=3e-2, atol=3e-2)
