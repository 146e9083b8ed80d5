"""`train/pretrain.py` as its user runs it: one process, two processes, killed and resumed, on a budget."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import tiny_run
import torch
from programs import PROGRAM_ENVIRONMENT, TRAIN, launch, run_command, run_script
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.checkpoints import find_checkpoints

SCRIPT = TRAIN / "pretrain.py"
TWO_PROCESSES = "cpu_two_processes.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_run.build(tmp_path_factory.mktemp("pretrain"))


def pretrain(*flags, expected=0, **options):
    return run_script("pretrain", *flags, expected=expected, **options)


def summary_of(output):
    return json.loads((output / "training_summary.json").read_text())


def curve(output, name):
    history = json.loads((output / "trainer_state.json").read_text())["log_history"]
    return [entry[name] for entry in history if name in entry]


@pytest.fixture(scope="module")
def four_steps(folder, tmp_path_factory):
    """The output of a run of four steps with live samples."""
    output = tmp_path_factory.mktemp("four") / "run"
    changes = {"max_steps": 4, "eval_steps": 2, "save_steps": 2, "sample_every": 1, "sample_bars": 2}
    result = pretrain(*tiny_run.flags(folder, output, **changes))
    return output, result


@pytest.mark.slow
def test_train_four_steps_save_reload_generate(four_steps):
    output, result = four_steps
    processor = MusicProcessor.from_pretrained(output)
    model = AutoModelForCausalLM.from_pretrained(output)
    [piece] = compose(model, processor, options=SamplingOptions(num_bars=2, max_length=200))
    assert piece.valid, piece.invalid_reason
    assert piece.num_bars == 2
    assert "step 4/4 | train " in result.stdout
    assert "bits/note" in result.stdout
    assert (output / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((output / "samples").glob("step-*.mid"))) == 2
    assert not list(output.rglob("training_args.bin"))


@pytest.mark.slow
def test_an_lstm_trains_saves_reloads_and_generates(folder, tmp_path):
    changes = {"model_type": "music_lstm", "num_attention_heads": None, "embedding_size": 16, "max_steps": 4}
    pretrain(*tiny_run.flags(folder, tmp_path / "run", **changes, eval_steps=2, save_steps=2))
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "run")
    assert (model.config.model_type, model.config.embedding_size) == ("music_lstm", 16)
    assert summary_of(tmp_path / "run")["model_type"] == "music_lstm"
    processor = MusicProcessor.from_pretrained(tmp_path / "run")
    [piece] = compose(model, processor, options=SamplingOptions(num_bars=2, max_length=200))
    assert piece.valid, piece.invalid_reason
    assert piece.num_bars == 2


@pytest.mark.slow
def test_the_summary_holds_what_is_needed_to_repeat_and_quote_the_run(four_steps, folder):
    output, _ = four_steps
    summary = summary_of(output)
    assert summary["command"].startswith("python ")
    assert "--max_steps=4" in summary["command"]
    assert summary["steps"] == 4
    assert summary["tokens_seen"] == 4 * 4 * 64
    assert summary["num_processes"] == 1
    assert summary["best"]["eval_loss"] == min(curve(output, "eval_loss"))
    assert summary["final"]["step"] == 4
    assert summary["final_train_nats_per_token"] == curve(output, "nats_per_token")[-1]
    assert summary["pieces"] == tiny_run.SPLIT_SIZES
    assert {"torch", "transformers", "accelerate", "datasets"} < set(summary["versions"])
    assert len(summary["split_hash"]) == len(summary["tokenizer_hash"]) == 64
    assert summary["wall_seconds"] > 0


@pytest.mark.slow
def test_evaluate_scores_the_result(four_steps, folder, tmp_path):
    output, _ = four_steps
    report = tmp_path / "report"
    (tmp_path / "kinds.yaml").write_text("walk: walks\n")
    given = ["--model", output, "--dataset", folder / "dataset", "--output", report, "--device", "cpu"]
    given += ["--kinds", tmp_path / "kinds.yaml", "--only", "loss"]
    result = run_command("evaluate", *given, expected=0)
    evaluation = json.loads((report / "report.json").read_text())["loss"]
    assert evaluation["pieces"] == tiny_run.SPLIT_SIZES["test"]
    assert evaluation["split_hash"] == summary_of(output)["split_hash"]
    assert f"{evaluation['bits_per_note']:.3f} bits/note" in result.stdout
    assert f"kind walks: {evaluation['by_kind']['walks']['bits_per_note']:.3f} bits/note" in result.stdout
    assert (report / "loss_by_bar.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_two_processes_give_the_loss_curve_of_one(folder, tmp_path):
    # Dropout draws differ between the processes, so it is off; two processes of 2 blocks are one of 4. The run stays
    # within an epoch: accelerate fills an epoch's last batch up with blocks heard before. Matrices of other shapes are
    # rounded otherwise, in bfloat16 so that one sees it, and Muon carries what is left on.
    changes = {"max_steps": 6, "eval_steps": 3, "save_steps": 3, "dropout": 0, "bf16": False}
    pretrain(*tiny_run.flags(folder, tmp_path / "one", **(changes | {"per_device_train_batch_size": 4})))
    flags = tiny_run.flags(folder, tmp_path / "two", **(changes | {"per_device_train_batch_size": 2, "use_cpu": True}))
    done = launch(TWO_PROCESSES, SCRIPT, *flags, fresh=True)
    assert done.returncode == 0, done.stderr
    assert summary_of(tmp_path / "one")["num_processes"] == 1
    assert summary_of(tmp_path / "two")["num_processes"] == 2
    for name in ("loss", "nats_per_token", "structural_loss", "eval_loss", "eval_bits_per_note", "eval_tokens"):
        assert curve(tmp_path / "two", name) == pytest.approx(curve(tmp_path / "one", name), rel=5e-4, abs=1e-4), name
    assert summary_of(tmp_path / "two")["tokens_seen"] == summary_of(tmp_path / "one")["tokens_seen"]


@pytest.mark.slow
def test_two_processes_read_one_stream(folder, tmp_path):
    """Blocks that the script packs; each is trained on once by one of the processes."""
    data = ["--dataset", folder / "dataset", "--tokenizer", folder / "tokenizer", "--block_size", 64]
    done = run_script("pack_blocks", *data, "--pieces_per_file", 5, "--output", tmp_path / "blocks", expected=0)
    assert "train: " in done.stdout
    tokenizer = tmp_path / "blocks" / "tokenizer"
    named = {"streaming": True, "dataset": tmp_path / "blocks", "tokenizer": tokenizer, "dropout": 0, "bf16": False}
    changes = named | {"max_steps": 4, "eval_steps": 2, "save_steps": 2}
    pretrain(*tiny_run.flags(folder, tmp_path / "one", **(changes | {"per_device_train_batch_size": 4})))
    flags = tiny_run.flags(folder, tmp_path / "two", **(changes | {"per_device_train_batch_size": 2, "use_cpu": True}))
    done = launch(TWO_PROCESSES, SCRIPT, *flags)
    assert done.returncode == 0, done.stderr
    assert summary_of(tmp_path / "two")["pieces"] == tiny_run.SPLIT_SIZES
    assert curve(tmp_path / "two", "loss") == pytest.approx(curve(tmp_path / "one", "loss"), rel=5e-4, abs=1e-4)


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(folder, tmp_path):
    changes = {"max_steps": 40, "eval_steps": 5, "save_steps": 5, "dropout": 0.2}
    pretrain(*tiny_run.flags(folder, tmp_path / "whole", **changes))
    command = [sys.executable, str(SCRIPT), *tiny_run.flags(folder, tmp_path / "cut", **changes)]
    process = subprocess.Popen(
        command, env=os.environ | PROGRAM_ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 300
    while not find_checkpoints(tmp_path / "cut")[0] and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run must not have ended before it was killed"
    pretrain(*tiny_run.flags(folder, tmp_path / "cut", **changes), expected=2)
    pretrain(*tiny_run.flags(folder, tmp_path / "cut", **changes), "--resume")
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    resumed = load_file(tmp_path / "cut" / "model.safetensors")
    assert whole.keys() == resumed.keys()
    for name, tensor in whole.items():
        assert torch.equal(resumed[name], tensor), name
    assert curve(tmp_path / "cut", "eval_loss") == curve(tmp_path / "whole", "eval_loss")


@pytest.mark.slow
def test_the_budget_is_kept(folder, tmp_path):
    changes = {"max_steps": 1_000_000, "eval_steps": 50, "save_steps": 50, "max_minutes": 0.1}
    pretrain(*tiny_run.flags(folder, tmp_path / "run", **changes))
    history = json.loads((tmp_path / "run" / "trainer_state.json").read_text())["log_history"]
    runtime = next(entry["train_runtime"] for entry in history if "train_loss" in entry)
    assert 3 < runtime < 12, "6 seconds of budget"
    rates = curve(tmp_path / "run", "learning_rate")
    assert rates[-1] < 0.1 * max(rates)
    assert summary_of(tmp_path / "run")["steps"] > 5


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"dataset": "nowhere"}, "nowhere"),
        ({"tokenizer": "nowhere"}, "nowhere"),
        ({"hidden_size": 33}, "hidden_size"),
        ({"config": "nowhere.yaml"}, "nowhere.yaml: no such file"),
        ({"block_size": 1}, "block_size"),
        ({"model_type": "music_lstm"}, "--num_attention_heads is no size of this family"),
    ],
)
@pytest.mark.slow
def test_a_users_error_is_one_line_and_code_2(folder, tmp_path, changes, complaint):
    result = pretrain(*tiny_run.flags(folder, tmp_path / "run", **({"max_steps": 1} | changes)), expected=2)
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert complaint in last


@pytest.mark.slow
def test_build_tokenizer_trains_on_the_training_split_alone(folder, tmp_path):
    data = ["--dataset", folder / "dataset"]
    tokenizer = tmp_path / "tokenizer"
    run_script("build_tokenizer", *data, "--vocab-size", 1420, "--output", tokenizer, expected=0)
    for name in ("tokenizer.json", "processor_config.json", "miditok.json"):
        assert (tmp_path / "tokenizer" / name).read_bytes() == (folder / "tokenizer" / name).read_bytes(), name
    result = run_script("build_tokenizer", *data, "--vocab-size", 3, "--output", tmp_path / "x", expected=2)
    assert "vocab_size is 3" in result.stderr.strip().splitlines()[-1]


@pytest.mark.slow
def test_note_level_abc_goes_the_whole_way(folder, tmp_path):
    """A word-level tokenizer, four steps of training, whole bars from the trained model."""
    tokenizer, output = tmp_path / "tokenizer", tmp_path / "run"
    build = ["build_tokenizer", "--codec", "abc_notes"]
    run_script(*build, "--output", tokenizer, expected=0)
    result = run_script(*build, "--vocab-size", 99, "--output", tmp_path / "x", expected=2)
    assert "leave it out" in result.stderr.strip().splitlines()[-1]
    pretrain(*tiny_run.flags(folder, output, tokenizer=tokenizer, max_steps=4, eval_steps=4, save_steps=4))
    assert summary_of(output)["best"]["eval_bits_per_note"] > 0
    processor = MusicProcessor.from_pretrained(output)
    model = AutoModelForCausalLM.from_pretrained(output)
    pieces = compose(model, processor, 4, options=SamplingOptions(num_bars=3, max_length=64))
    assert all(piece.valid for piece in pieces)
    assert sum(piece.num_notes for piece in pieces) == sum(piece.score.note_num() for piece in pieces)
