"""Particles against what they should come to: all pieces of a small grammar, listed with their probabilities."""

from collections import Counter

import chain
import numpy as np
import pytest

from symbolic_music.generation.engine.resampling import shares

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip extra 'fast')")
pytest.importorskip("onnx", reason="onnx is not installed (pip extra 'fast')")


@pytest.fixture(scope="module", params=chain.FAMILIES)
def model(request):
    return chain.family(request.param)


@pytest.fixture(scope="module")
def transformer():
    return chain.family("transformer")


def distance(found, expected):
    """Total variation between a distribution of pieces, not yet adding up to 1, and the exact one."""
    total = sum(found.values())
    return sum(abs(found.get(ids, 0) / total - expected.get(ids, 0)) for ids in {*found, *expected}) / 2


def weighed(populations):
    """How much all particles weigh, by piece."""
    found = Counter()
    for population in populations:
        weights = np.exp(population.log_evidence) * shares(population.log_weights)
        for particle, weight in zip(population.particles, weights, strict=True):
            found[tuple(particle.ids)] += weight
    return found


def mean_length(found):
    return sum(len(ids) * share for ids, share in found.items()) / sum(found.values())


def by_length(found, length):
    alike = {ids: share for ids, share in found.items() if len(ids) == length}
    total = sum(alike.values())
    return {ids: share / total for ids, share in alike.items()}


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_weighed_particles_are_the_pieces_that_the_model_would_keep(model, temperature):
    exact = chain.exact(model, temperature)
    populations = chain.populations(model, 50, 32, temperature=temperature)
    assert distance(weighed(populations), exact.shares) < 0.16
    masked = Counter(
        tuple(particle.ids)
        for population in chain.populations(model, 400, 1, temperature=temperature)
        for particle in population.particles
    )
    assert distance(masked, exact.shares) > 0.35, "the mask alone does as well: the weights are not tested"


def test_a_reward_for_length_changes_little_but_lengths(model):
    exact = chain.exact(model)
    found = weighed(chain.populations(model, 50, 32, length_reward=0.5))
    assert mean_length(found) > mean_length(exact.shares) + 0.05
    for length in (8, 9):
        assert distance(by_length(found, length), by_length(exact.shares, length)) < 0.2


def test_pieces_that_are_drawn_come_nearer_with_more_particles(transformer):
    exact = chain.exact(transformer)
    found = []
    for size in (1, 4, 16):
        drawn = Counter(tuple(population.draw().ids) for population in chain.populations(transformer, 250, size))
        found.append(distance(drawn, exact.shares))
    assert found[1] < 0.75 * found[0]
    assert found[2] < 0.75 * found[1]


def test_the_estimate_of_the_evidence_is_right_on_average(model):
    exact = chain.exact(model)
    found = np.exp([population.log_evidence for population in chain.populations(model, 300, 4)])
    error = found.std() / np.sqrt(len(found))
    assert error < 0.08 * exact.evidence
    assert abs(found.mean() - exact.evidence) < 3 * error


def test_a_mask_without_dead_ends_weighs_what_it_leaves_open(model):
    pairs = chain.one_automaton()
    for population in chain.populations(model, 20, 1, asked=pairs):
        (particle,) = population.particles
        free, asked = (
            chain.log_probabilities(model, [particle.ids], 1.0, grammar).item() for grammar in (chain.FREE, pairs)
        )
        assert particle.log_weight == pytest.approx(free - asked, abs=1e-3)


def test_where_nothing_is_asked_all_weigh_the_same(model):
    for population in chain.populations(model, 5, 4, asked=chain.FREE):
        assert population.log_weights == pytest.approx(np.zeros(4), abs=1e-5)


def test_what_is_written_beside_makes_no_difference(transformer):
    def written(at_once):
        populations = chain.populations(transformer, 12, 5, at_once=at_once)
        return [([particle.ids for particle in one.particles], one.draw().ids) for one in populations]

    assert written(1) == written(3) == written(12)
    assert written(1) != [
        ([particle.ids for particle in one.particles], one.draw().ids)
        for one in chain.populations(transformer, 12, 5, seed=1)
    ]


def test_copies_go_on_by_numbers_of_their_own(transformer):
    """After a piece was copied at the second bar line, copies differ behind it."""
    behind = set()
    for population in chain.populations(transformer, 60, 6):
        by_first_bar = Counter()
        for ids in {tuple(particle.ids) for particle in population.particles}:
            second = ids.index(chain.BAR, 2) if chain.BAR in ids[2:] else len(ids)
            by_first_bar[ids[:second]] += 1
        behind.add(max(by_first_bar.values()))
    assert max(behind) > 1
