"""`train/finetune_lora.py` as its user runs it: a small model, a folder of files, four steps, and it composes."""

import json

import pytest
import tiny_run
import torch
from programs import run_command, run_script
from text_tokenizers import TOKENIZERS
from transformers import AutoModelForCausalLM, GenerationConfig, GPT2Config

from symbolic_music.models import auto
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.score.midi.io import read_midi, write_midi
from symbolic_music.tokenization.processing_music import MusicProcessor

auto.register_configs()
auto.register_models()
FOUR_STEPS = "--max_steps 4 --eval_steps 2 --save_steps 2 --rank 4 --transpositions 0".split()  # noqa: SIM905


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`dataset/`, `tokenizer/`, `base/` and `lstm/` with random weights, and `mine/` with ten MIDI files."""
    folder = tiny_run.build(tmp_path_factory.mktemp("lora"))
    processor = MusicProcessor.from_pretrained(folder / "tokenizer")
    torch.manual_seed(0)
    size = {"vocab_size": len(processor.tokenizer), "hidden_size": 32, "max_position_embeddings": 64}
    configs = {
        "base": MusicTransformerConfig(num_hidden_layers=1, num_attention_heads=2, **size),
        "lstm": MusicLSTMConfig(num_hidden_layers=1, **size),
    }
    for name, config in configs.items():
        for token in ("pad", "bos", "eos"):
            setattr(config, f"{token}_token_id", getattr(processor.tokenizer, f"{token}_token_id"))
        AutoModelForCausalLM.from_config(config).save_pretrained(folder / name)
        processor.save_pretrained(folder / name)
    (folder / "mine").mkdir()
    for seed in range(20):
        write_midi(tiny_run.tune(seed), folder / "mine" / f"{seed}.mid")
    return folder


def adapt(*flags, expected=0, **options):
    return run_script("finetune_lora", *flags, expected=expected, **options)


def generate(*flags, expected=0):
    return run_command("generate", *flags, expected=expected)


def test_a_folder_of_files_becomes_an_adapted_model_that_composes(folder, tmp_path):
    output = tmp_path / "out"
    given = ["--model", folder / "base", "--midi_dir", folder / "mine", "--output", output]
    done = adapt(*given, *FOUR_STEPS, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "TensorBoard's logs are in the output folder"
    adaptation = json.loads((output / "adaptation.json").read_text())
    assert [point["step"] for point in adaptation["validation"]] == [0, 2, 4]
    assert adaptation["after"]["bits_per_note"] < adaptation["before"]["bits_per_note"]
    assert sum(adaptation["pieces"].values()) == 20
    assert f"after: {adaptation['after']['bits_per_note']:.3f} bits/note" in done.stdout
    card = (output / "README.md").read_text()
    assert f"| before | {adaptation['before']['bits_per_note']:.3f} |" in card
    assert "library_name: peft" in (output / "adapter" / "README.md").read_text()
    assert (output / "loss.png").stat().st_size > 1000
    music = tmp_path / "music"
    generate("--model", output, "--bars", "1", "--format", "mid", "--output-dir", music)
    assert [path.name for path in music.glob("*.mid")]


def test_an_adapter_composes_as_its_merged_model_does_and_only_on_its_own_base(folder, tmp_path):
    output = tmp_path / "out"
    adapt("--model", folder / "base", "--dataset", folder / "dataset", "--output", output, *FOUR_STEPS)
    asked = ["--bars", "1", "--temperature", "0", "--num-samples", "1", "--output-dir"]
    for name in (".", "adapter"):
        generate("--model", output / name, *asked, tmp_path / "music" / name)
    pieces = [(tmp_path / "music" / name / "sample_0000.mid").read_bytes() for name in (".", "adapter")]
    assert pieces[0] == pieces[1]

    config_file = output / "adapter" / "adapter_config.json"
    config = json.loads(config_file.read_text()) | {"base_model_name_or_path": str(tmp_path / "other")}
    config_file.write_text(json.dumps(config))
    other = GPT2Config(vocab_size=77, n_embd=16, n_layer=1, n_head=2)
    AutoModelForCausalLM.from_config(other).save_pretrained(tmp_path / "other")
    done = generate("--model", output / "adapter", *asked, tmp_path / "no", expected=2)
    tokens = len(MusicProcessor.from_pretrained(output).tokenizer)
    assert f"is an adapter for a model of {tokens:,} tokens; its base {tmp_path / 'other'} has 77" in done.stderr


def test_a_dataset_is_taken_as_it_is(folder, tmp_path):
    output = tmp_path / "out"
    adapt("--model", folder / "base", "--dataset", folder / "dataset", "--output", output, *FOUR_STEPS)
    adaptation = json.loads((output / "adaptation.json").read_text())
    assert adaptation["pieces"] == tiny_run.SPLIT_SIZES
    assert not (output / "dataset").exists()


def test_a_text_model_learns_track_text_and_obeys_its_header(folder, tmp_path):
    torch.manual_seed(0)
    tokenizer = TOKENIZERS["byte level"]()
    tokenizer.save_pretrained(tmp_path / "text")
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=160)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "text")
    GenerationConfig(do_sample=True, temperature=0.3, repetition_penalty=1.5).save_pretrained(tmp_path / "text")
    output, music = tmp_path / "out", tmp_path / "music"
    given = ["--base_model", tmp_path / "text", "--window_bars", "2", "--dataset", folder / "dataset"]
    adapt(*given, "--output", output, *FOUR_STEPS, "--rest_loss_weight", "0.5")
    asked = ["--bars", "2", "--bpm", "90", "--meter", "3/4", "--instruments", "Violin,Cello", "--title", "A waltz"]
    generate("--model", output, "--num-samples", "2", *asked, "--output-dir", music)
    summary = json.loads((music / "summary.json").read_text())
    assert [(piece["valid"], piece["bars"]) for piece in summary["samples"]] == [(True, 2)] * 2
    assert summary["controls"]["instruments"] == [40, 42]
    score = read_midi(music / "sample_0001.mid")
    assert [track.program for track in score.tracks] == [40, 42]
    assert round(score.tempos[0].qpm) == 90
    assert summary["options"]["temperature"] == 1.0  # not as the base's text was sampled
    generate("--model", output / "adapter", "--num-samples", "2", *asked, "--output-dir", music)
    assert json.loads((music / "summary.json").read_text())["options"] == summary["options"]


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--model", "nowhere", "--dataset", "{}/dataset"], "nowhere"),
        (["--model", "{}/base"], "give either --midi_dir or --dataset"),
        (["--dataset", "{}/dataset"], "give either --model, a trained music model, or --base_model"),
        (["--base_model", "{}/tokenizer", "--dataset", "{}/dataset"], "no text model could be loaded"),
        (["--model", "{}/base", "--midi_dir", "{}/nothing"], "nothing"),
        (["--model", "{}/lstm", "--dataset", "{}/dataset"], "a music_lstm has none"),
        (
            ["--model", "{}/base", "--dataset", "{}/dataset", "--block_size", "65"],
            "more than the model's context of 64",
        ),
        (["--model", "{}/base", "--dataset", "{}/dataset", "--rest_loss_weight", "1"], "remi has no rests"),
    ],
)
def test_mistakes_are_one_line(folder, tmp_path, flags, complaint):
    given = [flag.format(folder) for flag in flags]
    done = adapt(*given, "--output", tmp_path / "out", "--report_to", "none", expected=2)
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert complaint in last
