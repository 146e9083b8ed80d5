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
        allowed_rows: (S, V) bool, `TokenGrammar.allowed_rows`: the rows of all automata stacked.
        device: where the masks are wanted.
    """

    def __init__(self, allowed_rows: np.ndarray, device: torch.device | str):
        rows = torch.from_numpy(np.ascontiguousarray(allowed_rows))
        # A last row that allows nothing is what the state -1 (a sequence the grammar has given up on) points at.
        self.rows = torch.cat([rows, torch.zeros_like(rows[:1])]).to(device)

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
        return allowed


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
    logits, labels, allowed = logits[kept].float(), labels[kept], allowed[kept]
    if structural_weight > 0:
        structural, log_partition = structural_loss(logits, allowed)
    else:
        with torch.no_grad():
            structural, _ = structural_loss(logits, allowed)
        log_partition = logits.logsumexp(dim=-1)
    nats = log_partition - logits.gather(-1, labels[:, None]).squeeze(-1)
    total = nats
    if label_smoothing > 0:
        smoothing_mean = _masked_mean(logits, allowed) if structural_weight > 0 else logits.mean(dim=-1)
        total = (1 - label_smoothing) * nats + label_smoothing * (log_partition - smoothing_mean)
    if structural_weight > 0:
        total = total + structural_weight * structural
    return LossParts(total.sum() / num_items, nats.detach(), structural.detach())


def _masked_mean(logits: Tensor, mask: Tensor) -> Tensor:
    """Mean over the last dimension of the logits under the mask; over all of them where the mask is empty."""
    mask = mask | ~mask.any(dim=-1, keepdim=True)
    return logits.masked_fill(~mask, 0.0).sum(dim=-1) / mask.sum(dim=-1)
