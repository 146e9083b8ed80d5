"""A user's mistake ends every script and command with exit code 2 and a line that names it, never in a traceback.

One body, a table of members: a mistake that was once a traceback joins as a row.
"""

import shutil

import pytest
import tiny_model
import tiny_run
from datasets import Dataset
from programs import run_command, run_script

from symbolic_music.score.midi.io import write_midi

pytestmark = pytest.mark.slow

JUNK = bytes(range(256)) * 8
DATA = ["--dataset", "{dataset}", "--output", "{out}/x"]
MODEL = ["--model", "{model}", *DATA]
GENERATE = ["symbolic-music", "generate", "--model", "{model}", "--output-dir", "{out}/pieces"]
EVALUATE = ["symbolic-music", "evaluate"]
COPIES = ["--only", "copies"]
TINY = ["--hidden_size=16", "--num_hidden_layers=1", "--num_attention_heads=2", "--max_steps=1", "--report_to=none"]
PRETRAIN = ["pretrain", "--tokenizer={tokenizer}", "--dataset={dataset}", "--output={out}/run", *TINY]

# (program and arguments, what its line says)
MISTAKES = [
    # Models that are none.
    ([*EVALUATE, "--model", "{bad}/no-weights", *DATA], "cannot load a model from"),
    ([*EVALUATE, "--model", "{bad}/no-processor", *DATA], "cannot load a model from"),
    ([*EVALUATE, "--model", "{bad}/no-tokenizer", "--only", "samples", *DATA], "cannot load a model from"),
    (["tune_sampling", "--model", "{bad}/junk-config", *DATA], "cannot load a model from"),
    ([*EVALUATE, "--model", "{bad}/junk-weights", "--only", "copies", *DATA], "cannot load a model from"),
    ([*EVALUATE, "--model", "{bad}/junk-tokenizer", *DATA], "cannot load a model from"),
    ([*EVALUATE, "--model", "{bad}/walk.mid", *DATA], "is a file; expected a model folder"),
    (["symbolic-music", "info", "{bad}/no-processor"], "cannot load a model from"),
    (
        ["symbolic-music", "generate", "--model", "{bad}/junk-tokenizer", "--output-dir", "{out}"],
        "cannot load a model",
    ),
    (["studies/compare_recipes", "--base-model", "{bad}/walk.mid", *DATA], "no tokenizer of text could be loaded"),
    (
        ["studies/compare_recipes", "--base-model", "a b c", *DATA, "--recipe", "spelled"],
        "no tokenizer of text could be loaded",
    ),
    (["finetune_lora", "--base_model", "{model}", *DATA], "it is a model of music already"),
    (["pretrain", "--tokenizer={bad}/no-processor", "--dataset={dataset}", "--output={out}/y"], "no music processor"),
    # Datasets that are none.
    ([*EVALUATE, "--model", "{model}", "--dataset", "{bad}/missing", "--output", "{out}/x"], "no dataset could"),
    ([*EVALUATE, "--model", "{model}", "--dataset", "", "--output", "{out}/x"], "no dataset is named"),
    (["build_tokenizer", "--dataset", "{model}", "--vocab-size", "840", "--output", "{out}/t"], "no dataset could"),
    (["pretrain", "--dataset={bad}/junk-rows", "--tokenizer={tokenizer}", "--output={out}/z", *TINY], "not_music"),
    ([*EVALUATE, *COPIES, "--dataset", "{bad}/no-columns", "--output", "{out}/m"], "no column 'midi'"),
    (["symbolic-music", "prepare", "--dataset", "{model}", "--output", "{out}/p"], "cannot be read"),
    # Files that are none.
    (["pretrain", "--config", "{bad}/missing.yaml"], "no such file; expected a YAML file"),
    (["pretrain", "--config", "{bad}/junk.yaml"], "cannot be read as YAML"),
    (
        ["studies/ablation_study", "--grid", "{bad}/missing.yaml", "--tokenizer", "t", *DATA],
        "no such file; expected a YAML",
    ),
    (["studies/ablation_study", "--grid", "{bad}/list.yaml", "--tokenizer", "t", *DATA], "expected one mapping"),
    (
        ["studies/ablation_study", "--grid", "{bad}/other.yaml", "--tokenizer", "t", *DATA],
        "expected a study with base",
    ),
    (["symbolic-music", "compare", "--reports", "{bad}/junk.yaml", "--output", "{out}/m.md"], "found no folder"),
    (["symbolic-music", "compare", "--reports", "{bad}", "--output", "{out}/m.md"], "expected the figures"),
    ([*EVALUATE, *MODEL, "--kinds", "{bad}/list.yaml"], "expected lines 'source: kind'"),
    ([*EVALUATE, *MODEL, "--kinds", "{bad}/missing.yaml"], "missing.yaml: no such file; expected a YAML file"),
    # Places that cannot be written.
    (["pretrain", "--dataset={dataset}", "--tokenizer={tokenizer}", "--output={bad}/walk.mid/x", *TINY], "walk.mid"),
    ([*EVALUATE, *COPIES, "--dataset", "{dataset}", "--output", "{bad}/walk.mid"], "walk.mid"),
    # Numbers and names out of range.
    ([*EVALUATE, *MODEL, "--num-samples", "-1"], "--num-samples is -1; expected 1 or more"),
    ([*EVALUATE, *MODEL, "--context-length", "-1"], "--context-length is -1; expected 2 or more"),
    ([*EVALUATE, *MODEL, "--seed", "-1"], "seed is -1; expected 0 to"),
    ([*EVALUATE, *DATA], "--model is missing"),
    (["symbolic-music", "compare", "{bad}/walk.mid"], "expected two files or folders of pieces"),
    (
        ["studies/compare_recipes", "--base-model", "x", *DATA, "--learning-rate", "nan"],
        "nan; expected a number above 0",
    ),
    ([*GENERATE, "--particles", "0"], "--particles is 0; expected 1 or more"),
    ([*GENERATE, "--particles", "2", "--temperature", "0"], "particles is 2; expected 1 at temperature 0"),
    ([*GENERATE, "--particles", "2", "--no-grammar"], "particles is 2; expected 1 without the grammar"),
    (["tune_sampling", *MODEL, "--temperature", "-1"], "temperature is -1.0; expected 0 or"),
    (["tune_sampling", *MODEL, "--temperature", "1e99"], "temperature is 1e+99; expected 0 or"),
    ([*PRETRAIN, "--learning_rate=nan"], "--learning_rate is nan; expected 0 or more"),
    ([*PRETRAIN, "--group_by_length=true"], "unknown flags: --group_by_length=true"),
    ([*PRETRAIN, "--report_to=nonsense"], "nonsense is not supported"),
    ([*PRETRAIN, "--fsdp=full_shard"], "only works in distributed training"),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """What the placeholders of the table stand for."""
    folder = tmp_path_factory.mktemp("mistakes")
    tiny_run.build(folder)
    bad, model = folder / "bad", tiny_model.save_checkpoint(folder / "model")
    bad.mkdir()
    (bad / "junk.yaml").write_bytes(JUNK)
    (bad / "list.yaml").write_text("- 1\n")
    (bad / "other.yaml").write_text("a: 1\n")
    write_midi(tiny_run.tune(1), bad / "walk.mid")
    for name, missing in (
        ("no-weights", ["model.safetensors"]),
        ("no-processor", ["processor_config.json"]),
        ("no-tokenizer", ["tokenizer.json", "tokenizer_config.json"]),
    ):
        shutil.copytree(model, bad / name)
        for file in missing:
            (bad / name / file).unlink()
    for name, file in (
        ("junk-config", "config.json"),
        ("junk-weights", "model.safetensors"),
        ("junk-tokenizer", "tokenizer.json"),
    ):
        shutil.copytree(model, bad / name)
        (bad / name / file).write_bytes(b"{}" if file == "tokenizer.json" else JUNK)
    for name, row in (("no-columns", {"a": 1}), ("junk-rows", tiny_run.row(1) | {"midi": b"junk"})):
        (bad / name / "data").mkdir(parents=True)
        for split in ("train", "validation", "test"):
            Dataset.from_list([row] * 3).to_parquet(bad / name / "data" / f"{split}-00000-of-00001.parquet")
    names = {"dataset": folder / "dataset", "tokenizer": folder / "tokenizer", "out": folder / "out"}
    return {name: str(path) for name, path in (names | {"bad": bad, "model": model}).items()}


@pytest.mark.parametrize(
    ("arguments", "message"), MISTAKES, ids=lambda value: " ".join(value)[:70] if isinstance(value, list) else ""
)
def test_a_mistake_ends_in_one_line(arguments, message, places):
    program, *given = [word.format(**places) for word in arguments]
    done = run_command(*given) if program == "symbolic-music" else run_script(program, *given)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 2, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert "error: " in last or last.startswith(f"{program}: "), done.stderr
    assert message in last, done.stderr
