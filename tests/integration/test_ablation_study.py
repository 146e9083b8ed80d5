"""The ablation study as a user runs it: one row trained, evaluated, sampled, and not run again."""

import json

import pytest
import tiny_run
import yaml
from programs import run_script


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_run.build(tmp_path_factory.mktemp("ablations"))


def study(folder, grid, **options):
    data = ["--dataset", folder / "dataset", "--tokenizer", folder / "tokenizer"]
    return run_script("studies/ablation_study", "--grid", grid, "--output", folder / "study", *data, **options)


@pytest.mark.slow
def test_rows_become_a_table_and_are_not_run_again(folder, tmp_path):
    base = tmp_path / "base.yaml"
    base.write_text(yaml.safe_dump(tiny_run.TINY_MODEL))
    grid = {
        "base": str(base),
        "flags": {"max_steps": 4, "eval_steps": 4, "save_steps": 4},
        "samples": {"num_samples": 3, "max_tokens": 40},
        "runs": {"base": {}, "no structural loss": {"structural_loss_weight": 0.0}},
    }
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump(grid))
    done = study(folder, path, fresh=True, expected=0)
    result = json.loads((folder / "study" / "ablations.json").read_text())
    assert [row["run"] for row in result["table"]] == ["base", "no structural loss"]
    assert all(row["samples"] == 3 and row["bits per note"] > 0 for row in result["rows"])
    assert "| base |" in done.stdout
    summaries = [folder / "study" / name / "training_summary.json" for name in ("base", "no-structural-loss")]
    assert [json.loads(summary.read_text())["structural_loss_weight"] for summary in summaries] == [1.0, 0.0]
    before = [summary.stat().st_mtime_ns for summary in summaries]
    study(folder, path, expected=0)
    assert [summary.stat().st_mtime_ns for summary in summaries] == before


def test_a_random_row_needs_its_dataset(folder, tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text(yaml.safe_dump({"base": "x", "flags": {}, "samples": {}, "runs": {"r": {"dataset": "random"}}}))
    done = study(folder, path)
    assert done.returncode != 0
    assert done.stderr.strip() == "error: r: needs --other-dataset random=DATASET"
