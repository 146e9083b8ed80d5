"""Plans, the log of finished runs, and what is left to do."""

import json
from types import SimpleNamespace

import pytest

from symbolic_music.scaling.grid.runs import (
    RUNS_FILE,
    Claims,
    append_run,
    format_minutes,
    plan_run,
    read_runs,
    runs_to_do,
    seconds_left,
    settings_hash,
)
from symbolic_music.scaling.grid.study import StudyError, parse_settings

GRID = {
    "families": ["transformer", "lstm"],
    "sizes": [{"name": "nano", "layers": 1, "heads": 2, "width": 32}],
    "fractions": [0.5, 1.0],
    "seeds": [0],
    "learning_rate": 1e-3,
    "context": 64,
    "batch_size": 4,
}


class Tokenizer:
    pad_token_id, bos_token_id, eos_token_id = 3, 4, 5

    def __len__(self):
        return 120


def data(num_blocks=22, data_hash="d"):
    return SimpleNamespace(
        train=range(num_blocks),
        processor=SimpleNamespace(tokenizer=Tokenizer()),
        data_hash=data_hash,
        tokenizer_hash="t",
    )


def plans(changes=(), **kwargs):
    settings = parse_settings(GRID | dict(changes))
    return [plan_run(run, settings, data(**kwargs), lambda steps: int(0.8 * steps)) for run in settings.runs()]


def test_a_plan_trains_on_whole_steps_only():
    half, whole = plans()[0], plans()[-1]
    assert (half.num_blocks, half.num_left_out) == (8, 3)
    assert (whole.num_blocks, whole.num_left_out) == (20, 2)
    assert whole.flops(64) == whole.flops_per_token * 20 * 64


def test_runs_that_share_a_trunk_cost_what_is_new():
    grid = {"fractions": [0.25, 0.5, 1.0], "share_trunks": True, "training": {"warmup_steps": 1}}
    alone, shared = (
        {plan.run.name: plan for plan in plans(more, num_blocks=80)} for more in ({"fractions": [1.0]}, grid)
    )
    # 5, 10 and 20 steps; trunks of 4, 8 and 16: the second run goes on from step 4, the third from step 8.
    trained = [shared[f"lstm-nano-f{fraction}-s0"].trained_share for fraction in ("0.25", "0.5", "1")]
    assert trained == pytest.approx([1.0, 0.6, 0.6])
    longest = shared["lstm-nano-f1-s0"]
    assert longest.flops(64) == alone["lstm-nano-f1-s0"].flops(64), "a law is fitted to what a run of its own costs"
    assert longest.flops_to_train(64) == pytest.approx(0.6 * longest.flops(64))
    assert longest.describe(64)["flops_trained"] == longest.flops_to_train(64)
    assert {plan.lock for plan in shared.values()} == {"transformer-nano-s0", "lstm-nano-s0"}
    assert alone["lstm-nano-f1-s0"].lock == "lstm-nano-f1-s0"
    assert longest.settings != alone["lstm-nano-f1-s0"].settings


def test_a_job_leaves_a_trunk_to_the_one_that_is_at_it(tmp_path):
    locks = {"short": "trunk", "long": "trunk", "other": "other"}
    first, second, third = (Claims(tmp_path) for _ in range(3))
    assert [claims.take(locks) for claims in (first, second, third)] == ["short", "other", None]
    append_run(tmp_path / RUNS_FILE, {"run": "short"})
    with first:
        pass
    assert third.take(locks) == "long"


def test_a_plan_knows_its_model():
    for plan in plans():
        assert plan.config.vocab_size == 120
        assert plan.config.pad_token_id == 3
        assert plan.config.dropout == 0.0
        assert 0 < plan.parameters_without_embeddings < plan.parameters
        assert plan.flops_per_token > 2 * plan.parameters_without_embeddings
        described = plan.describe(64)
        assert json.loads(json.dumps(described)) == described
        assert described["run"] == plan.run.name


def test_too_little_data_for_a_step_is_refused():
    with pytest.raises(StudyError, match=r"f0\.5-s0: 2 of 4 blocks do not fill a step of 4"):
        plans(num_blocks=4)


@pytest.mark.parametrize(
    "changes", [{"batch_size": 2}, {"learning_rate": 2e-3}, {"muon": False}, {"training": {"weight_decay": 0.0}}]
)
def test_other_settings_have_another_hash(changes):
    assert plans(changes)[0].settings != plans()[0].settings


def test_other_data_have_another_hash():
    assert plans(data_hash="e")[0].settings != plans()[0].settings
    assert settings_hash({"a": 1, "b": 2}) == settings_hash({"b": 2, "a": 1})


def test_lines_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "new" / "runs.jsonl"
    assert read_runs(path) == []
    for name in "ab":
        append_run(path, {"run": name, "loss": 1.5})
    assert read_runs(path) == [{"run": "a", "loss": 1.5}, {"run": "b", "loss": 1.5}]


def test_a_line_that_was_cut_is_left_out_and_written_over(tmp_path):
    path = tmp_path / "runs.jsonl"
    append_run(path, {"run": "a"})
    path.write_bytes(path.read_bytes() + b'{"run": "b", "lo')
    assert read_runs(path) == [{"run": "a"}]
    append_run(path, {"run": "c"})
    assert path.read_text() == '{"run": "a"}\n{"run": "c"}\n'


@pytest.mark.parametrize("wrong", ["nonsense", "[1]", "{}"])
def test_a_line_that_is_no_run_is_named(tmp_path, wrong):
    path = tmp_path / "runs.jsonl"
    path.write_text(f'{{"run": "a"}}\n{wrong}\n')
    with pytest.raises(StudyError, match=r"runs.jsonl, line 2: not a finished run"):
        read_runs(path)


def test_finished_runs_are_not_done_again(tmp_path):
    finished = [{"run": "a", "settings_hash": "1"}]
    assert runs_to_do({"a": "1", "b": "2"}, finished, tmp_path) == ["b"]
    with pytest.raises(StudyError, match=r"holds a trained with other settings \(1, now 3\)"):
        runs_to_do({"a": "3", "b": "2"}, finished, tmp_path)


def test_time_left_goes_by_the_family_and_its_flops():
    finished = [
        {"family": "transformer", "wall_seconds": 10.0, "flops": 1.0},
        {"family": "lstm", "wall_seconds": 40.0, "flops": 1.0},
        {"family": "transformer", "wall_seconds": 10.0, "flops": 2.0},
    ]
    assert seconds_left([("transformer", 4.0), ("lstm", 2.0)], finished) == 4 * 5 + 2 * 40
    assert seconds_left([("lstm", 2.0)], finished[:1]) == 20
    assert seconds_left([("lstm", 2.0)], []) is None
    assert [format_minutes(seconds) for seconds in (None, 30.0, 600.0)] == ["not known yet", "30 s", "10 min"]
