"""The ladder's sizes: closed forms against built models, LSTMs matched to Transformers at any vocabulary."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode
from transformers import GPT2Config

from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM
from symbolic_music.scaling.grid.ladder import (
    RUNGS,
    TOLERANCE,
    LadderError,
    Rung,
    find_rung,
    ladder_table,
    lstm_config,
    parameter_count,
    training_flops_per_token,
    transformer_config,
)

VOCAB_SIZE, CONTEXT = 1734, 256
MILLIONS = {"tiny": 3.4, "small": 7.3, "medium": 22.7, "large": 52.4, "xl": 100.8}
EVERY_RUNG = pytest.mark.parametrize("rung", RUNGS.values(), ids=list(RUNGS))


def built(model_class, config):
    with torch.device("meta"):
        return model_class(config)


@EVERY_RUNG
def test_transformers_have_the_published_sizes(rung):
    total = parameter_count(transformer_config(rung, VOCAB_SIZE, CONTEXT)).total
    assert total / 1e6 == pytest.approx(MILLIONS[rung.name], rel=0.01)


@EVERY_RUNG
@pytest.mark.parametrize(
    ("configure", "model_class"),
    [(transformer_config, MusicTransformerForCausalLM), (lstm_config, MusicLSTMForCausalLM)],
    ids=["transformer", "lstm"],
)
def test_counts_are_those_of_the_built_model(rung, configure, model_class):
    config = configure(rung, VOCAB_SIZE, CONTEXT)
    model, count = built(model_class, config), parameter_count(config)
    assert count.total == sum(parameter.numel() for parameter in model.parameters())
    of_embeddings = ("embed_tokens", "embed_positions", "lm_head")
    without = sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if not any(part in name for part in of_embeddings)
    )
    assert count.without_embeddings == without


@pytest.mark.parametrize(
    ("model_class", "config"),
    [
        (
            MusicTransformerForCausalLM,
            MusicTransformerConfig(vocab_size=61, hidden_size=32, num_hidden_layers=3, num_attention_heads=4),
        ),
        (
            MusicTransformerForCausalLM,
            MusicTransformerConfig(
                vocab_size=61,
                hidden_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=50,
                position_encoding="rotary",
                tie_word_embeddings=False,
            ),
        ),
        (MusicLSTMForCausalLM, MusicLSTMConfig(vocab_size=61, hidden_size=24, num_hidden_layers=3)),
        (MusicLSTMForCausalLM, MusicLSTMConfig(vocab_size=61, hidden_size=24, num_hidden_layers=1, embedding_size=8)),
    ],
    ids=["tied sinusoidal", "untied rotary", "tied lstm", "tied lstm with a projection"],
)
def test_counts_hold_for_the_families_other_options(model_class, config):
    model = built(model_class, config)
    assert parameter_count(config).total == sum(parameter.numel() for parameter in model.parameters())


@given(st.sampled_from(list(RUNGS.values())), st.integers(100, 50_000), st.integers(8, 8192))
@settings(deadline=None, max_examples=60)
def test_lstms_match_at_any_vocabulary_and_context(rung, vocab_size, context):
    transformer = parameter_count(transformer_config(rung, vocab_size, context))
    config = lstm_config(rung, vocab_size, context)
    lstm = parameter_count(config)
    assert abs(lstm.total - transformer.total) <= TOLERANCE * transformer.total
    assert config.hidden_size % 8 == 0
    assert config.num_hidden_layers == rung.lstm_layers
    # the vocabulary's share is the same in both
    positions = context * rung.width
    assert lstm.embeddings == transformer.embeddings - positions == 2 * vocab_size * rung.width


def test_no_other_width_of_the_step_is_nearer():
    rung = RUNGS["tiny"]
    target = parameter_count(transformer_config(rung, VOCAB_SIZE, CONTEXT)).total
    config = lstm_config(rung, VOCAB_SIZE, CONTEXT)

    def distance(width):
        other = MusicLSTMConfig.from_dict({**config.to_dict(), "hidden_size": width})
        return abs(parameter_count(other).total - target)

    assert min(range(8, 1024, 8), key=distance) == config.hidden_size


def test_rungs_much_smaller_than_the_ladder_match_too():
    for layers, heads, width in [(1, 1, 8), (2, 2, 16), (3, 2, 40)]:
        rung = Rung("toy", layers=layers, heads=heads, width=width)
        target = parameter_count(transformer_config(rung, 500, 64)).total
        assert parameter_count(lstm_config(rung, 500, 64)).total == pytest.approx(target, rel=TOLERANCE)


def test_what_cannot_be_matched_is_said():
    with pytest.raises(LadderError, match="no LSTM of 1 layers comes within 2% of the 40 parameters of dust"):
        lstm_config(Rung("dust", layers=1, heads=1, width=1), 3, 16)


def test_sizes_grow_along_the_ladder():
    for configure in (transformer_config, lstm_config):
        configs = [configure(rung, VOCAB_SIZE, CONTEXT) for rung in RUNGS.values()]
        flops = [training_flops_per_token(config, CONTEXT) for config in configs]
        assert flops == sorted(set(flops))


# --- FLOPs ----------------------------------------------------------------------------------------------------------


def measured_training_flops(model, vocab_size, context):
    """FLOPs of the matrix products of one forward and backward pass, as PyTorch counts them, per token."""
    ids = torch.arange(context)[None] % vocab_size
    with FlopCounterMode(display=False) as counter:
        model(ids, labels=ids, use_cache=False).loss.backward()
    return counter.get_total_flops() / context


def test_a_transformers_flops_are_pytorchs_count_of_its_products():
    context = 32
    config = transformer_config(Rung("toy", layers=2, heads=2, width=16), 40, context)
    config._attn_implementation = "eager"
    measured = measured_training_flops(MusicTransformerForCausalLM(config), 40, context)
    # Written out, attention computes the masked half too: 12 * width * context instead of 6 * width * (context + 1).
    masked = config.num_hidden_layers * 6 * config.hidden_size * (context - 1)
    assert training_flops_per_token(config, context) + masked == measured


def test_an_lstms_flops_are_pytorchs_count_of_the_same_products():
    """nn.LSTM's kernels are counted by nobody, so its products are written out."""
    config = lstm_config(Rung("toy", layers=6, heads=2, width=16), 40, 32)
    model = MusicLSTMForCausalLM(config)
    with FlopCounterMode(display=False) as counter:
        hidden_states = model.model.embed_tokens(torch.tensor([3]))
        for layer in model.model.layers:
            state = torch.zeros(1, config.hidden_size)
            gates = hidden_states @ layer.lstm.weight_ih_l0.T + state @ layer.lstm.weight_hh_l0.T
            hidden_states = gates[:, : config.hidden_size]
        model.lm_head(model.head_projection(hidden_states))
    assert training_flops_per_token(config, 32) == 3 * counter.get_total_flops()


# --- Names and tables -----------------------------------------------------------------------------------------------


def test_an_unknown_rung_or_family_is_said():
    assert find_rung("medium") is RUNGS["medium"]
    with pytest.raises(LadderError, match="unknown rung 'huge'; the ladder has tiny, small, medium, large, xl"):
        find_rung("huge")
    for count in (parameter_count, lambda config: training_flops_per_token(config, 8)):
        with pytest.raises(LadderError, match="'gpt2' cannot be counted"):
            count(GPT2Config())


def test_the_table_holds_both_families_of_every_rung():
    lines = ladder_table(VOCAB_SIZE, CONTEXT).splitlines()
    assert len(lines) == 2 + 2 * len(RUNGS)
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| tiny | Transformer | 6 x 192 | 3.37 | 2.66 | +0.00% |")
