"""train/gpu_queue.py as it is used: packed here, run where nothing reads music, and put together here."""

import json
import os
import subprocess
import sys
import time

import pytest
from datasets import Dataset
from programs import PROGRAM_ENVIRONMENT, TRAIN, run_script

from symbolic_music.generation.loading import load_model
from symbolic_music.score.files import read_scores
from symbolic_music.tokenization.build import build_remi_tokenizer, save_processor

# As on a machine with torch and transformers alone.
BARE = """
import runpy, sys
for name in ("symusic", "miditok", "datasets", "lxml", "music21", "accelerate", "peft"):
    sys.modules[name] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SMALL = {"context": 32, "batch_tokens": 128, "compile": False, "least_minutes": 0.01, "validation_tokens": 512}
TRANSFORMER = {"model_type": "music_transformer", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
GPT2 = {"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2}


def call(*arguments):
    return run_script("gpu_queue", *arguments, expected=0).stdout


def state_of(output):
    return json.loads((output / "queue.json").read_text())["jobs"]


def run_arguments(packed_remi, jobs, output):
    return ["run", "--jobs", jobs, "--data", packed_remi.parent, "--output", output, "--cpu"]


@pytest.fixture
def write_jobs(tmp_path):
    def write(*jobs):
        path = tmp_path / "queue.yaml"
        path.write_text(json.dumps({"defaults": SMALL, "jobs": list(jobs)}))  # JSON is YAML
        return path

    return write


@pytest.fixture(scope="module")
def packed_remi(tmp_path_factory, ten_tunes):
    folder = tmp_path_factory.mktemp("gpu_queue")
    paths = sorted(ten_tunes.glob("*.mid"))
    (folder / "dataset" / "data").mkdir(parents=True)
    for name, files in {"train": paths[:8], "validation": paths[8:]}.items():
        rows = Dataset.from_dict({"midi": [path.read_bytes() for path in files]})
        rows.to_parquet(folder / "dataset" / "data" / f"{name}-00000-of-00001.parquet")
    save_processor(build_remi_tokenizer([read_scores(path)[0] for path in paths[:8]], 1500), folder / "tokenizer")
    output = folder / "packed" / "remi"
    said = call("pack", "--dataset", folder / "dataset", "--tokenizer", folder / "tokenizer", "--output", output)
    assert "train: 8 pieces" in said
    return output


def train_and_kill(arguments, output):
    """Run in a Python that reads no music, and end it when the first job has left a checkpoint."""
    environment = os.environ | PROGRAM_ENVIRONMENT
    command = [sys.executable, "-c", BARE, str(TRAIN / "gpu_queue.py"), *map(str, arguments), "--minutes", "10"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not list(output.glob("first/checkpoint-*/complete.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.kill()
    process.wait()


@pytest.mark.slow
def test_a_queue_broken_off_goes_on_and_is_brought_back(tmp_path, packed_remi, write_jobs):
    first = {"name": "first", "data": "remi", "minutes": 5, "save_minutes": 0.005, "model": TRANSFORMER}
    second = {"name": "second", "data": "remi", "minutes": 1, "tokens": 1000, "model": GPT2}
    output = tmp_path / "out"
    arguments = run_arguments(packed_remi, write_jobs(first, second), output)
    train_and_kill(arguments, output)
    assert state_of(output)["first"]["status"] == "running"
    # The first job's time is nearly over now: it goes on for as long as a job must, and the second is run.
    arguments = run_arguments(packed_remi, write_jobs(first | {"minutes": 0.15, "least_minutes": 0.1}, second), output)
    said = call(*arguments, "--minutes", 5)
    state = state_of(output)
    assert [state[name]["status"] for name in ("first", "second")] == ["complete", "complete"]
    assert state["first"]["sessions"][-1]["steps"] < state["first"]["total_steps"]
    assert "all jobs are complete" in said
    assert "all jobs are complete" in call(*arguments, "--minutes", 1)
    assert len(state_of(output)["second"]["sessions"]) == 1

    assert "2 shards; 0 are left" in call("bring", "--output", output, "--to", tmp_path / "portion")
    models = tmp_path / "models"
    said = call("assemble", tmp_path / "portion", "--data", packed_remi.parent, "--output", models)
    assert "whole models: first, second" in said
    for name in ("first", "second"):
        model, processor = load_model(str(models / name / "model"), "cpu")
        assert model.config.vocab_size == len(processor.tokenizer)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--minutes", "-1"], "--minutes is -1"),
        (["--minutes", "1", "--only", "third"], "no job 'third'"),
        (["--minutes", "1", "--jobs", "nothing.yaml"], "nothing.yaml"),
        (["--minutes", "1", "--data", "nowhere"], "no packed dataset"),
    ],
)
def test_mistakes_are_one_line(tmp_path, packed_remi, write_jobs, arguments, message):
    jobs = write_jobs({"name": "first", "data": "remi", "minutes": 5, "model": TRANSFORMER})
    said = run_script("gpu_queue", *run_arguments(packed_remi, jobs, tmp_path / "out"), *arguments, expected=2).stderr
    assert said.startswith("error: ")
    assert message in said
    assert said.count("\n") == 1


def test_a_ladder_ends_in_the_study_s_report(tmp_path, packed_remi, write_jobs):
    study = {
        "families": ["transformer", "lstm"],
        "sizes": [{"name": name, "layers": 1, "heads": 2, "width": width} for name, width in (("a", 8), ("b", 16))],
        "fractions": [1.0],
        "seeds": [0],
        "learning_rate": 1e-3,
        "context": 32,
        "batch_size": 4,
    }
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    jobs = write_jobs({"ladder": "study.yaml", "name": "ladder", "data": "remi", "minutes": 5})
    output, report = tmp_path / "out", tmp_path / "report"
    call(*run_arguments(packed_remi, jobs, output), "--minutes", 5)
    said = call("ladder", "--jobs", jobs, "--data", packed_remi.parent, "--output", output, "--to", report)
    assert "4 of 4 runs" in said
    arguments = ["--config", tmp_path / "study.yaml", "--output", report, "--report-only", "--bootstrap", "2"]
    run_script("studies/scaling_study", *arguments, expected=0)
    text = (report / "report.md").read_text()
    assert "2 of 2 pairs of transformer and lstm saw the same tokens in the same order" in text
