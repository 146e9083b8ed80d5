"""A queue of jobs over several calls, and its results brought back."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from symbolic_music.training.queue import returned, shards
from symbolic_music.training.queue.data.packed import QueueError
from symbolic_music.training.queue.returned import assemble, bring
from symbolic_music.training.queue.runner import Queue, read_state


@pytest.fixture
def make_queue(packed_folder, tmp_path):
    def make(jobs, output="out", **settings):
        data, cpu = packed_folder.parent, torch.device("cpu")
        return Queue(jobs, data, tmp_path / output, cpu, report=lambda text: None, **settings)

    return make


def two_jobs(make_job):
    return [make_job(name="first", tokens=500), make_job(name="second", tokens=700)]


def test_jobs_are_run_in_order_and_not_again(make_queue, make_job, tmp_path):
    state = make_queue(two_jobs(make_job)).run(1000)
    assert [(name, facts["status"]) for name, facts in state.items()] == [
        ("first", "complete"),
        ("second", "complete"),
    ]
    assert [len(facts["sessions"]) for facts in make_queue(two_jobs(make_job)).run(1000).values()] == [1, 1]
    log = (tmp_path / "out" / "log.md").read_text()
    assert "| first | complete |" in log
    assert "model-FLOP utilisation" in log
    facts = state["first"]
    assert facts["total_tokens"] >= 500
    assert facts["sessions"][0]["tokens_per_second"] > 0
    assert facts["sessions"][0]["utilisation"] is None  # no peak of a CPU is known


def test_a_call_without_time_starts_nothing(make_queue, make_job, tmp_path):
    assert make_queue(two_jobs(make_job)).run(0.1) == {}
    assert not (tmp_path / "out" / "first").exists()


def test_a_job_that_breaks_off_goes_on_in_the_next_call(make_queue, make_job, tmp_path, monkeypatch):
    job = make_job(name="first", tokens=2000, save_minutes=1e-3)
    from symbolic_music.training.queue.loop import JobTraining

    step = JobTraining._step

    def kill(self, *arguments):
        step(self, *arguments)
        if self.progress.step == 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(JobTraining, "_step", kill)
    with pytest.raises(KeyboardInterrupt):
        make_queue([job]).run(1000)
    assert read_state(tmp_path / "out")["first"]["status"] == "running"
    monkeypatch.setattr(JobTraining, "_step", step)
    state = make_queue([job]).run(1000)
    assert state["first"]["status"] == "complete"
    # It went on from a checkpoint: fewer steps than the whole in this session.
    assert state["first"]["sessions"][-1]["steps"] < state["first"]["total_steps"]


def test_a_job_that_fails_is_written_down_and_the_next_one_runs(make_queue, make_job, tmp_path):
    wrong = make_job(name="wrong", model={"model_type": "music_transformer", "hidden_size": 15})
    state = make_queue([wrong, make_job(name="right", tokens=64)]).run(1000)
    assert state["wrong"]["status"] == "failed"
    assert "hidden_size" in state["wrong"]["sessions"][0]["error"]
    assert state["right"]["status"] == "complete"
    assert "- wrong: " in (tmp_path / "out" / "log.md").read_text()


def test_a_job_begun_with_other_settings_is_refused(make_queue, make_job):
    make_queue([make_job(tokens=64)]).run(1000)
    with pytest.raises(QueueError, match="begun with other settings"):
        make_queue([make_job(tokens=64, seed=1)])
    make_queue([make_job(tokens=64, minutes=7)])  # minutes may change


def test_results_come_back_in_portions_and_load(make_queue, make_job, tmp_path, packed_folder, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 46_500)
    make_queue(two_jobs(make_job)).run(1000)
    output, portions = tmp_path / "out", []
    left = 1
    while left:
        portions.append(tmp_path / f"portion-{len(portions)}")
        copied, left = bring(output, portions[-1], most_files=3, most_bytes=200_000)
        files = [path for path in portions[-1].rglob("*") if path.is_file()]
        assert len(files) == copied + 1 <= 3
        assert sum(path.stat().st_size for path in files) <= 200_000
        assert all(len(path.relative_to(portions[-1]).parts) <= 2 for path in files)
    assert len(portions) > 1
    assert bring(output, tmp_path / "more") == (0, 0)
    # Without one portion, the model of which a shard lies there is not whole.
    assert len(assemble(portions[1:], packed_folder.parent, tmp_path / "partly")) < 2
    assert assemble(portions, packed_folder.parent, tmp_path / "whole") == ["first", "second"]
    for name in ("first", "second"):
        one = AutoModelForCausalLM.from_pretrained(output / name / "model").state_dict()
        other = AutoModelForCausalLM.from_pretrained(tmp_path / "whole" / name / "model").state_dict()
        assert all(torch.equal(one[key], other[key]) for key in one)
        AutoTokenizer.from_pretrained(tmp_path / "whole" / name / "model")
    # A later hour goes on from what was brought.
    jobs = [make_job(name="first", tokens=500), make_job(name="second", tokens=700), make_job(name="third", tokens=64)]
    state = make_queue(jobs, output="later", start=tmp_path / "whole").run(1000)
    assert [len(facts["sessions"]) for facts in state.values()] == [1, 1, 1]


def test_a_shard_that_was_damaged_on_its_way_is_not_used(make_queue, make_job, tmp_path, packed_folder):
    make_queue([make_job(tokens=64)]).run(1000)
    bring(tmp_path / "out", tmp_path / "portion")
    [shard] = (tmp_path / "portion").rglob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert assemble([tmp_path / "portion"], packed_folder.parent, tmp_path / "whole") == []


def test_a_bundle_writes_nowhere_else(tmp_path, packed_folder):
    portion = tmp_path / "portion"
    portion.mkdir()
    (portion / returned.BUNDLE_FILE).write_text(json.dumps({"shards": {}, "texts": {"../evil.json": "{}"}}))
    with pytest.raises(QueueError, match="within the queue's folder"):
        assemble([portion], packed_folder.parent, tmp_path / "whole")
    assert not (tmp_path / "evil.json").exists()
