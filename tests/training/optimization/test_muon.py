"""Muon with AdamW: against torch's own optimizers, and saved and loaded as one."""

import copy

import pytest
import torch
from torch import nn

from symbolic_music.training.optimization.muon import MuonAdamW, orthogonalise


@pytest.mark.parametrize("shape", [(3, 24, 24), (2, 48, 16), (2, 16, 48)])
def test_orthogonalising_brings_every_singular_value_near_one(shape):
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    values = torch.linalg.svdvals(orthogonalise(matrices))
    assert values.max() < 1.3
    # five steps cannot lift what is nearly singular, and a random square matrix has one such direction
    assert (values > 0.6).float().mean() > 0.9
    # the singular vectors stay: U^T X V is diagonal
    left, _, right = torch.linalg.svd(matrices, full_matrices=False)
    turned = left.mT @ orthogonalise(matrices) @ right.mT
    diagonal = torch.diag_embed(torch.diagonal(turned, dim1=-2, dim2=-1))
    torch.testing.assert_close(turned, diagonal, atol=1e-3, rtol=0)


def test_a_zero_gradient_moves_nothing():
    weight = nn.Parameter(torch.randn(4, 4))
    before = weight.detach().clone()
    optimizer = MuonAdamW([{"params": [weight], "orthogonalise": True, "weight_decay": 0.0}])
    weight.grad = torch.zeros_like(weight)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), before)


def steps(optimizers, parameters, count=5):
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        for optimizer in optimizers:
            optimizer.step()


def parameters():
    torch.manual_seed(2)
    return [nn.Parameter(torch.randn(shape)) for shape in [(32, 16), (16, 16), (16, 32), (20, 16), (16,)]]


def test_equal_to_torchs_muon_and_adamw():
    ours, theirs = parameters(), parameters()
    mine = MuonAdamW(
        [
            {"params": ours[:3], "orthogonalise": True, "weight_decay": 0.1},
            {"params": ours[3:], "weight_decay": 0.01},
        ],
        lr=0.003,
        muon_scale=1.0,
    )
    steps([mine], ours)
    muon = torch.optim.Muon(theirs[:3], lr=0.003, weight_decay=0.1, momentum=0.95)
    steps([muon, torch.optim.AdamW(theirs[3:], lr=0.003, weight_decay=0.01)], theirs)
    start = parameters()
    for first, mine_now, theirs_now in zip(start[:3], ours[:3], theirs[:3], strict=True):
        moved, reference = mine_now - first, theirs_now - first
        # torch computes in bf16, whose rounding is of the order of 1 %
        assert (moved - reference).norm() < 0.02 * reference.norm()
        assert reference.norm() > 0.01
    torch.testing.assert_close(ours[3:], theirs[3:])


def test_stacked_matrices_are_orthogonalised_apart():
    torch.manual_seed(3)
    stacked = nn.Parameter(torch.randn(24, 8))
    apart = [nn.Parameter(part.clone()) for part in stacked.detach().split(8)]
    stacked.grad = torch.randn(24, 8)
    for part, gradient in zip(apart, stacked.grad.split(8), strict=True):
        part.grad = gradient.clone()
    MuonAdamW([{"params": [stacked], "orthogonalise": True, "splits": 3}]).step()
    MuonAdamW([{"params": apart, "orthogonalise": True}]).step()
    torch.testing.assert_close(stacked.detach(), torch.cat([part.detach() for part in apart]))


def test_saved_and_loaded_it_goes_on_as_if_nothing_had_happened():
    def build(params):
        return MuonAdamW([{"params": params[:3], "orthogonalise": True}, {"params": params[3:]}])

    whole, cut = parameters(), parameters()
    optimizer, first = build(whole), build(cut)
    steps([optimizer], whole)
    steps([first], cut)
    second = build(cut)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    steps([optimizer], whole)
    steps([second], cut)
    for expected, resumed in zip(whole, cut, strict=True):
        assert torch.equal(expected, resumed)


@pytest.mark.parametrize(("shape", "splits"), [((4,), 1), ((2, 3, 4), 1), ((8, 4), 3)])
def test_what_is_no_matrix_is_refused(shape, splits):
    with pytest.raises(ValueError, match="only matrices can be orthogonalised"):
        MuonAdamW([{"params": [nn.Parameter(torch.zeros(shape))], "orthogonalise": True, "splits": splits}])
