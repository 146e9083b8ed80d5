"""The configurations in train/configs: they are read, and their models are as large as they say."""

import re
from pathlib import Path

import pytest
import torch

from symbolic_music.training.parsing import parse_arguments
from symbolic_music.training.preparation import build_model, load_processor

ROOT = Path(__file__).parents[2]
TOKENIZERS = {
    "abc-ensemble": "abc-notes-30-voices",
    "abc-ensemble-lstm": "abc-notes-30-voices",
    "abc-folk": "abc-notes",
    "abc-folk-lstm": "abc-notes",
    "gpt2-ensemble": "track-text-30-tracks",
    "remi-ensemble": "remi-ensemble",
    "remi-folk": "remi-folk",
}


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_model_is_as_large_as_its_file_says(name, tmp_path):
    path, tokenizer = ROOT / "train" / "configs" / f"{name}.yaml", str(ROOT / "tokenizer_assets" / TOKENIZERS[name])
    given = ["--dataset=d", f"--tokenizer={tokenizer}", f"--output={tmp_path}", "--report_to=none", f"--config={path}"]
    sizes, data, _ = parse_arguments(given)
    with torch.device("meta"):
        model = build_model(sizes, load_processor(tokenizer), data.context_length or data.block_size)
    heading = re.match(r"(#.*\n)+", path.read_text())
    said = re.search(r"([\d.]+)M parameters", heading[0])
    if said is not None:
        assert model.num_parameters() / 1e6 == pytest.approx(float(said[1]), abs=0.05)
