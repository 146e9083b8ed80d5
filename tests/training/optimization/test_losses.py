"""The composite loss against its formulas, its gradient and its edges."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from symbolic_music.training.optimization.losses import (
    IGNORED_LABEL,
    AllowedTokens,
    composite_loss,
    repeated_rest_loss,
    structural_loss,
)

VOCAB = 11


def random_batch(seed, batch=3, length=5, scale=3.0):
    """Logits, labels and a mask that allows each label and some other tokens."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, length, VOCAB, generator=generator) * scale
    labels = torch.randint(VOCAB, (batch, length), generator=generator)
    allowed = torch.rand(batch, length, VOCAB, generator=generator) < 0.4
    allowed.scatter_(-1, labels[..., None], True)
    return logits, labels, allowed


def reference_loss(logits, labels, allowed, smoothing, weight):
    """The formulas of the module's docstring, position by position, in Python floats."""
    total = []
    for x, y, mask in zip(
        logits.reshape(-1, VOCAB).double(), labels.flatten(), allowed.reshape(-1, VOCAB), strict=True
    ):
        if y == IGNORED_LABEL:
            continue
        log_probabilities = (x - x.logsumexp(0)).tolist()
        spread = mask.nonzero().flatten().tolist() if weight > 0 else range(VOCAB)
        smoothed = -sum(log_probabilities[token] for token in spread) / len(spread)
        mass = sum(math.exp(log_probabilities[token]) for token in mask.nonzero().flatten().tolist())
        nats = -log_probabilities[int(y)]
        total.append((1 - smoothing) * nats + smoothing * smoothed - weight * math.log(mass))
    return sum(total)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_the_loss_is_its_formula(smoothing, weight):
    logits, labels, allowed = random_batch(0)
    labels[0, 2] = labels[2, 0] = IGNORED_LABEL
    parts = composite_loss(logits, labels, allowed, smoothing, weight, num_items=13)
    assert parts.total.item() * 13 == pytest.approx(
        reference_loss(logits, labels, allowed, smoothing, weight), rel=1e-5
    )
    assert parts.nats.shape == parts.structural.shape == (13,)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_the_nats_are_torch_cross_entropy_whatever_the_other_terms(smoothing, weight):
    logits, labels, allowed = random_batch(1)
    parts = composite_loss(logits, labels, allowed, smoothing, weight, num_items=15)
    expected = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    torch.testing.assert_close(parts.nats, expected)


def test_without_structural_loss_the_grammar_changes_nothing():
    logits, labels, allowed = random_batch(2)
    with_mask = composite_loss(logits, labels, allowed, 0.1, 0.0, num_items=1).total
    everything = composite_loss(logits, labels, torch.ones_like(allowed), 0.1, 0.0, num_items=1).total
    expected = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum", label_smoothing=0.1)
    assert with_mask == everything
    torch.testing.assert_close(with_mask, expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_the_gradient_is_the_numerical_one(smoothing, weight):
    logits, labels, allowed = random_batch(3)
    labels[1, 1] = IGNORED_LABEL
    logits.requires_grad_()
    composite_loss(logits, labels, allowed, smoothing, weight, num_items=5).total.backward()
    step = 1e-4
    for position in [(0, 0, 0), (1, 1, 3), (2, 4, 10), (2, 0, 5)]:
        bump = torch.zeros_like(logits)
        bump[position] = step
        difference = reference_loss(logits.detach() + bump, labels, allowed, smoothing, weight) - reference_loss(
            logits.detach() - bump, labels, allowed, smoothing, weight
        )
        assert logits.grad[position].item() == pytest.approx(difference / (2 * step) / 5, abs=2e-3)
    assert not logits.grad[1, 1].any()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weight", [0.0, 0.7])
@pytest.mark.parametrize("scale", [3.0, 60.0])
def test_the_gradient_is_autograds_over_many_chunks(smoothing, weight, scale):
    # 60,000 positions of 11 logits are worked on in three chunks; at scale 60 some allowed sums underflow.
    logits, labels, allowed = random_batch(8, batch=20, length=3000, scale=scale)
    twin = logits.clone().requires_grad_()
    logits.requires_grad_()
    total = composite_loss(logits, labels, allowed, smoothing, weight, num_items=7).total
    total.backward()
    log_probabilities = twin.log_softmax(-1)
    nats = -log_probabilities.gather(-1, labels[..., None]).squeeze(-1)
    spread = allowed if weight > 0 else torch.ones_like(allowed)
    smoothed = -(log_probabilities.masked_fill(~spread, 0).sum(-1) / spread.sum(-1))
    structural = -log_probabilities.masked_fill(~allowed, -torch.inf).logsumexp(-1)
    expected = ((1 - smoothing) * nats + smoothing * smoothed + weight * structural).sum() / 7
    expected.backward()
    torch.testing.assert_close(total, expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(logits.grad, twin.grad, rtol=1e-4, atol=1e-6)


def test_the_structural_gradient_moves_mass_from_forbidden_to_allowed():
    logits, _, allowed = random_batch(4)
    logits = logits.flatten(0, 1).requires_grad_()
    allowed = allowed.flatten(0, 1)
    structural_loss(logits, allowed)[0].sum().backward()
    assert (logits.grad[allowed] <= 0).all()
    assert (logits.grad[~allowed] > 0).all()
    torch.testing.assert_close(logits.grad.sum(-1), torch.zeros(len(logits)), atol=1e-6, rtol=0)


@settings(max_examples=60, deadline=None)
@given(
    allowed=st.lists(st.booleans(), min_size=VOCAB, max_size=VOCAB).filter(any),
    values=st.lists(st.floats(-30, 30, width=32), min_size=VOCAB, max_size=VOCAB),
    forbidden_logit=st.one_of(st.just(-math.inf), st.floats(-60, 30, width=32)),
)
def test_the_structural_loss_is_zero_exactly_when_all_mass_is_allowed(allowed, values, forbidden_logit):
    mask = torch.tensor([allowed])
    logits = torch.tensor([values], dtype=torch.float32).masked_fill(~mask, forbidden_logit)
    loss, log_partition = structural_loss(logits, mask)
    has_forbidden_mass = forbidden_logit > -math.inf and not all(allowed)
    assert (loss.item() > 0) == has_forbidden_mass
    torch.testing.assert_close(log_partition, logits.logsumexp(-1))


def test_tiny_allowed_logits_give_a_finite_loss_and_gradient():
    logits = torch.full((1, 2, VOCAB), 1e4, dtype=torch.float32)
    allowed = torch.zeros(1, 2, VOCAB, dtype=torch.bool)
    allowed[..., 3] = True
    logits[..., 3] = -1e4
    logits.requires_grad_()
    parts = composite_loss(logits, torch.full((1, 2), 3), allowed, 0.1, 1.0, num_items=2)
    parts.total.backward()
    assert parts.structural.tolist() == pytest.approx([2e4 + math.log(VOCAB - 1)] * 2)
    assert torch.isfinite(logits.grad).all()


def test_a_row_that_allows_nothing_constrains_nothing():
    logits, labels, _ = random_batch(5)
    nothing = torch.zeros(*labels.shape, VOCAB, dtype=torch.bool)
    logits.requires_grad_()
    parts = composite_loss(logits, labels, nothing, 0.1, 1.0, num_items=15)
    parts.total.backward()
    assert not parts.structural.any()
    assert torch.isfinite(logits.grad).all()
    torch.testing.assert_close(parts.total, composite_loss(logits, labels, ~nothing, 0.1, 1.0, num_items=15).total)


def test_bfloat16_logits_are_computed_with_in_float32():
    logits, labels, allowed = random_batch(6)
    logits = logits.bfloat16()
    parts = composite_loss(logits, labels, allowed, 0.1, 1.0, num_items=15)
    exact = composite_loss(logits.float(), labels, allowed, 0.1, 1.0, num_items=15)
    assert parts.nats.dtype == torch.float32
    torch.testing.assert_close(parts.total, exact.total)


def test_micro_batches_add_up_to_the_whole_batch():
    logits, labels, allowed = random_batch(7, batch=4)
    labels[0] = IGNORED_LABEL
    whole = composite_loss(logits, labels, allowed, 0.1, 1.0, num_items=15).total
    parts = [
        composite_loss(logits[half], labels[half], allowed[half], 0.1, 1.0, num_items=15).total
        for half in (slice(0, 2), slice(2, 4))
    ]
    torch.testing.assert_close(sum(parts), whole)


def test_allowed_tokens_intersects_the_automata():
    rows = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 1]], dtype=bool)
    allowed = AllowedTokens(rows, "cpu")
    states = torch.tensor([[[0, 2], [1, 2], [1, -1]]], dtype=torch.int16)
    assert allowed(states).tolist() == [
        [[False, True, False, False], [False, True, True, False], [False, False, False, False]]
    ]
    assert allowed.rows[:3].tolist() == rows.tolist(), "the table itself must not change"


# ---- rests that repeat ----------------------------------------------------------------------------------------------

IS_REST = torch.tensor([False, True, True, False, False])


def test_a_rest_after_a_rest_costs_where_the_music_goes_on():
    logits = torch.tensor([[[1.0, 2.0, 0.5, 0.0, -1.0]] * 5])
    previous = torch.tensor([[1, 1, 0, 2, 2]])
    labels = torch.tensor([[3, 2, 3, 0, IGNORED_LABEL]])
    # Places 0 and 3: a rest came before, and the label is none. Place 1 goes on resting, 2 did not rest, 4 is padding.
    mass = logits[0, 0].softmax(-1)[IS_REST].sum()
    expected = -2 * torch.log(1 - mass)
    assert torch.allclose(repeated_rest_loss(logits, previous, labels, IS_REST), expected)


def test_the_gradient_takes_mass_from_rests():
    torch.manual_seed(0)
    logits = torch.randn(1, 3, 5, requires_grad=True)
    repeated_rest_loss(logits, torch.tensor([[1, 2, 0]]), torch.tensor([[0, 3, 4]]), IS_REST).backward()
    assert (logits.grad[0, :2, IS_REST] > 0).all()
    assert (logits.grad[0, :2, ~IS_REST] < 0).all()
    assert (logits.grad[0, 2] == 0).all()


def test_without_such_a_place_the_loss_is_nothing():
    logits = torch.randn(1, 2, 5, requires_grad=True)
    loss = repeated_rest_loss(logits, torch.tensor([[0, 1]]), torch.tensor([[1, 2]]), IS_REST)
    assert loss.item() == 0
    loss.backward()
    assert (logits.grad == 0).all()
