"""What was said before runs were made: never of a run that has ended, never twice from the same runs, and kept."""

import json
from types import SimpleNamespace

import pytest
from lines import ALL_TOKENS, LAWS, SIZES, study

from symbolic_music.scaling.fits.laws import Law
from symbolic_music.scaling.fits.predictions import add_predictions, outcomes, r2_of_outcomes, read_predictions
from symbolic_music.scaling.report.predicted import budget_section, predict_unfinished, predicted_section
from symbolic_music.scaling.report.report import write_report

COUNT = "parameters"


@pytest.fixture(scope="module")
def runs():
    return study(fractions=(0.25, 0.5, 1.0), seeds=(0, 1, 2))


def plans_of(runs):
    """The grid of these runs as it was planned."""
    return [
        SimpleNamespace(
            run=SimpleNamespace(name=line["run"], family=line["family"]),
            num_blocks=line["blocks"],
            parameters=line["parameters"],
        )
        for line in runs
    ]


def is_small(line):
    return line["size"] != "large" and line["fraction"] < 1.0


@pytest.fixture(scope="module")
def predicted(runs, tmp_path_factory):
    """A folder in which the larger runs were predicted from the smaller ones."""
    folder = tmp_path_factory.mktemp("study")
    fitted = [line for line in study(fractions=(0.125, 0.25, 0.5), seeds=(0, 1, 2)) if line["size"] != "large"]
    plans = plans_of([line for line in runs if not is_small(line)])
    predictions, reasons = predict_unfinished(plans, fitted, 256, COUNT, samples=60)
    assert reasons == []
    add_predictions(folder / "predictions.jsonl", predictions, [line["run"] for line in fitted], commit="c")
    return folder, predictions, fitted


def test_predictions_are_the_laws_with_an_interval_for_a_seed(predicted, runs):
    _, predictions, fitted = predicted
    assert {row.run for row in predictions} == {line["run"] for line in runs if not is_small(line)}
    for row in predictions:
        family, size = row.run.split("-")[:2]
        fraction = float(row.run.split("-f")[1].split("-")[0])
        truth = float(Law("size_tokens", LAWS[family]).predict(SIZES[size], ALL_TOKENS * fraction))
        assert row.loss == pytest.approx(truth, rel=0.02)
        assert row.low < row.loss < row.high
        assert row.high - row.low > 2 * 1.9 * 0.002 * truth * 0.5, "a seed's spread is in it"
        assert row.fitted_runs == len(fitted) / 2


def test_what_has_ended_cannot_be_predicted_and_nothing_is_said_twice(predicted, tmp_path):
    _, predictions, _ = predicted
    log = tmp_path / "log.jsonl"
    gone = predictions[0].run
    assert add_predictions(log, predictions, [gone]) == len(predictions) - 1
    assert gone not in {row["run"] for row in read_predictions(log)}
    assert add_predictions(log, predictions, [gone]) == 0
    with log.open("a") as file:
        file.write('{"run": "cut')
    assert len(read_predictions(log)) == len(predictions) - 1


def test_the_report_holds_predictions_against_what_came(predicted, runs):
    folder, predictions, _ = predicted
    path = write_report(runs, folder, samples=5)
    text = path.read_text()
    assert "## Predicted before they were run" in text
    section = text.split("## Predicted before they were run")[1].split("\n## ")[0]
    assert section.count("| yes |") + section.count("| no |") == len(predictions)
    rows = outcomes(read_predictions(folder / "predictions.jsonl"), runs)
    inside = sum(row["inside"] for row in rows)
    assert inside >= 0.8 * len(rows), "the law is true here, so nearly all lie inside"
    assert r2_of_outcomes([row for row in rows if row["family"] == "lstm"], 3.0) > 0.96
    assert predicted_section(folder / "nowhere", runs) == []


def test_too_few_runs_are_a_reason(runs):
    few = [line for line in runs if line["family"] == "lstm"][:2]
    predictions, reasons = predict_unfinished(plans_of(runs), few, 256, COUNT)
    assert predictions == []
    assert [reason.split(":")[0] for reason in reasons] == ["transformer", "lstm"]
    assert "no run has ended" in reasons[0]


def test_hours_are_held_against_the_plan(runs, tmp_path):
    assert budget_section(tmp_path, runs) == []
    rows = [{"run": line["run"], "begins": 10.0, "ends": 10.0 + 2 * line["wall_seconds"]} for line in runs[:4]]
    (tmp_path / "plan.json").write_text(json.dumps({"runs": rows}))
    (sentence,) = [line for line in budget_section(tmp_path, runs) if line.startswith("4 runs")]
    assert sentence.endswith("0.50 times as many.")
