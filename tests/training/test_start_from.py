"""Training goes on from the weights of a trained model, with other data and longer blocks."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from symbolic_music.events.remi.codec import RemiCodec, RemiSettings
from symbolic_music.tokenization.build import build_word_level_tokenizer
from symbolic_music.training.arguments import ModelArguments, TrainingError
from symbolic_music.training.preparation import build_model

SIZES = {"hidden_size": 16, "num_hidden_layers": 1}
FAMILIES = {
    "rotary": {"num_attention_heads": 2},
    "learned": {"num_attention_heads": 2, "position_encoding": "learned"},
    "lstm": {"model_type": "music_lstm"},
    "gpt2": {"model_type": "gpt2", "num_attention_heads": 2},
}


@pytest.fixture(scope="module")
def processor():
    return build_word_level_tokenizer(RemiCodec(), 32)


@pytest.fixture(params=FAMILIES)
def trained(request, processor, tmp_path):
    """Name of a family, and a folder with a model of it that holds 32 tokens."""
    torch.manual_seed(1)
    build_model(ModelArguments(**SIZES, **FAMILIES[request.param]), processor, 32).save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    return request.param, tmp_path


def test_the_weights_are_those_of_the_trained_model(trained, processor):
    _, folder = trained
    model = build_model(ModelArguments(start_from=str(folder)), processor, 32)
    for name, weight in AutoModelForCausalLM.from_pretrained(folder).state_dict().items():
        assert torch.equal(model.state_dict()[name], weight), name


def test_a_longer_context_is_held_or_refused(trained, processor):
    family, folder = trained
    if family in ("learned", "gpt2"):
        with pytest.raises(TrainingError, match="it holds 32 tokens; expected 64 or more"):
            build_model(ModelArguments(start_from=str(folder)), processor, 64)
        return
    model = build_model(ModelArguments(start_from=str(folder)), processor, 64)
    assert model.config.max_position_embeddings == 64
    assert model(input_ids=torch.ones(1, 64, dtype=torch.long)).logits.isfinite().all()


def test_ids_that_mean_something_else_are_refused(processor, tmp_path):
    build_model(ModelArguments(**SIZES, **FAMILIES["rotary"]), processor, 32).save_pretrained(tmp_path)
    build_word_level_tokenizer(RemiCodec(RemiSettings(num_velocities=8)), 32).save_pretrained(tmp_path)
    with pytest.raises(TrainingError, match="expected a model of this tokenizer; its ids mean other events"):
        build_model(ModelArguments(start_from=str(tmp_path)), processor, 32)


def test_a_folder_without_a_model_is_named(processor, tmp_path):
    with pytest.raises(TrainingError, match="no music processor could be loaded"):
        build_model(ModelArguments(start_from=str(tmp_path)), processor, 32)
    processor.save_pretrained(tmp_path)
    with pytest.raises(TrainingError, match=r"--start_from .*: no model could be loaded"):
        build_model(ModelArguments(start_from=str(tmp_path)), processor, 32)
