"""`scaling_study.py` as its user runs it: cut off, resumed, reported; in two processes; and told nonsense."""

import json

import pytest
import tiny_run
import yaml
from programs import TRAIN, launch, run_python

from symbolic_music.scaling.grid.study import read_settings

SCRIPT = TRAIN / "studies" / "scaling_study.py"
STUDY = {
    "families": ["transformer", "lstm"],
    "sizes": [{"name": "nano", "layers": 1, "heads": 2, "width": 32}],
    "fractions": [1.0],
    "seeds": [0, 1],
    "context": 64,
    "batch_size": 4,
    "learning_rate": {"transformer": {"base": "3e-3", "base_width": 32}, "lstm": 3e-3},
    "training": {"use_cpu": True},
}
REPORT_FILES = ("report.md", "fits.json", "study.yaml", "loss_vs_size.png", "loss_vs_tokens.png", "loss_vs_flops.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_run.build(tmp_path_factory.mktemp("study"))


def run(folder, output, *flags, study=STUDY, processes=1, expected=0, fresh=False):
    config = output.parent / "study.yaml"
    config.write_text(yaml.safe_dump(study))
    named = {"config": config, "dataset": folder / "dataset", "tokenizer": folder / "tokenizer", "output": output}
    given = [*(f"--{name}={value}" for name, value in named.items()), *flags]
    if processes > 1:
        result = launch("cpu_two_processes.yaml", SCRIPT, *given, processes=processes, fresh=fresh)
    else:
        result = run_python(SCRIPT, *given, fresh=fresh)
    assert result.returncode == expected, result.stdout + result.stderr
    return result


def lines(output):
    return [json.loads(line) for line in (output / "runs.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def study(folder, tmp_path_factory):
    """A study that stopped after its first run, in the middle of writing the second, and was taken up again."""
    output = tmp_path_factory.mktemp("output") / "study"
    first = run(folder, output, "--max-runs=1", fresh=True)
    log = output / "runs.jsonl"
    before = log.read_bytes()
    log.write_bytes(before + b'{"run": "lstm-nano-f1-s0", "fam')
    second = run(folder, output)
    return output, before, first, second


@pytest.mark.slow
def test_a_study_that_was_cut_off_goes_on_and_keeps_what_it_has(study):
    output, before, first, second = study
    assert before.count(b"\n") == 1
    assert (output / "runs.jsonl").read_bytes().startswith(before)
    names = [line["run"] for line in lines(output)]
    assert names == [f"{family}-nano-f1-s{seed}" for seed in (0, 1) for family in ("transformer", "lstm")]
    assert "[1/4 runs, " in first.stdout
    assert "left for one job: " in first.stdout
    assert "[4/4 runs, 100% of the FLOPs] lstm-nano-f1-s1: validation " in second.stdout
    assert "transformer-nano-f1-s0: step" not in second.stdout


TRUNKS = STUDY | {
    "fractions": [0.5, 1.0],
    "seeds": [0],
    "share_trunks": True,
    "train_tokens": 1500,
    "training": {"use_cpu": True, "warmup_steps": 1},
}


@pytest.mark.slow
def test_runs_that_share_trunks_are_planned_trained_and_held_against_the_plan(folder, tmp_path):
    output = tmp_path / "study"
    planned = run(folder, output, "--plan", "--hours=0.5", "--workers=2", study=TRUNKS, fresh=True)
    assert "4 of 4 runs fit into 0.5 hours" in planned.stdout
    run(folder, output, "--max-runs=2", study=TRUNKS)
    assert sorted(path.name for path in (output / "trunks").iterdir()) == ["lstm-nano-s0", "transformer-nano-s0"]
    asked = run(folder, output, "--predict", study=TRUNKS)
    assert "no prediction for lstm: 1 sizes cannot determine" in asked.stdout
    run(folder, output, study=TRUNKS)
    found = {line["run"]: line for line in lines(output)}
    short, whole = (found[f"lstm-nano-f{fraction}-s0"] for fraction in ("0.5", "1"))
    assert (short["steps"], whole["steps"], whole["steps_trained"]) == (3, 5, 3)
    assert whole["tokens"] <= 1500
    assert whole["flops_trained"] < whole["flops"]
    assert list((output / "trunks").iterdir()) == [], "nothing goes on from there"
    assert "4 runs that `--plan --hours` gave" in (output / "report.md").read_text()


@pytest.mark.slow
def test_the_families_saw_the_same_tokens_in_the_same_order(study):
    found = {line["run"]: line for line in lines(study[0])}
    for seed in (0, 1):
        transformer, lstm = (found[f"{family}-nano-f1-s{seed}"] for family in ("transformer", "lstm"))
        for name in (
            "tokens",
            "steps",
            "order_hash",
            "batch_tokens",
            "data_hash",
            "tokenizer_hash",
            "validation_tokens",
        ):
            assert transformer[name] == lstm[name], name
        assert lstm["parameters"] == pytest.approx(transformer["parameters"], rel=0.02)
        assert transformer["validation_nats_per_token"] != lstm["validation_nats_per_token"]
    assert found["lstm-nano-f1-s0"]["order_hash"] != found["lstm-nano-f1-s1"]["order_hash"]


@pytest.mark.slow
def test_a_line_counts_the_parameters_of_the_model_it_names(study):
    from transformers import AutoModelForCausalLM

    from symbolic_music.scaling.grid.ladder import lstm_config, transformer_config

    settings = read_settings(study[0] / "study.yaml")
    [rung] = settings.sizes.values()
    for line, make in zip(lines(study[0])[:2], (transformer_config, lstm_config), strict=True):
        config = make(rung, line["model"]["vocab_size"], line["context"], settings.position_encoding)
        model = AutoModelForCausalLM.from_config(config)
        assert sum(parameter.numel() for parameter in model.parameters()) == line["parameters"]
        assert line["flops"] == line["flops_per_token"] * line["blocks"] * line["context"]
        assert line["tokens"] == line["blocks"] * line["context"], "whole steps leave no padded block"


@pytest.mark.slow
def test_the_report_says_that_one_size_makes_no_fit(study):
    output, *_, second = study
    for name in REPORT_FILES:
        assert (output / name).exists(), name
    text = (output / "report.md").read_text()
    assert "4 of 4 planned" in text
    assert "1 sizes cannot determine E, A and alpha" in text
    assert "2 of 2 pairs of transformer and lstm saw the same tokens in the same order" in text
    assert f"4 of 4 runs are reported in {output / 'report.md'}" in second.stdout


@pytest.mark.slow
def test_two_processes_train_the_run_of_one(study, folder, tmp_path):
    run(folder, tmp_path / "two", "--max-runs=1", processes=2)
    [two], one = lines(tmp_path / "two"), lines(study[0])[0]
    assert (one["num_processes"], two["num_processes"]) == (1, 2)
    for name in ("run", "tokens", "steps", "settings_hash", "validation_tokens"):
        assert two[name] == one[name], name
    assert two["validation_nats_per_token"] == pytest.approx(one["validation_nats_per_token"], abs=1e-4)
    assert [point["nats_per_token"] for point in two["curve"]] == pytest.approx(
        [point["nats_per_token"] for point in one["curve"]], abs=1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"families": ["gru"]}, "study.yaml: unknown family 'gru'"),
        ({"batch_size": 4000}, "do not fill a step of 4000"),
    ],
)
def test_a_users_error_is_one_line_and_code_2(folder, tmp_path, changes, complaint):
    result = run(folder, tmp_path / "x", study=STUDY | changes, expected=2)
    assert "Traceback" not in result.stderr
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert complaint in last
    assert not (tmp_path / "x" / "runs.jsonl").exists()


@pytest.mark.slow
def test_other_settings_do_not_mix_with_a_finished_run(study, folder):
    before = (study[0] / "runs.jsonl").read_bytes()
    result = run(folder, study[0], study=STUDY | {"learning_rate": 1e-4}, expected=2)
    assert "trained with other settings" in result.stderr.strip().splitlines()[-1]
    assert (study[0] / "runs.jsonl").read_bytes() == before


@pytest.mark.parametrize("path", sorted((TRAIN / "configs").glob("scaling-*.yaml")), ids=lambda path: path.stem)
def test_the_studies_that_are_shipped_can_be_read(path):
    settings = read_settings(path)
    assert {run.family for run in settings.runs()} == {"transformer", "lstm"}
