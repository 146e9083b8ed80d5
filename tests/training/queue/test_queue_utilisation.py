"""FLOPs and peaks."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, BartConfig, BartForConditionalGeneration, GPT2Config, GPT2LMHeadModel

from symbolic_music.scaling.grid.ladder import find_rung, lstm_config, training_flops_per_token, transformer_config
from symbolic_music.training.queue.utilisation import TrainingFlops, peak_flops, utilisation


def test_palm_s_formula_of_a_gpt2():
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=3, n_head=2, n_positions=32))
    parameters = sum(parameter.numel() for parameter in model.parameters()) - 32 * 16  # positions are looked up
    assert TrainingFlops(model).of(targets=1, sources=0, length=32) == 6 * parameters + 12 * 3 * 16 * 32


def test_an_lstm_s_are_those_of_the_ladder_and_its_biases():
    config = lstm_config(find_rung("tiny"), vocab_size=100, context=64)
    model = AutoModelForCausalLM.from_config(config)
    weights = training_flops_per_token(config, 64)
    biases = 6 * sum(parameter.numel() for name, parameter in model.named_parameters() if "bias" in name)
    assert TrainingFlops(model).of(1, 0, 64) == weights + biases


def test_a_transformer_s_are_those_of_the_ladder_with_attention_counted_whole():
    config = transformer_config(find_rung("tiny"), vocab_size=100, context=64, position_encoding="rotary")
    model = AutoModelForCausalLM.from_config(config)
    causal_half = 6 * config.num_hidden_layers * config.hidden_size * (64 + 1)
    whole = 12 * config.num_hidden_layers * config.hidden_size * 64
    norms = 6 * sum(parameter.numel() for parameter in model.parameters() if parameter.ndim == 1)
    assert TrainingFlops(model).of(1, 0, 64) == training_flops_per_token(config, 64) - causal_half + whole + norms


def test_what_a_product_costs_is_what_torch_counts():
    """The forward pass of a BART, a third of the training; norms and biases, which torch leaves out, are 1% here."""
    sizes = {"encoder_layers": 2, "decoder_layers": 1, "encoder_ffn_dim": 256, "decoder_ffn_dim": 256}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = BartConfig(vocab_size=60, d_model=128, max_position_embeddings=64, **sizes, **heads)
    config._attn_implementation = "eager"
    model = BartForConditionalGeneration(config).eval()
    ids = torch.randint(3, 60, (2, 48))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(input_ids=ids, decoder_input_ids=ids, use_cache=False)
    counted = TrainingFlops(model).of(targets=ids.numel(), sources=ids.numel(), length=48) / 3
    assert counted == pytest.approx(counter.get_total_flops(), rel=0.015)


def test_peaks_by_name():
    assert peak_flops("NVIDIA H100 80GB HBM3") == 989e12
    assert peak_flops("NVIDIA H100 PCIe") == 756e12
    assert peak_flops("NVIDIA L40S") == 362e12
    assert peak_flops("AMD EPYC 9R14") is None
    assert utilisation(5e12, 2.0, 10e12) == 0.25
    assert utilisation(5e12, 2.0, None) is None
