"""An exported folder is enough for a program that knows nothing else: equal logits, the same piece."""

import numpy as np
import pytest
import torch

from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip extra 'fast')")
pytest.importorskip("onnx", reason="onnx is not installed (pip extra 'fast')")

from other_runtime import OtherRuntime
from tiny_model import tiny_bart, tiny_gpt2, tiny_model, tiny_processor

from symbolic_music.export.folder import export_model


def tiny_lstm():
    processor = tiny_processor()
    config = MusicLSTMConfig(vocab_size=len(processor.tokenizer), hidden_size=16, max_position_embeddings=900)
    return MusicLSTMForCausalLM(config), processor


FAMILIES = {
    "music_transformer": lambda: (tiny_model(tiny_processor()), tiny_processor()),
    "music_lstm": tiny_lstm,
    "gpt2": tiny_gpt2,
}


@pytest.fixture(params=FAMILIES)
def pair(request):
    torch.manual_seed(0)
    model, processor = FAMILIES[request.param]()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    return model.eval(), processor


@torch.no_grad()
def test_logits_are_the_models_own(pair, tmp_path):
    model, processor = pair
    export_model(model, processor, tmp_path / "out")
    runtime = OtherRuntime(tmp_path / "out")
    ids = torch.randint(3, len(processor.tokenizer), (1, 40), generator=torch.Generator().manual_seed(0))
    expected = model(ids).logits[0].numpy()
    np.testing.assert_allclose(runtime.read(ids[0, :13].tolist()), expected[12], atol=1e-4)
    for place in range(13, 40):
        np.testing.assert_allclose(runtime.read([int(ids[0, place])]), expected[place], atol=1e-4)


@torch.no_grad()
def test_both_halves_of_a_bart(tmp_path):
    model, processor = tiny_bart()
    said = export_model(model, processor, tmp_path / "out")
    assert said["files"]["encoder"] == "encoder.onnx"
    runtime = OtherRuntime(tmp_path / "out")
    source, ids = torch.randint(3, len(processor.tokenizer), (2, 1, 40), generator=torch.Generator().manual_seed(0))
    expected = model(source, decoder_input_ids=ids).logits[0].numpy()
    runtime.listen(source[0].tolist())
    np.testing.assert_allclose(runtime.read(ids[0, :13].tolist()), expected[12], atol=1e-4)
    for place in range(13, 40):
        np.testing.assert_allclose(runtime.read([int(ids[0, place])]), expected[place], atol=1e-4)
    whole, small = (tmp_path / name for name in ("out", "small"))
    export_model(model, processor, small, int8=True)
    for name in ("encoder.onnx", "step.onnx"):
        assert (small / name).stat().st_size < (whole / name).stat().st_size


def test_the_likeliest_piece_is_ours(pair, tmp_path):
    """Without a limit that both would have to keep to in the same way."""
    model, processor = pair
    export_model(model, processor, tmp_path / "out")
    expected = compose(model, processor, 1, options=SamplingOptions(temperature=0.0))[0].ids[:60]
    assert OtherRuntime(tmp_path / "out").compose(60) == expected


def test_eight_bits_are_a_quarter_and_nearly_the_same(pair, tmp_path):
    model, processor = pair
    export_model(model, processor, tmp_path / "whole")
    said = export_model(model, processor, tmp_path / "small", int8=True)
    assert said["weights"] == "int8"
    sizes = [(tmp_path / name / "step.onnx").stat().st_size for name in ("small", "whole")]
    assert sizes[0] < 0.6 * sizes[1]  # these are so small that half of a file is its nodes
    ids = list(range(3, 30))
    small, whole = (OtherRuntime(tmp_path / name).read(ids) for name in ("small", "whole"))
    assert 0.9 < np.corrcoef(small, whole)[0, 1] < 1


def test_the_command_writes_the_folder_or_one_line(tmp_path, capsys):
    from tiny_model import save_checkpoint

    from symbolic_music.cli import main

    save_checkpoint(tmp_path / "model")
    assert main(["export", str(tmp_path / "model"), str(tmp_path / "out")]) == 0
    listed = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert {"step.onnx", "step.json", "grammar.safetensors", "tokenizer.json", "processor_config.json"} <= set(listed)
    assert main(["export", str(tmp_path / "model"), str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"symbolic-music: {tmp_path / 'out'} exists; name a new folder\n"
