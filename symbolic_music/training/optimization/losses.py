"""The training loss: cross-entropy with label smoothing, plus the structural loss.

Knows logits, labels and which ids a grammar allows; knows nothing of music, models or the training loop.

Per predicted position with logits x, label y and allowed set A (a subset of the vocabulary V):

    nats       = logsumexp_V(x) - x_y                                   plain cross-entropy, what is reported
    smoothed   = (1 - e) nats + e (logsumexp_V(x) - mean_{v in U} x_v)  Szegedy et al. 2016, section 7
    structural = logsumexp_V(x) - logsumexp_A(x)                        minus the log of the mass on allowed tokens
    total      = smoothed + w structural

The structural loss is the "semantic loss" of Xu et al. 2018 (A Semantic Loss Function for Deep Learning, section 3)
for a constraint on one categorical variable: it is zero exactly when all mass lies on allowed tokens, and its gradient
softmax_V(x) - softmax_A(x) moves mass from forbidden to allowed tokens without preferring any allowed one.

Over which set U the smoothing spreads is decided by the structural weight, so that neither term fights the other:
with w > 0 it is A, since mass smoothed onto a forbidden token is what the structural term then takes away again; with
w = 0 it is V, so that the ablation without the structural loss is plain smoothed cross-entropy and sees no grammar.

A codec with rests can have one more term, `repeated_rest_loss`, against music that dies away into rests.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED_LABEL = -100

# Stands for "masked" inside logsumexp. Finite, since the gradient of a logsumexp over nothing but -inf is NaN, and far
# below any logit, so that exp() of it is exactly zero.
MASKED_LOGIT = -1e30


class LossParts(NamedTuple):
    """The parts of one batch's loss.

    Attributes:
        total: scalar with gradient: what is minimised, divided by the caller's number of items.
        nats: (N,) float32 without gradient: plain cross-entropy per predicted position; N = labels not ignored.
        structural: (N,) float32 without gradient: -log of the probability mass on allowed tokens.
    """

    total: Tensor
    nats: Tensor
    structural: Tensor


class AllowedTokens:
    """The table of a token grammar that says what may follow, on the model's device.

    Args:
        allowed_rows: (S, K) bool, `TokenGrammar.allowed_rows`: the rows of all automata stacked.
        device: where the masks are wanted.
        kinds: (V,) the kind of each id, `TokenGrammar.kinds`; each is its own when left out.
    """

    def __init__(self, allowed_rows: np.ndarray, device: torch.device | str, kinds: np.ndarray | None = None):
        rows = torch.from_numpy(np.ascontiguousarray(allowed_rows))
        # A last row that allows nothing is what the state -1 (a sequence the grammar has given up on) points at.
        self.rows = torch.cat([rows, torch.zeros_like(rows[:1])]).to(device)
        own = kinds is None or len(kinds) == rows.shape[1]
        self.kinds = None if own else torch.from_numpy(kinds).to(device)

    def __call__(self, states: Tensor) -> Tensor:
        """Tokens that every automaton allows.

        Args:
            states: (..., A) integer: one row number per automaton, or -1.

        Returns:
            (..., V) bool. The automata are intersected in place, one after the other, so that nothing of size
            (..., A, V) is ever built.
        """
        states = states.long()
        allowed = self.rows[states[..., 0]]
        for automaton in range(1, states.shape[-1]):
            allowed &= self.rows[states[..., automaton]]
        return allowed if self.kinds is None else allowed[..., self.kinds]


def structural_loss(logits: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Minus the log of the probability mass on the allowed tokens, and the log partition function beside it.

    Computed as softplus(logsumexp of the forbidden - logsumexp of the allowed), which is the same number without the
    cancellation of logsumexp(all) - logsumexp(allowed): it is never negative and keeps forbidden masses far below the
    float32 epsilon.

    Args:
        logits: (N, V) float32.
        allowed: (N, V) bool. A row that allows nothing constrains nothing: its loss is as if it allowed everything.

    Returns:
        structural (N,) and logsumexp over the whole vocabulary (N,).
    """
    allowed = allowed | ~allowed.any(dim=-1, keepdim=True)
    inside = logits.masked_fill(~allowed, MASKED_LOGIT).logsumexp(dim=-1)
    outside = logits.masked_fill(allowed, MASKED_LOGIT).logsumexp(dim=-1)
    return F.softplus(outside - inside), torch.logaddexp(inside, outside)


def composite_loss(
    logits: Tensor,
    labels: Tensor,
    allowed: Tensor,
    label_smoothing: float,
    structural_weight: float,
    num_items: Tensor | int,
) -> LossParts:
    """Smoothed cross-entropy plus the weighted structural loss (see the module's formulas).

    Args:
        logits: (..., V), any float type; computed with in float32. Already aligned: logits[i] predicts labels[i].
        labels: (...) ids, `IGNORED_LABEL` where nothing is predicted.
        allowed: (..., V) bool: what the grammar allows at each predicted position.
        label_smoothing: e, in [0, 1).
        structural_weight: w, at least 0. At 0 the structural loss is only measured and smoothing ignores `allowed`.
        num_items: what the sum over positions is divided by: the predicted tokens of the whole accumulated batch over
            all processes, so that accumulation and data parallelism do not change the loss.

    Returns:
        LossParts.
    """
    kept = labels != IGNORED_LABEL
    total, nats, structural = _CompositeLoss.apply(
        logits[kept], labels[kept], allowed[kept], label_smoothing, structural_weight
    )
    return LossParts(total / num_items, nats, structural)


def repeated_rest_loss(logits: Tensor, previous: Tensor, labels: Tensor, is_rest: Tensor) -> Tensor:
    """The unlikelihood of a rest after a rest where the music goes on: sum over such places of -log(1 - p(rest)).

    The token-level unlikelihood of Welleck et al. 2020 (Neural Text Generation with Unlikelihood Training, equation
    4), with all rests together as the one negative candidate: -log of the mass on everything else.

    Args:
        logits: (B, T, V), any float type; logits[:, t] predicts labels[:, t].
        previous: (B, T) ids, the one before each label.
        labels: (B, T) ids, `IGNORED_LABEL` where nothing is predicted.
        is_rest: (V,) bool.

    Returns:
        Scalar with gradient; zero where there is no such place.
    """
    goes_on = (labels != IGNORED_LABEL) & is_rest[previous] & ~is_rest[labels.clamp(min=0)]
    chosen = logits[goes_on].float()
    return structural_loss(chosen, (~is_rest).expand_as(chosen))[0].sum()


class _CompositeLoss(torch.autograd.Function):
    """The sum of the composite loss over positions, with its gradient in closed form.

    The gradient with respect to a position's logits is

        (1 + w) softmax_V(x) - w softmax_A(x) - (1 - e) onehot(y) - e [v in U] / |U|

    and is computed in the forward pass, some rows at a time, so that each exponential is taken once and no float32
    copies of all logits are kept. For 2,048 positions and 2,000 ids it takes 0.07 s of one core, where the same
    formulas under autograd took 0.26 s, a fifth of a whole training step of a model of 3.4M parameters.
    """

    @staticmethod
    def forward(ctx, logits, labels, allowed, label_smoothing, structural_weight):
        """Logits (N, V), labels (N,), allowed (N, V) bool to total (), nats (N,) and structural (N,)."""
        gradient = torch.empty_like(logits) if ctx.needs_input_grad[0] else None
        nats = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
        structural = torch.empty_like(nats)
        smoothed = torch.empty_like(nats)
        step = max(1, _LOGITS_AT_ONCE[logits.device.type != "cpu"] // logits.shape[-1])
        for first in range(0, len(logits), step):
            rows = slice(first, first + step)
            parts, row_gradient = _rows_loss(
                logits[rows].float(), labels[rows], allowed[rows], label_smoothing, structural_weight
            )
            nats[rows], structural[rows], smoothed[rows] = parts
            if gradient is not None:
                gradient[rows] = row_gradient
        if gradient is not None:
            ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(nats, structural)
        return (smoothed + structural_weight * structural).sum(), nats, structural

    @staticmethod
    def backward(ctx, total_gradient, *_):
        """Scale the gradient; the plain parts carry none."""
        (gradient,) = ctx.saved_tensors
        return gradient * total_gradient, None, None, None, None


# Logits worked on at once: on a CPU what stays in the cache, on an accelerator what keeps it busy.
_LOGITS_AT_ONCE = {False: 2**18, True: 2**26}

# Below this share of the largest exponential, the sum over the allowed tokens has lost its precision.
_SMALLEST_SUM = 1e-20


def _rows_loss(
    logits: Tensor, labels: Tensor, allowed: Tensor, label_smoothing: float, structural_weight: float
) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    """Nats, structural and smoothed loss (n,) of some rows of float32 logits (n, V), and the gradient (n, V)."""
    allowed = allowed | ~allowed.any(dim=-1, keepdim=True)
    highest = logits.amax(dim=-1, keepdim=True)
    all_exponentials = (logits - highest).exp_()
    exponentials = all_exponentials * allowed
    inside = exponentials.sum(dim=-1)
    outside = (all_exponentials - exponentials).sum(dim=-1)
    structural = torch.log1p(outside / inside)
    share_inside = exponentials / inside[:, None]
    lost = inside < _SMALLEST_SUM
    if lost.any():
        structural[lost] = structural_loss(logits[lost], allowed[lost])[0]
        share_inside[lost] = logits[lost].masked_fill(~allowed[lost], MASKED_LOGIT).softmax(dim=-1)
    partition = inside + outside
    log_partition = partition.log() + highest.squeeze(-1)
    places = labels[:, None]
    nats = log_partition - logits.gather(-1, places).squeeze(-1)

    spread = allowed if structural_weight > 0 else torch.ones_like(allowed)
    spread_share = label_smoothing / spread.sum(dim=-1, keepdim=True)
    smoothed = (1 - label_smoothing) * nats
    if label_smoothing > 0:
        mean = logits.masked_fill(~spread, 0.0).sum(dim=-1) * spread_share.squeeze(-1)
        smoothed = smoothed + label_smoothing * log_partition - mean

    gradient = all_exponentials.mul_((1 + structural_weight) / partition[:, None])
    if structural_weight > 0:
        gradient.sub_(share_inside, alpha=structural_weight)
    if label_smoothing > 0:
        gradient.sub_(spread * spread_share)
    gradient.scatter_add_(-1, places, torch.full_like(places, label_smoothing - 1, dtype=torch.float32))
    return (nats, structural, smoothed), gradient
