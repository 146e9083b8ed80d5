"""How a model that fills says that it was trained: from its folder, from the Hub, or not at all."""

import json

import pytest
from huggingface_hub.errors import RemoteEntryNotFoundError
from tiny_model import tiny_model, tiny_processor

from symbolic_music.report.errors import ReportError
from symbolic_music.report.parts import masked_bars
from symbolic_music.report.parts.masked_bars import describe_filler, fills_bars

TRAINED = {
    "arguments": {"style": "left-to-right"},
    "parameters": {"all": 7},
    "steps": 5,
    "training_minutes": 0.5,
}
TOLD = {"style": "left-to-right", "parameters": 7, "steps": 5, "training_minutes": 0.5}


class MissingError(RemoteEntryNotFoundError):
    """As the Hub's client raises it, without the answer that it holds."""

    def __init__(self):
        Exception.__init__(self, "404")


@pytest.fixture(scope="module")
def model():
    return tiny_model(tiny_processor())


def test_a_folder_or_the_hub_says_it(model, tmp_path, monkeypatch):
    file = tmp_path / "infilling.json"
    file.write_text(json.dumps(TRAINED))
    assert describe_filler(str(tmp_path), model) == TOLD
    monkeypatch.setattr(masked_bars, "hf_hub_download", lambda name, path: str(file))
    assert describe_filler("user/filler", model) == TOLD


def test_without_the_file_the_kind_of_the_model_says_it(model, tmp_path, monkeypatch):
    def missing(name, path):
        raise MissingError

    monkeypatch.setattr(masked_bars, "hf_hub_download", missing)
    for name in (str(tmp_path), "user/adapter"):
        told = describe_filler(name, model)
        assert (told["style"], told["steps"], told["training_minutes"]) == ("causal", None, None)
        assert told["parameters"] == model.num_parameters()


@pytest.mark.parametrize("text", ["junk", "[]", "{}", json.dumps(TRAINED | {"arguments": {"style": "upside-down"}})])
def test_another_file_is_refused(model, tmp_path, text):
    (tmp_path / "infilling.json").write_text(text)
    with pytest.raises(ReportError, match=r"expected what `train_infill\.py` writes"):
        describe_filler(str(tmp_path), model)


def test_a_composer_fills_no_bars():
    assert not fills_bars(tiny_processor())
