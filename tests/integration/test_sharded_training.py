"""Weights in shards on two processes, by FSDP2 or DeepSpeed: the loss curve of one, checkpoints that one can read.

FSDP2 on a CPU is torch's own, but accelerate has to be told (see `shard_on_cpu.py`).
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_run
from programs import PROGRAM_ENVIRONMENT, ROOT, TRAIN, launch, run_script
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from symbolic_music.training.checkpoints import mark_complete

SCRIPT = TRAIN / "pretrain.py"
SHARD_ON_CPU = Path(__file__).with_name("shard_on_cpu.py")
NAMES = ("loss", "nats_per_token", "structural_loss", "eval_loss", "eval_bits_per_note", "eval_tokens")
# Dropout draws differ between the processes, and bfloat16 shows how matrices of other shapes are rounded.
EXACT = {"max_steps": 6, "eval_steps": 3, "save_steps": 3, "dropout": 0, "bf16": False}

TOLERANCE = 1e-5

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_run.build(tmp_path_factory.mktemp("sharded"))


def flags_of_two(folder, output, **changes):
    """Two blocks for each process."""
    return tiny_run.flags(folder, output, **EXACT | {"per_device_train_batch_size": 2, "use_cpu": True} | changes)


def in_shards(folder, output, fresh=False, **changes):
    """Two processes, each with a half of everything."""
    done = launch("fsdp.yaml", SHARD_ON_CPU, SCRIPT, *flags_of_two(folder, output, **changes), fresh=fresh)
    assert done.returncode == 0, done.stderr
    assert json.loads((output / "training_summary.json").read_text())["num_processes"] == 2
    held = [json.loads((output / f"held-{rank}.json").read_text()) for rank in (0, 1)]
    for found in held:
        assert found["is_fsdp_module"]
        for kind in ("parameters", "optimizer"):
            assert found[kind]["cut"] == found[kind]["tensors"] > 0, kind
            assert found[kind]["held"] == pytest.approx(found[kind]["whole"] / 2, rel=0.1), kind
    for kind in ("parameters", "optimizer"):
        assert sum(found[kind]["held"] for found in held) == held[0][kind]["whole"]


def on_one(folder, output, **changes):
    """One process of four."""
    flags = tiny_run.flags(folder, output, **EXACT | {"per_device_train_batch_size": 4} | changes)
    run_script("pretrain", *flags, expected=0)


def curve(output, name):
    history = json.loads((output / "trainer_state.json").read_text())["log_history"]
    return [entry[name] for entry in history if name in entry]


def assert_same_curves(one, two):
    for name in NAMES:
        assert curve(two, name) == pytest.approx(curve(one, name), rel=TOLERANCE), name
    AutoModelForCausalLM.from_pretrained(two)
    weights, others = (load_file(path / "model.safetensors") for path in (one, two))
    assert weights.keys() == others.keys()
    for name, matrix in weights.items():
        assert others[name].numpy() == pytest.approx(matrix.numpy(), rel=1e-3, abs=1e-5), name


@pytest.fixture(scope="module")
def one(folder, tmp_path_factory):
    """A run of one process with Muon, and the samples that it wrote."""
    output = tmp_path_factory.mktemp("one") / "run"
    on_one(folder, output, sample_every=1)
    return output


@pytest.fixture(scope="module")
def two(folder, tmp_path_factory):
    """The same of two processes, in shards."""
    output = tmp_path_factory.mktemp("two") / "run"
    in_shards(folder, output, fresh=True, sample_every=1)
    return output


def test_muon_in_shards_gives_the_curve_of_one_process(one, two):
    assert_same_curves(one, two)


def test_adamw_in_shards_gives_the_curve_of_one_process(folder, one, tmp_path):
    on_one(folder, tmp_path / "one", muon=False)
    in_shards(folder, tmp_path / "two", muon=False)
    assert_same_curves(tmp_path / "one", tmp_path / "two")
    assert curve(one, "loss") != pytest.approx(curve(tmp_path / "one", "loss"), rel=TOLERANCE)


def test_rows_that_two_processes_cannot_share_evenly(folder, tmp_path):
    sizes = {"hidden_size": 35, "num_attention_heads": None, "model_type": "music_lstm"}
    on_one(folder, tmp_path / "one", **sizes)
    in_shards(folder, tmp_path / "two", **sizes)
    assert_same_curves(tmp_path / "one", tmp_path / "two")


def test_samples_while_training_in_shards_are_those_of_one_process(one, two):
    names = [f"step-{step:06d}.mid" for step in (3, 6)]
    for name in names:
        assert (two / "samples" / name).read_bytes() == (one / "samples" / name).read_bytes()


@pytest.mark.parametrize(("began", "go_on"), [("two", in_shards), ("two", on_one), ("one", in_shards)])
def test_a_run_goes_on_in_shards_or_in_one_process(folder, tmp_path, request, began, go_on):
    """Cut off after step 3, whose checkpoint is all that is left, and is the best one when training ends."""
    whole, cut = request.getfixturevalue(began), tmp_path / "cut"
    shutil.copytree(whole / "checkpoint-3", cut / "checkpoint-3")
    go_on(folder, cut, resume=True, sample_every=1)
    assert_same_curves(whole, cut)


def test_the_best_model_may_be_of_the_other_kind(folder, one, tmp_path):
    """The checkpoint of one process stays the best, as it was never validated otherwise."""
    cut = tmp_path / "cut"
    shutil.copytree(one / "checkpoint-3", cut / "checkpoint-3")
    state = cut / "checkpoint-3" / "trainer_state.json"
    known = json.loads(state.read_text()) | {"best_metric": 0.0, "best_model_checkpoint": str(cut / "checkpoint-3")}
    state.write_text(json.dumps(known))
    mark_complete(cut / "checkpoint-3", elapsed_seconds=None)
    in_shards(folder, cut, resume=True)
    weights = [load_file(path / "model.safetensors") for path in (cut, cut / "checkpoint-3", cut / "checkpoint-6")]
    for name, matrix in weights[0].items():
        assert matrix.equal(weights[1][name])
    assert not all(matrix.equal(weights[2][name]) for name, matrix in weights[0].items())


def test_fsdp_on_a_cpu_is_refused_in_one_line(folder, tmp_path):
    done = launch("fsdp.yaml", SCRIPT, *flags_of_two(folder, tmp_path / "run"))
    assert done.returncode != 0
    assert "error: FSDP is not used on a CPU: train on GPUs, or without shards" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("script", "flags"),
    [("train_infill", ["--dataset=x"]), ("finetune_lora", ["--model=x", "--dataset=x"])],
)
def test_scripts_whose_models_cannot_be_cut_refuse_fsdp(tmp_path, script, flags):
    flags = [*flags, f"--output={tmp_path / 'run'}", "--use_cpu=true", "--report_to=none"]
    done = launch("fsdp.yaml", SHARD_ON_CPU, TRAIN / f"{script}.py", *flags)
    assert done.returncode != 0
    assert "error: FSDP cannot cut the models of this script" in done.stderr


def test_a_kind_of_checkpoint_without_a_whole_model_is_refused(folder, tmp_path):
    given = ["--fsdp_state_dict_type=SHARDED_STATE_DICT", SHARD_ON_CPU, SCRIPT]
    done = launch("fsdp.yaml", *given, *flags_of_two(folder, tmp_path / "run"))
    assert done.returncode != 0
    assert "error: fsdp_state_dict_type is SHARDED_STATE_DICT, which writes no whole model" in done.stderr


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
    done = launch(
        "zero3.yaml", SCRIPT, *flags_of_two(folder, tmp_path / "two", **changes), environment={"DS_ACCELERATOR": "cpu"}
    )
    assert done.returncode == 0, done.stderr
    assert_same_curves(tmp_path / "one", tmp_path / "two")


@pytest.mark.skipif(importlib.util.find_spec("deepspeed") is None, reason="deepspeed is not installed")
def test_muon_cannot_gather_what_deepspeed_cuts(folder, tmp_path):
    flags = tiny_run.flags(folder, tmp_path / "run", **EXACT, use_cpu=True)
    done = launch("zero3.yaml", SCRIPT, *flags, processes=1, environment={"DS_ACCELERATOR": "cpu"})
    assert done.returncode != 0
    assert "Muon can gather matrices of FSDP2 alone, not of FSDP1 or DeepSpeed: add --muon false" in done.stderr
