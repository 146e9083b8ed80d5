"""AdamW whose hidden matrices are trained by Muon: one optimizer, so that it is saved, resumed and scheduled as one.

Knows modules, parameters and gradients; nothing of what is trained on.

torch has Muon too (`torch.optim.Muon`), for 2-dimensional parameters only, one matrix at a time and always in bf16,
which CPUs without bf16 units do tens of times slower than float32. Here matrices of one shape are worked on together,
in the precision that the device is fast at. Where FSDP cuts matrices into shards, each process gathers those of one
shape, and does the whole work.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Replicate
from transformers import PreTrainedModel
from transformers.trainer_pt_utils import get_parameter_names

from symbolic_music.models.device_precision import fast_bf16_available

# The quintic's coefficients (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"): steepest
# at zero, so that five steps bring every singular value to between about 0.7 and 1.2.
_QUINTIC = (3.4445, -4.7750, 2.0315)
_NEWTON_SCHULZ_STEPS = 5

# Parameters that hold several matrices, one below the other, by the end of their module's name: queries, keys and
# values; an LSTM's four gates.
_STACKED_MATRICES = {"qkv_proj": 3, "lstm": 4}

_NO_DECAY_PATTERNS = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]


def decayed_parameters(model: nn.Module) -> list[str]:
    """Names of the weights of linear layers: not norms, biases or embeddings (a tied head is an embedding)."""
    return get_parameter_names(model, [nn.LayerNorm, nn.RMSNorm, nn.Embedding], _NO_DECAY_PATTERNS)


def muon_groups(model: PreTrainedModel, wrapped: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameters as groups for `MuonAdamW`: hidden matrices, then what is decayed besides, and what is not.

    Args:
        model: whose head, as the embeddings, is no hidden matrix.
        wrapped: the same, or what holds it in data parallelism.
        weight_decay: of what is decayed.
    """
    decayed = set(decayed_parameters(wrapped))
    head = model.get_output_embeddings()
    hidden: dict[int, list[nn.Parameter]] = {}
    rest: dict[bool, list[nn.Parameter]] = {True: [], False: []}
    for name, parameter in wrapped.named_parameters():
        if not parameter.requires_grad:
            continue
        if name in decayed and parameter.ndim == 2 and (head is None or parameter is not head.weight):
            splits = _STACKED_MATRICES.get(name.split(".")[-2], 1)
            hidden.setdefault(splits, []).append(parameter)
        else:
            rest[name in decayed].append(parameter)
    groups = [
        {"params": parameters, "weight_decay": weight_decay, "orthogonalise": True, "splits": splits}
        for splits, parameters in sorted(hidden.items())
    ]
    return groups + [
        {"params": rest[kind], "weight_decay": weight_decay * kind} for kind in (True, False) if rest[kind]
    ]


def orthogonalise(matrices: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrices, roughly: all singular values are brought to about 1.

    Newton-Schulz iteration (Jordan et al. 2024), computed in the precision of `matrices`.

    Args:
        matrices: (batch, rows, columns), float32 or bf16.

    Returns:
        (batch, rows, columns).
    """
    a, b, c = _QUINTIC
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(_NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class MuonAdamW(torch.optim.AdamW):
    """Muon for the groups marked `"orthogonalise": True`, AdamW for all others.

    Muon (Jordan et al. 2024) replaces a matrix's momentum by its nearest semi-orthogonal matrix. Each update is scaled
    by `muon_scale * sqrt(max(1, rows / columns))`: at the default of 10, a learning rate of 2e-3 serves both kinds of
    groups, Muon then moving each square matrix by a spectral norm of about 0.02 a step.

    Args:
        groups: parameter groups; those marked hold matrices (2-dimensional) only. A group may name `splits`: how many
            matrices, one below the other, each of its parameters holds (3 for queries, keys and values in one); they
            are orthogonalised apart.
        lr: learning rate of both kinds.
        momentum: Muon's, with Nesterov's look-ahead.
        muon_scale: see above.
        in_bf16: find the semi-orthogonal matrices in bf16 where the device is fast at it; False: always in float32, so
            that equal gradients but for their rounding move weights alike.
        kwargs: as for `torch.optim.AdamW`.

    Raises:
        ValueError: a marked group holds something that is no matrix, or rows that `splits` does not divide.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float = 2e-3,
        momentum: float = 0.95,
        muon_scale: float = 10.0,
        in_bf16: bool = True,
        **kwargs: Any,
    ):
        super().__init__(list(groups), lr=lr, **kwargs)
        self.in_bf16 = in_bf16
        for group in self.param_groups:
            group.setdefault("orthogonalise", False)
            if not group["orthogonalise"]:
                continue
            group.setdefault("splits", 1)
            group.setdefault("momentum", momentum)
            group.setdefault("muon_scale", muon_scale)
            for parameter in group["params"]:
                if parameter.ndim != 2 or parameter.shape[0] % group["splits"]:
                    raise ValueError(
                        f"only matrices can be orthogonalised, in {group['splits']} equal parts: "
                        f"found a parameter of shape {tuple(parameter.shape)}"
                    )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of every group."""
        every_group = self.param_groups
        self.param_groups = [group for group in every_group if not group["orthogonalise"]]
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = every_group
        for group in every_group:
            if group["orthogonalise"]:
                self._muon_step(group)
        return loss

    def _muon_step(self, group: dict[str, Any]) -> None:
        by_shape: dict[tuple[torch.Size, torch.device], list[Tensor]] = defaultdict(list)
        for parameter in group["params"]:
            if parameter.grad is not None:
                by_shape[parameter.shape, parameter.device].append(parameter)
        for parameters in by_shape.values():
            directions = torch.stack([_whole(self._momentum(item, group["momentum"])) for item in parameters])
            num_parameters, rows, columns = directions.shape
            rows //= group["splits"]
            matrices = directions.reshape(-1, rows, columns)
            if self.in_bf16 and fast_bf16_available(matrices.device):
                matrices = matrices.bfloat16()
            updates = orthogonalise(matrices).reshape(num_parameters, -1, columns)
            scale = group["lr"] * group["muon_scale"] * math.sqrt(max(1.0, rows / columns))
            for parameter, update in zip(parameters, updates, strict=True):
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(_cut_as(parameter, update.to(parameter.dtype)), alpha=-scale)

    def _momentum(self, parameter: Tensor, momentum: float) -> Tensor:
        """The moving average of a parameter's gradients, looking ahead (Nesterov)."""
        assert parameter.grad is not None
        state = self.state[parameter]
        if not state:
            state["step"] = torch.zeros(())  # not used, but AdamW looks for it in every state that it loads
            state["momentum"] = torch.zeros_like(parameter, dtype=torch.float32)
        gradient = parameter.grad.float()
        state["momentum"].lerp_(gradient, 1 - momentum)
        return gradient.lerp(state["momentum"], momentum)


def _whole(matrix: Tensor) -> Tensor:
    """A matrix of which FSDP gave this process some rows, gathered from all; any other as it is."""
    return matrix.full_tensor() if isinstance(matrix, DTensor) else matrix


def _cut_as(parameter: Tensor, whole: Tensor) -> Tensor:
    """The rows of a whole matrix, the same in all processes, that this one holds of a parameter."""
    if not isinstance(parameter, DTensor):
        return whole
    mesh = parameter.device_mesh
    everywhere = DTensor.from_local(whole, mesh, [Replicate()] * mesh.ndim, run_check=False)
    return everywhere.redistribute(placements=parameter.placements)
