"""Weights in shards on two processes, by FSDP2 or DeepSpeed: the loss curve of one, checkpoints that one can read."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_run
from programs import PROGRAM_ENVIRONMENT, ROOT, TRAIN, run_python, run_script
from transformers import AutoModelForCausalLM

SCRIPT = TRAIN / "pretrain.py"
NAMES = ("loss", "nats_per_token", "structural_loss", "eval_loss", "eval_bits_per_note", "eval_tokens")
# Dropout draws differ between the processes, and bfloat16 shows how matrices of other shapes are rounded.
EXACT = {"max_steps": 6, "eval_steps": 3, "save_steps": 3, "dropout": 0, "bf16": False}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_run.build(tmp_path_factory.mktemp("sharded"))


def on_two(config, folder, output, **changes):
    """Two processes of two blocks each."""
    launch = ["-m", "accelerate.commands.launch", f"--config_file={TRAIN / 'accelerate' / config}"]
    launch += ["--num_processes=2", "--main_process_port=0"]
    flags = tiny_run.flags(folder, output, **EXACT | {"per_device_train_batch_size": 2, "use_cpu": True} | changes)
    done = run_python(*launch, SCRIPT, *flags, environment={"DS_ACCELERATOR": "cpu"})
    assert done.returncode == 0, done.stderr
    assert json.loads((output / "training_summary.json").read_text())["num_processes"] == 2


def on_one(folder, output, **changes):
    """One process of four."""
    flags = tiny_run.flags(folder, output, **EXACT | {"per_device_train_batch_size": 4} | changes)
    run_script("pretrain", *flags, expected=0)


def curve(output, name):
    history = json.loads((output / "trainer_state.json").read_text())["log_history"]
    return [entry[name] for entry in history if name in entry]


def assert_same_curves(one, two):
    for name in NAMES:
        assert curve(two, name) == pytest.approx(curve(one, name), rel=5e-4, abs=1e-4), name
    AutoModelForCausalLM.from_pretrained(two)


@pytest.mark.parametrize("muon", [True, False], ids=["Muon", "AdamW"])
def test_fsdp_gives_the_curve_of_one_process(folder, tmp_path, muon):
    on_one(folder, tmp_path / "one", muon=muon)
    on_two("fsdp.yaml", folder, tmp_path / "two", muon=muon)
    assert_same_curves(tmp_path / "one", tmp_path / "two")


def test_a_run_in_shards_goes_on_in_shards_or_in_one_process(folder, tmp_path):
    on_two("fsdp.yaml", folder, tmp_path / "whole")
    for name, go_on in (("shards", lambda *where, **changes: on_two("fsdp.yaml", *where, **changes)), ("one", on_one)):
        cut = tmp_path / name
        shutil.copytree(tmp_path / "whole", cut)
        shutil.rmtree(cut / "checkpoint-6")
        (cut / "model.safetensors").unlink()
        go_on(folder, cut, resume=True)
        for figure in NAMES:
            expected = curve(tmp_path / "whole", figure)
            assert curve(cut, figure) == pytest.approx(expected, rel=5e-4, abs=1e-4), (name, figure)


def test_slurm_starts_a_launcher_on_each_machine(folder, tmp_path):
    """With a `srun` that runs what it is given once, and one machine of two processes."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "scontrol").write_text("#!/bin/bash\necho 127.0.0.1\n")
    (tools / "srun").write_text('#!/bin/bash\nwhile [[ "$1" == -* ]]; do shift; done\nexec "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    said = {"PATH": f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}", "PORT": "0"}
    said |= {"SLURM_JOB_NODELIST": "here", "SLURM_NNODES": "1", "SLURM_NODEID": "0", "SLURM_GPUS_ON_NODE": "2"}
    output = tmp_path / "run"
    flags = tiny_run.flags(folder, output, **EXACT, use_cpu=True)
    command = ["bash", str(TRAIN / "accelerate" / "slurm.sh"), *map(str, flags)]
    environment = os.environ | PROGRAM_ENVIRONMENT | said
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((output / "training_summary.json").read_text())["num_processes"] == 2


@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="deepspeed is not installed")
def test_deepspeed_gives_the_curve_of_one_process(folder, tmp_path):
    """From the same weights: cut as they are made, new ones are drawn otherwise."""
    on_one(folder, tmp_path / "begun")
    changes = {"muon": False, "start_from": tmp_path / "begun"}
    on_one(folder, tmp_path / "one", **changes)
    on_two("zero3.yaml", folder, tmp_path / "two", **changes)
    assert_same_curves(tmp_path / "one", tmp_path / "two")


@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="deepspeed is not installed")
def test_muon_cannot_gather_what_deepspeed_cuts(folder, tmp_path):
    launch = ["-m", "accelerate.commands.launch", f"--config_file={TRAIN / 'accelerate' / 'zero3.yaml'}"]
    flags = tiny_run.flags(folder, tmp_path / "run", **EXACT, use_cpu=True)
    done = run_python(*launch, "--num_processes=1", SCRIPT, *flags, environment={"DS_ACCELERATOR": "cpu"})
    assert done.returncode != 0
    assert "Muon can gather matrices of FSDP2 alone, not of FSDP1 or DeepSpeed: add --muon false" in done.stderr
