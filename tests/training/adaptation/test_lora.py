"""Adapters: which layers they reach, that they start as nothing, and that saved, reloaded and merged are equal."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from symbolic_music.models import auto
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.training.adaptation.lora import ADAPTER_FOLDER, add_adapter, count_parameters, save_adapted
from symbolic_music.training.arguments import TrainingError

auto.register_configs()
auto.register_models()


@pytest.fixture
def base(processor, tmp_path):
    torch.manual_seed(0)
    config = MusicTransformerConfig(
        vocab_size=len(processor.tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        dropout=0.0,
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    model.save_pretrained(tmp_path / "base")
    return model


@pytest.fixture
def ids(processor):
    return torch.arange(3, 43)[None] % len(processor.tokenizer)


def spoil(model):
    """Adapters as training leaves them: no longer nothing."""
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)


def test_an_adapter_reaches_every_matrix_and_starts_as_nothing(base, ids):
    with torch.no_grad():
        before = base(input_ids=ids).logits
        adapted = add_adapter(base, rank=4).eval()
        assert torch.allclose(adapted(input_ids=ids).logits, before, atol=1e-6)
    reached = {
        name.split(".lora_A")[0].rpartition(".")[2] for name, _ in adapted.named_parameters() if "lora_A" in name
    }
    assert reached == {"qkv_proj", "o_proj", "up_proj", "down_proj"}
    parameters = count_parameters(adapted)
    assert 0 < parameters["trained"] < parameters["all"] / 3
    assert all("lora" in name for name, parameter in adapted.named_parameters() if parameter.requires_grad)


def test_saved_reloaded_and_merged_the_logits_are_equal(base, processor, ids, tmp_path):
    from peft import AutoPeftModelForCausalLM

    adapted = add_adapter(base, rank=4).eval()
    spoil(adapted)
    with torch.no_grad():
        expected = adapted(input_ids=ids).logits
        merged = save_adapted(adapted, processor, tmp_path / "out", str(tmp_path / "base"))
        assert torch.allclose(merged(input_ids=ids).logits, expected, atol=1e-5)
        reloaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
        assert torch.allclose(reloaded(input_ids=ids).logits, expected, atol=1e-5)
        adapter = AutoPeftModelForCausalLM.from_pretrained(tmp_path / "out" / ADAPTER_FOLDER).eval()
        assert torch.allclose(adapter(input_ids=ids).logits, expected, atol=1e-5)
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "base").eval()
    assert not torch.allclose(plain(input_ids=ids).logits, expected, atol=1e-2)
    weights = (tmp_path / "out" / ADAPTER_FOLDER / "adapter_model.safetensors").stat().st_size
    assert weights < (tmp_path / "out" / "model.safetensors").stat().st_size


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"rank": 0}, "--rank must be at least 1: 0"),
        ({"rank": 4, "dropout": 1.0}, r"--lora_dropout must be in \[0, 1\): 1.0"),
        ({"rank": 4, "alpha": 0}, "--alpha must be above 0: 0"),
    ],
)
def test_numbers_out_of_range_are_named(base, values, complaint):
    with pytest.raises(TrainingError, match=complaint):
        add_adapter(base, **values)


def test_an_lstm_has_nothing_to_adapt():
    lstm = AutoModelForCausalLM.from_config(MusicLSTMConfig(vocab_size=20, hidden_size=8))
    with pytest.raises(TrainingError, match="a music_lstm has none"):
        add_adapter(lstm, rank=4)
