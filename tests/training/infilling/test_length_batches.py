"""Batches of like length: every example once, little padding, another order each epoch, the same for the same seed."""

import numpy as np
import pytest

from symbolic_music.training.infilling.length_batches import LengthBatchSampler


@pytest.fixture(scope="module")
def lengths():
    return np.random.default_rng(0).integers(10, 200, 1007).tolist()


def batches(sampler, size=8):
    order = list(sampler)
    return [order[at : at + size] for at in range(0, len(order), size)]


def test_every_example_comes_once(lengths):
    sampler = LengthBatchSampler(lengths, 8, pool_batches=20)
    assert len(sampler) == len(lengths)
    assert sorted(sampler) == list(range(len(lengths)))


def test_batches_hold_examples_of_like_length_and_follow_at_random(lengths):
    found = [[lengths[number] for number in batch] for batch in batches(LengthBatchSampler(lengths, 8, 20))]
    padded = sum(max(batch) * len(batch) for batch in found)
    assert padded < 1.1 * sum(lengths)
    means = np.array([np.mean(batch) for batch in found])
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3


def test_the_order_is_the_seeds_and_the_epochs(lengths):
    sampler, same = LengthBatchSampler(lengths, 8, seed=1), LengthBatchSampler(lengths, 8, seed=1)
    first = list(sampler)
    assert first == list(same)
    assert first != list(LengthBatchSampler(lengths, 8, seed=2))
    sampler.set_epoch(1)
    assert first != list(sampler)
    sampler.set_epoch(0)
    assert first == list(sampler)
