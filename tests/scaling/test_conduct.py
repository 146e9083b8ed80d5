"""The order of a study: what is finished stays, what was interrupted starts again, and a line says what is left."""

import io
from types import SimpleNamespace

import pytest

from symbolic_music.scaling.grid.conduct import StudyProgress, conduct
from symbolic_music.scaling.grid.runs import read_runs
from symbolic_music.scaling.grid.study import StudyError

CONTEXT = 64


def plan(name, family="transformer", settings="1", flops=100.0, lock=None):
    return SimpleNamespace(
        run=SimpleNamespace(name=name, family=family),
        settings=settings,
        flops_to_train=lambda context: flops,
        lock=lock or name,
        describe=lambda context: {"run": name, "family": family, "flops": flops, "settings_hash": settings},
    )


class Training:
    """Trains nothing, and breaks off at one run."""

    def __init__(self, breaks_at=None):
        self.breaks_at = breaks_at
        self.trained = []

    def __call__(self, planned, on_progress):
        on_progress(1, 2, 5.0)
        if planned.run.name == self.breaks_at:
            raise KeyboardInterrupt
        self.trained.append(planned.run.name)
        return {"wall_seconds": 10.0, "validation_nats_per_token": 2.0, "validation_bits_per_note": 6.0}


def test_an_interrupted_study_goes_on_at_the_run_it_was_in(tmp_path):
    plans = [plan("a"), plan("b"), plan("c")]
    with pytest.raises(KeyboardInterrupt):
        conduct(plans, CONTEXT, Training(breaks_at="b"), tmp_path)
    before = (tmp_path / "runs.jsonl").read_bytes()
    training = Training()
    finished = conduct(plans, CONTEXT, training, tmp_path)
    assert training.trained == ["b", "c"]
    assert [line["run"] for line in finished] == ["a", "b", "c"]
    assert (tmp_path / "runs.jsonl").read_bytes().startswith(before)
    assert conduct(plans, CONTEXT, Training(breaks_at="a"), tmp_path) == finished, "nothing is left to train"


def test_max_runs_counts_new_runs(tmp_path):
    plans = [plan("a"), plan("b"), plan("c")]
    for expected in (["a"], ["b"]):
        training = Training()
        conduct(plans, CONTEXT, training, tmp_path, max_runs=1)
        assert training.trained == expected


def test_other_settings_in_the_log_are_refused_before_anything_is_trained(tmp_path):
    conduct([plan("a")], CONTEXT, Training(), tmp_path)
    training = Training()
    with pytest.raises(StudyError, match="choose another --output"):
        conduct([plan("b"), plan("a", settings="2")], CONTEXT, training, tmp_path)
    assert training.trained == []


def test_runs_of_another_grid_stay_in_the_log_and_out_of_the_result(tmp_path):
    conduct([plan("a")], CONTEXT, Training(), tmp_path)
    assert [line["run"] for line in conduct([plan("b")], CONTEXT, Training(), tmp_path)] == ["b"]
    assert [line["run"] for line in read_runs(tmp_path / "runs.jsonl")] == ["a", "b"]


def test_other_processes_train_and_write_nothing(tmp_path, capsys):
    training = Training()
    conduct([plan("a")], CONTEXT, training, tmp_path, False, 1, from_main_process=lambda name: "a")
    assert training.trained == ["a"]
    assert not (tmp_path / "runs.jsonl").exists()


def test_a_run_that_another_job_is_at_is_left_to_it(tmp_path):
    plans = [plan("a"), plan("b"), plan("c")]
    training = Training()

    def other_job(planned, on_progress):
        if planned.run.name == "a":  # meanwhile, a second job
            conduct(plans, CONTEXT, training, tmp_path)
        return Training()(planned, on_progress)

    finished = conduct(plans, CONTEXT, other_job, tmp_path)
    assert training.trained == ["b", "c"]
    assert [line["run"] for line in finished] == ["b", "c", "a"]


def test_all_processes_train_what_the_first_one_chose(tmp_path):
    training = Training()
    told = iter(["b", None])
    conduct([plan("a"), plan("b")], CONTEXT, training, tmp_path, False, from_main_process=lambda name: next(told))
    assert training.trained == ["b"]


def test_progress_says_what_is_done_and_what_is_left():
    stream, now = io.StringIO(), [0.0]
    progress = StudyProgress([plan("a"), plan("b", flops=300.0)], CONTEXT, stream, clock=lambda: now[0])
    progress.step("a", [], 1, 4, 5.0)
    now[0] = 5.0
    progress.step("a", [], 2, 4, 4.0)  # too soon after the last line
    line = {"run": "a", "family": "transformer", "flops": 100.0, "wall_seconds": 60.0}
    line |= {"validation_nats_per_token": 2.0, "validation_bits_per_note": None}
    progress.run_ended(line, [line])
    now[0] = 60.0
    progress.step("b", [line], 1, 2, 3.0)
    assert stream.getvalue().splitlines() == [
        "[0/2 runs, 6% of the FLOPs] a: step 1/4, train 5.0000 nats/token, left for one job: not known yet",
        "[1/2 runs, 25% of the FLOPs] a: validation 2.0000 nats/token, 60 s, left for one job: 3 min",
        "[1/2 runs, 62% of the FLOPs] b: step 1/2, train 3.0000 nats/token, left for one job: 2 min",
    ]
