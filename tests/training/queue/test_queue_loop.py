"""A job's training: exact resumption, ends in time, what is written."""

import math

import pytest
import torch
from transformers import AutoModelForCausalLM

from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.tokenization.build import build_word_level_tokenizer
from symbolic_music.training.checkpoints import find_checkpoints
from symbolic_music.training.queue import shards
from symbolic_music.training.queue.data.packed import QueueError, read_packed
from symbolic_music.training.queue.data.packing import PackSettings, pack_dataset
from symbolic_music.training.queue.loop import JobTraining
from symbolic_music.training.queue.planner import Deal
from symbolic_music.training.queue.progress import Progress


class TickingClock:
    """A clock that goes on by a second whenever it is read."""

    def __init__(self, seconds: float = 1.0):
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def weights_of(folder):
    return AutoModelForCausalLM.from_pretrained(folder / "model").state_dict()


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, other[name]), name


def train(job, packed, folder, deal=None, max_steps=None, **settings):
    training = JobTraining(job, packed, folder, torch.device("cpu"), report=lambda text: None, **settings)
    return training.run(deal or Deal(job, 1e6, 1e6), max_steps)


@pytest.mark.parametrize("muon", [True, False])
def test_a_run_in_three_sessions_is_the_run_in_one(tmp_path, packed, make_job, muon):
    # Dropout, several epochs, two passes a step: all that must go on where it stood.
    job = make_job(epochs=2, muon=muon, precision="float32")
    whole = train(job, packed, tmp_path / "whole")
    assert whole["status"] == "complete"
    assert whole["steps"] > 8
    sessions = [train(job, packed, tmp_path / "parts", max_steps=steps) for steps in (3, whole["steps"] // 2, None)]
    assert [session["status"] for session in sessions] == ["paused", "paused", "complete"]
    assert sum(session["steps"] for session in sessions) == whole["steps"]
    assert_same_weights(weights_of(tmp_path / "parts"), weights_of(tmp_path / "whole"))
    assert sessions[-1]["validations"][-1] == whole["validations"][-1]
    assert [point["step"] for point in sessions[-1]["curve"]] == [3, 3 + whole["steps"] // 2, whole["steps"]]
    assert find_checkpoints(tmp_path / "parts") == ([], [])


def test_it_learns(tmp_path, packed, make_job):
    found = train(make_job(epochs=12, learning_rate=2e-2), packed, tmp_path)
    untrained = train(make_job(name="none", tokens=64), packed, tmp_path / "none")
    nats = [each["validations"][-1]["nats_per_token"] for each in (untrained, found)]
    assert nats[1] < nats[0] - 1
    assert found["validations"][-1]["bits_per_note"] > 0


def test_a_session_ends_within_its_seconds(tmp_path, packed, make_job):
    clock = TickingClock(2)
    job = make_job(minutes=100)
    found = train(job, packed, tmp_path, Deal(job, 300, 6000), clock=clock)
    assert found["status"] == "paused"
    assert 200 < clock.now <= 300
    # A second session goes on with the time that the first has had.
    again = train(job, packed, tmp_path, Deal(job, 300, found["total_seconds"] + 300), clock=TickingClock(2))
    assert again["status"] == "complete"
    assert again["total_steps"] == found["steps"] + again["steps"]
    assert find_checkpoints(tmp_path) == ([], [])


def test_a_job_whose_minutes_are_over_has_a_rate_near_zero(tmp_path, packed, make_job):
    job = make_job()
    training = JobTraining(job, packed, tmp_path, torch.device("cpu"), report=str, clock=TickingClock(0.5))
    assert training.run(Deal(job, 60, 60))["status"] == "complete"
    assert training.optimizer.param_groups[0]["lr"] < 0.05 * job.learning_rate


def test_a_loss_that_is_no_number_fails_the_job(tmp_path, packed, make_job, monkeypatch):
    monkeypatch.setattr("symbolic_music.training.queue.loop._LOG_SECONDS", 0)
    monkeypatch.setattr(
        "symbolic_music.training.queue.loop.total_nats", lambda logits, labels: logits.sum() * math.nan
    )
    found = train(make_job(tokens=1000), packed, tmp_path)
    assert found["status"] == "failed"
    assert not (tmp_path / "model").exists()


def test_training_goes_on_without_a_compiler_that_fails(tmp_path, packed, make_job, monkeypatch):
    lines = []

    def fail(*arguments, **settings):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch.nn.Module, "compile", lambda block: setattr(block, "_compiled_call_impl", fail))
    monkeypatch.setattr(torch, "compile", lambda function, **settings: function)
    training = JobTraining(
        make_job(tokens=200, compile=True), packed, tmp_path, torch.device("cpu"), report=lines.append
    )
    found = training.run(Deal(training.job, 1e6, 1e6))
    assert (found["status"], found["compiled"]) == ("complete", False)
    assert "without torch.compile, which failed (no compiler)" in lines[0]


def test_weights_are_written_in_shards_that_load_as_one(tmp_path, packed, make_job, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 46_500)
    train(make_job(tokens=64), packed, tmp_path)
    files = sorted((tmp_path / "model").glob("*.safetensors"))
    assert len(files) > 1
    # safetensors puts a header before the tensors.
    assert all(path.stat().st_size < 46_500 + 2_000 for path in files)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype="auto")
    assert model.dtype == torch.bfloat16


def test_a_matrix_that_no_shard_holds_is_refused_before_training(tmp_path, packed, make_job, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_BYTES", 1000)
    with pytest.raises(QueueError, match=r"job: .*embed_tokens.* more than a shard"):
        train(make_job(tokens=64), packed, tmp_path)


def test_a_model_is_gone_on_with_from_its_weights_alone(tmp_path, packed, make_job):
    first = train(make_job(tokens=2000, precision="float32"), packed, tmp_path / "first")
    begun = Progress(step=first["total_steps"], epoch=1, tokens=2000, seconds=5.0)
    start = tmp_path / "first" / "model"
    again = train(make_job(tokens=2000), packed, tmp_path / "again", start=start, begun=begun)
    assert again["steps"] == 0
    assert_same_weights(
        {name: tensor.bfloat16() for name, tensor in weights_of(tmp_path / "first").items()},
        weights_of(tmp_path / "again"),
    )
    wider = make_job(model={**make_job().model, "hidden_size": 32}, tokens=64)
    with pytest.raises(QueueError, match="holds another model"):
        train(wider, packed, tmp_path / "other", start=start)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"model_type": "nothing"}, "no nothing of these settings"),
        ({"model_type": "music_transformer", "hidden_size": 15, "num_attention_heads": 2}, "no music_transformer"),
        ({"model_type": "bart", "d_model": 16}, "data remi is for causal models"),
    ],
)
def test_a_model_that_does_not_fit_is_named(tmp_path, packed, make_job, model, message):
    with pytest.raises(QueueError, match=message):
        train(make_job(model=model), packed, tmp_path)


def test_a_bart_learns_to_fill(tmp_path, splits, make_job):
    processor = build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_bars=4, max_masks=16)))
    pack_dataset(splits, processor, tmp_path / "infill", PackSettings(transpositions=(0, 1), infill=True))
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    job = make_job(
        model={"model_type": "bart", **sizes, **heads}, context=256, batch_tokens=2048, micro_tokens=1024, epochs=2
    )
    found = train(job, read_packed(tmp_path / "infill"), tmp_path / "out")
    assert found["status"] == "complete"
    assert found["epochs"] == 2
    assert found["validations"][-1]["bits_per_note"] > 0
    assert found["flops_per_second"] > 0


def test_a_start_that_leaves_no_time_for_a_step_is_not_counted(tmp_path, packed, make_job):
    job = make_job()
    found = train(job, packed, tmp_path, Deal(job, 5, 5), clock=TickingClock(3))
    assert (found["status"], found["steps"], found["total_seconds"]) == ("paused", 0, 0)
    again = train(job, packed, tmp_path, Deal(job, 60, 60), clock=TickingClock(1))
    assert again["status"] == "complete"
    assert again["steps"] > 0
