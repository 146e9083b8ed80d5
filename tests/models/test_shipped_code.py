"""The code in every shipped model's folder, which strangers run, is the package's own, byte for byte."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAMILIES = ROOT / "symbolic_music" / "models"
SHIPPED = sorted((ROOT / "model_cards").glob("*/*.py"))


def test_every_shipped_model_of_ours_brings_its_code():
    configs = {path.parent: json.loads(path.read_text()) for path in (ROOT / "model_cards").glob("*/config.json")}
    ours = {folder for folder, config in configs.items() if (FAMILIES / config["model_type"]).is_dir()}
    assert {path.parent for path in SHIPPED} == ours
    assert {folder for folder, config in configs.items() if "auto_map" in config} == ours


@pytest.mark.parametrize("folder", sorted({path.parent for path in SHIPPED}), ids=lambda folder: folder.name)
def test_shipped_code_is_complete(folder):
    family = json.loads((folder / "config.json").read_text())["model_type"]
    assert {path.name for path in folder.glob("*.py")} == {
        path.name for path in (FAMILIES / family).glob("*.py") if path.name != "__init__.py"
    }


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_shipped_code_is_the_packages(path):
    family = path.stem.partition("_")[2]
    own = FAMILIES / family / path.name
    assert path.read_bytes() == own.read_bytes(), f"{path} is out of date: cp {own} {path}"
