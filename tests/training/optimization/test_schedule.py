"""The schedule over steps and the clock it can be fitted to."""

import pytest
from transformers import get_cosine_schedule_with_warmup

from symbolic_music.training.optimization.schedule import TimeBudget, cosine_factor, stable_decay_factor


class Clock:
    def __init__(self):
        self.time = 100.0

    def __call__(self):
        return self.time


def test_without_warmup_it_is_transformers_cosine():
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = get_cosine_schedule_with_warmup(optimizer, 0, 20)
    for step in range(21):
        assert cosine_factor(step, step / 20, 0) == pytest.approx(scheduler.lr_lambdas[0](step))


@pytest.mark.parametrize(
    ("warmup", "step", "progress", "share"), [(10, 4, 0.0, 0.5), (0.1, 7, 0.05, 0.5), (10, 9, 0, 1)]
)
def test_warmup_counts_steps_or_a_share(warmup, step, progress, share):
    assert cosine_factor(step, progress, warmup) == pytest.approx(share * cosine_factor(step, progress, 0))


def test_it_ends_at_zero_however_late():
    assert cosine_factor(50, 1.0, 10) == pytest.approx(0)
    assert cosine_factor(50, 1.7, 10) == pytest.approx(0)


def test_progress_leaves_time_for_the_longest_pause():
    clock = Clock()
    budget = TimeBudget(60, clock)
    budget.step_begins()
    clock.time += 15
    budget.step_ended()
    budget.now = budget.elapsed()
    assert budget.progress() == pytest.approx(15 / 60)
    clock.time += 10  # a validation
    budget.step_begins()
    budget.now = budget.elapsed()
    assert budget.progress() == pytest.approx(25 / 50)
    clock.time += 25
    budget.now = budget.elapsed()
    assert budget.progress() == 1.0


def test_a_resumed_budget_goes_on_where_it_was():
    clock = Clock()
    budget = TimeBudget(60, clock)
    clock.time += 5
    budget.start(already_spent=45)
    clock.time += 6
    assert budget.elapsed() == pytest.approx(51)


def test_a_pause_longer_than_the_budget_ends_it():
    clock = Clock()
    budget = TimeBudget(5, clock)
    budget.step_ended()
    clock.time += 9
    budget.step_begins()
    assert budget.progress() == 1.0


def test_a_stable_rate_decays_over_the_last_fifth_alone():
    assert stable_decay_factor(0, 0.0, 10) == pytest.approx(0.1)
    assert [stable_decay_factor(50, progress, 10) for progress in (0.1, 0.5, 0.8)] == [1.0, 1.0, 1.0]
    assert stable_decay_factor(50, 0.85, 10) == pytest.approx(0.5)
    assert stable_decay_factor(50, 0.95, 10) == pytest.approx(1 - 0.75**0.5)
    assert [stable_decay_factor(50, progress, 10) for progress in (1.0, 1.3)] == pytest.approx([0, 0])
