"""A folder read without torch composes what it composes with torch; what cannot be read so says why."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from symbolic_music.events.voices.track_text import HeaderFields, TrackTextCodec
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError
from symbolic_music.generation.infill import infill
from symbolic_music.generation.loading import load_model
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.tokenization.build import save_processor

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip extra 'fast')")
pytest.importorskip("onnx", reason="onnx is not installed (pip extra 'fast')")

from made_up_music import melody_score
from tiny_model import tiny_bart, tiny_gpt2, tiny_model, tiny_processor

from symbolic_music.generation.light import load_light

ASKED = SamplingOptions(max_length=120, batch_size=3, seed=4)


def tiny_lstm():
    config = MusicLSTMConfig(
        vocab_size=len(tiny_processor().tokenizer), hidden_size=16, embedding_size=8, max_position_embeddings=160
    )
    return MusicLSTMForCausalLM(config), tiny_processor()


FAMILIES = {
    "music_transformer": lambda: (tiny_model(tiny_processor()), tiny_processor()),
    "music_lstm": tiny_lstm,
    "gpt2": tiny_gpt2,
}


@pytest.fixture(params=FAMILIES)
def folder(request, tmp_path):
    torch.manual_seed(0)
    model, processor = FAMILIES[request.param]()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    model.generation_config.update(do_sample=True, top_p=0.9, temperature=1.2)
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    save_processor(processor, tmp_path)
    return tmp_path


def test_pieces_are_the_same(folder):
    light, whole = load_light(folder), load_model(str(folder), "cpu")
    for options in (ASKED, replace(ASKED, num_bars=2, temperature=0.8), replace(ASKED, use_grammar=False)):
        pieces = [[piece.ids for piece in compose(*pair, 4, options=options)] for pair in (light, whole)]
        assert pieces[0] == pieces[1]


def test_headers_and_prompts_too(folder):
    light, whole = load_light(folder), load_model(str(folder), "cpu")
    codec = whole[1].codec
    asked = {}
    if isinstance(codec, TrackTextCodec):
        asked["fields"] = HeaderFields(tempo=120, meter="3/4", num_bars=2)
    else:
        asked["prompt"] = melody_score([60, 62, 64, 65], quarters=1.0)
    pieces = [[piece.ids for piece in compose(*pair, 3, options=ASKED, **asked)] for pair in (light, whole)]
    assert pieces[0] == pieces[1]


def test_scores_become_the_same_ids_and_back(folder):
    light, whole = load_light(folder)[1], load_model(str(folder), "cpu")[1]
    score = melody_score([60, 62, 64, 62], quarters=1.0)
    score = whole.codec.windows(score)[0]
    ids = whole.encode_score(score)
    assert light.encode_score(score) == ids
    assert light.ids_to_events(ids) == whole.ids_to_events(ids)
    notes = [[track.notes.numpy()["pitch"] for track in one.decode(ids).tracks] for one in (light, whole)]
    assert all(np.array_equal(*pair) for pair in zip(*notes, strict=True))


def test_the_command_imports_no_torch(folder, tmp_path):
    code = (
        "import sys\n"
        "from symbolic_music.cli import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "print(*[name for name in ('torch', 'transformers', 'miditok') if name in sys.modules])"
    )
    asked = ["generate", "--model", folder, "--num-samples", "1", "--format", "mid", "--output-dir", tmp_path / "out"]
    done = subprocess.run([sys.executable, "-c", code, *map(str, asked)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == ""
    assert (tmp_path / "out" / "sample_0000.mid").exists()


def test_a_filler_with_an_encoder_fills_the_same(tmp_path):
    model, processor = tiny_bart()
    model.save_pretrained(tmp_path)
    save_processor(processor, tmp_path)
    score = melody_score([60, 62, 64, 62] * 4, quarters=1.0)
    light, whole = load_light(tmp_path), load_model(str(tmp_path), "cpu")
    fills = [[fill.ids for fill in infill(*pair, score, (1, 2), None, 3, ASKED)] for pair in (light, whole)]
    assert fills[0] == fills[1]
    assert len({tuple(ids) for ids in fills[0]}) > 1


def test_what_is_not_covered_says_why(folder):
    path = folder / "config.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"architectures": ["LlamaForCausalLM"]}))
    with pytest.raises(UnsupportedModelError, match="there is no graph of a LlamaForCausalLM"):
        load_light(folder)
    path.write_text(json.dumps(said))
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    with pytest.raises(UnsupportedModelError, match="its weights are not in one file"):
        load_light(folder)
