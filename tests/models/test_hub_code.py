"""A model folder with its code loads where the package is not installed, and generates the same."""

import pytest
import torch
from without_package import run_without_package

from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM

STRANGER = """
import sys
import torch
from transformers import AutoConfig, AutoModelForCausalLM

folder = sys.argv[1]
config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
assert type(model).__module__.startswith("transformers_modules."), type(model)
assert not [name for name in sys.modules if name.startswith("symbolic_music")]
ids = torch.arange(3, 12)[None]
print(config.model_type, type(config).__module__.partition('.')[0])
print(model.generate(ids, do_sample=False, max_new_tokens=8, eos_token_id=None).tolist())
"""


FAMILIES = {
    "music_transformer": (MusicTransformerForCausalLM, MusicTransformerConfig, {"num_attention_heads": 4}),
    "music_lstm": (MusicLSTMForCausalLM, MusicLSTMConfig, {"embedding_size": 16}),
}


@pytest.fixture(params=FAMILIES)
def published(request, tmp_path, monkeypatch):
    """A saved model with its code. The classes are put back: `register_for_auto_class` marks them for good."""
    model_class, config_class, sizes = FAMILIES[request.param]
    for registered, auto_class in ((config_class, "AutoConfig"), (model_class, "AutoModelForCausalLM")):
        monkeypatch.setattr(registered, "_auto_class", None)
        registered.register_for_auto_class(auto_class)
    torch.manual_seed(0)
    model = model_class(config_class(vocab_size=61, hidden_size=32, num_hidden_layers=2, **sizes)).eval()
    model.save_pretrained(tmp_path / "model")
    return tmp_path, model


def test_the_folder_holds_its_code(published):
    folder, model = published
    family = model.config.model_type
    names = {path.name for path in (folder / "model").iterdir()}
    code = {f"{kind}_{family}.py" for kind in ("cache", "configuration", "modeling")}
    assert code | {"config.json"} <= names


@pytest.mark.slow
def test_it_loads_and_generates_without_the_package(published):
    folder, model = published
    home = {"HF_HOME": str(folder / "home"), "PATH": ""}
    told = run_without_package(STRANGER, folder / "model", folder=folder, environment=home)
    about, generated = told.strip().splitlines()
    assert about == f"{model.config.model_type} transformers_modules"
    ids = torch.arange(3, 12)[None]
    assert generated == str(model.generate(ids, do_sample=False, max_new_tokens=8, eos_token_id=None).tolist())
