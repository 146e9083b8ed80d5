"""Weights that FSDP cuts into shards: whole again, and checkpoints that runs with and without shards read.

Checkpoints in shards are what the Trainer writes with `FULL_STATE_DICT`: the model whole in `model.safetensors`, as
without shards, and the optimizer's state whole, too, but under the parameters' names (`optimizer.bin`) where that of
a run without shards has their places (`optimizer.pt`).
"""

from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import FSDPModule
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.trainer import OPTIMIZER_NAME, OPTIMIZER_NAME_BIN

from symbolic_music.training.arguments import TrainingError


def check_saved_whole(accelerator: Accelerator) -> None:
    """Refuse a configuration of FSDP with which the Trainer writes no model that anything else could read.

    Raises:
        TrainingError: names the setting.
    """
    plugin = getattr(accelerator.state, "fsdp_plugin", None)
    if plugin is not None and "FULL_STATE_DICT" not in str(plugin.state_dict_type):
        kind = str(plugin.state_dict_type).rpartition(".")[2]
        raise TrainingError(f"fsdp_state_dict_type is {kind}, which writes no whole model: expected FULL_STATE_DICT")


def whole_copy(model: nn.Module) -> PreTrainedModel | None:
    """A copy of a causal model that is in one piece; all processes call this together.

    Args:
        model: cut into shards.

    Returns:
        On process 0 the copy, in evaluation mode on the model's device; None on all others.
    """
    state = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    if not state:  # that of process 0 alone is filled
        return None
    device = next(model.parameters()).device
    copy = AutoModelForCausalLM.from_config(model.config)
    copy.load_state_dict(state)
    copy.generation_config = model.generation_config
    return copy.to(device).eval()


def is_in_shards(model: nn.Module) -> bool:
    """Whether FSDP2 has cut this model."""
    return isinstance(model, FSDPModule)


def written_in_shards(checkpoint: Path) -> bool:
    """Whether a run with shards wrote this checkpoint."""
    return (checkpoint / OPTIMIZER_NAME_BIN).is_file()


def load_weights(model: nn.Module, checkpoint: Path) -> Any:
    """Load a checkpoint's weights into a model, in shards or not; all processes call this together.

    Returns:
        What did not fit, as of `Module.load_state_dict`.
    """
    state: dict[str, Any] = {}
    for path in sorted(checkpoint.glob("model*.safetensors")):
        state |= load_file(path)
    return set_model_state_dict(model, state, options=StateDictOptions(full_state_dict=True, strict=False))


def load_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, checkpoint: Path) -> None:
    """Load a checkpoint's optimizer, written with or without shards; all processes call this together.

    Args:
        model: in shards or not.
        optimizer: of its parameters.
        checkpoint: of the same model and kind of optimizer.
    """
    if written_in_shards(checkpoint):
        state = torch.load(checkpoint / OPTIMIZER_NAME_BIN, map_location="cpu", weights_only=True)
    else:
        state = _by_name(
            torch.load(checkpoint / OPTIMIZER_NAME, map_location="cpu", weights_only=True), model, optimizer
        )
    set_optimizer_state_dict(model, optimizer, state, options=StateDictOptions(full_state_dict=True))


def _by_name(state: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """An optimizer's state with the parameters' names in the place of their numbers."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    groups = zip(state["param_groups"], optimizer.param_groups, strict=True)
    name_of = {
        number: names[parameter]
        for saved, own in groups
        for number, parameter in zip(saved["params"], own["params"], strict=True)
    }
    return {
        "state": {name_of[number]: kept for number, kept in state["state"].items()},
        "param_groups": [
            group | {"params": [name_of[number] for number in group["params"]]} for group in state["param_groups"]
        ],
    }
