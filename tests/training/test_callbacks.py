"""Progress lines, samples that leave the random state alone, and the curves of the plot."""

import io
from types import SimpleNamespace

import pytest
import torch

from symbolic_music.training.callbacks import LiveSamplesCallback, ProgressLineCallback, loss_curves, progress_parts
from symbolic_music.training.optimization.schedule import TimeBudget

STATE = SimpleNamespace(global_step=250, max_steps=1000, is_world_process_zero=True)


def test_progress_names_units():
    stream = io.StringIO()
    ProgressLineCallback(stream=stream).on_log(None, STATE, None, {"nats_per_token": 2.5, "learning_rate": 1e-3})
    assert stream.getvalue() == "step 250/1000 | train 2.5000 nats/token | rate 1.00e-03\n"


def test_progress_tells_the_minutes_of_a_budget():
    stream = io.StringIO()
    ProgressLineCallback(TimeBudget(600, clock=lambda: 0.0), stream).on_log(None, STATE, None, {"eval_loss": 2.0})
    assert stream.getvalue() == "step 250/1000  0.0/10.0 min | validation 2.0000 nats/token\n"


def test_other_logs_and_other_processes_print_nothing():
    stream = io.StringIO()
    other = SimpleNamespace(global_step=1, max_steps=2, is_world_process_zero=False)
    ProgressLineCallback(stream=stream).on_log(None, other, None, {"eval_loss": 2.0})
    ProgressLineCallback(stream=stream).on_log(None, STATE, None, {"train_runtime": 2.0})
    assert stream.getvalue() == ""
    assert progress_parts({}) == []


@pytest.mark.parametrize("fails", [False, True])
def test_samples_are_written_every_nth_evaluation_and_touch_no_random_state(tmp_path, fails):
    written = []

    def write_sample(model, seed, path):
        assert not model.training
        torch.manual_seed(seed)
        written.append((seed, path.name))
        if fails:
            raise ValueError("no complete piece")

    callback = LiveSamplesCallback(write_sample, tmp_path, every=2, seed=7)
    model = torch.nn.Dropout().train()
    state = torch.random.get_rng_state()
    for _ in range(4):
        callback.on_evaluate(None, STATE, None, model=model)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert written == [(257, "step-000250.mid")] * 2
    assert model.training


def test_curves_are_read_from_the_logs():
    logs = [
        {"step": 1, "nats_per_token": 3.0, "loss": 4.0},
        {"step": 2, "eval_loss": 2.0, "eval_bits_per_note": 9.0},
        {"step": 2, "train_runtime": 3.0},
    ]
    assert loss_curves(logs) == {"train": [(1, 3.0)], "validation": [(2, 2.0)], "bits_per_note": [(2, 9.0)]}
