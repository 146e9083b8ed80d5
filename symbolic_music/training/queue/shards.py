"""A job's weights and training state as files: safetensors and JSON, no file of weights above a size.

    JOB/checkpoint-N/   all that is needed to go on exactly: weights, the optimizer's state, random states
    JOB/model/          the model as `from_pretrained` loads it, in shards

Knows models and optimizers as tensors, nothing of data.
"""

import copy
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from symbolic_music.training.checkpoints import find_checkpoints, mark_complete
from symbolic_music.training.queue.data.packed import QueueError

MODEL_FOLDER = "model"
# transformers counts a megabyte as 10^6 bytes and puts whole tensors into a shard.
SHARD_BYTES = 15_000_000
LARGEST_FILE = 16 * 2**20
_WEIGHTS, _OPTIMIZER, _FACTS, _RANDOM = (
    "weights.safetensors",
    "optimizer.safetensors",
    "state.json",
    "random.safetensors",
)
_DTYPES = {"bf16": torch.bfloat16, "float32": torch.float32}


def check_shards(model: nn.Module, precision: str, name: str) -> None:
    """Refuse a model with a matrix that no shard holds, before it is trained.

    Raises:
        QueueError: names the job and the matrix.
    """
    for parameter_name, parameter in model.named_parameters():
        size = parameter.numel() * _DTYPES[precision].itemsize
        if size > SHARD_BYTES:
            raise QueueError(
                f"job {name}: {parameter_name} takes {size:,} bytes as {precision}, more than a shard of "
                f"{SHARD_BYTES:,}; choose a smaller vocabulary or width"
            )


def write_model(model: PreTrainedModel, folder: Path, precision: str) -> None:
    """Write the model in shards; the folder appears whole or not at all."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    written = copy.deepcopy(model).to("cpu", _DTYPES[precision])  # type: ignore[arg-type]
    written.save_pretrained(partial, max_shard_size=SHARD_BYTES)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def load_weights(model: PreTrainedModel, folder: Path, name: str) -> None:
    """Load what `write_model` wrote, in any precision, into a model.

    Raises:
        QueueError: when it holds other tensors.
    """
    loaded = type(model).from_pretrained(folder, dtype=torch.float32).state_dict()
    own = model.state_dict()
    wrong = [key for key in own if key not in loaded or loaded[key].shape != own[key].shape]
    if wrong:
        raise QueueError(f"job {name}: {folder} holds another model; {wrong[0]} does not fit")
    model.load_state_dict(loaded)


def write_checkpoint(
    folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, facts: Mapping[str, Any]
) -> None:
    """Write a checkpoint, then delete those before it."""
    path = folder / f"checkpoint-{step}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    save_file({name: tensor.contiguous() for name, tensor in _parameters(model).items()}, path / _WEIGHTS)
    save_file(_optimizer_tensors(model, optimizer), path / _OPTIMIZER)
    save_file(_random_states(), path / _RANDOM)
    (path / _FACTS).write_text(json.dumps(dict(facts), sort_keys=True), encoding="utf-8")
    mark_complete(path)
    complete, incomplete = find_checkpoints(folder)
    for old in [*complete[:-1], *incomplete]:
        shutil.rmtree(old)


def checkpoint_facts(folder: Path) -> dict[str, Any] | None:
    """The facts of the last complete checkpoint, None where there is none."""
    complete, _ = find_checkpoints(folder)
    return json.loads((complete[-1] / _FACTS).read_text(encoding="utf-8")) if complete else None


def read_checkpoint(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Load the last complete checkpoint into model and optimizer; returns its facts, None where there is none."""
    complete, _ = find_checkpoints(folder)
    if not complete:
        return None
    device = str(next(model.parameters()).device)
    with torch.no_grad():
        for name, tensor in load_file(complete[-1] / _WEIGHTS, device).items():
            model.get_parameter(name).copy_(tensor)
    parameters = _parameters(model)
    for key, tensor in load_file(complete[-1] / _OPTIMIZER, device).items():
        name, _, part = key.rpartition("|")
        # AdamW keeps its count of steps on the CPU.
        optimizer.state[parameters[name]][part] = tensor.cpu() if part == "step" else tensor
    _set_random_states(load_file(complete[-1] / _RANDOM))
    return checkpoint_facts(folder)


def delete_checkpoints(folder: Path) -> None:
    """Delete all of them."""
    for paths in find_checkpoints(folder):
        for path in paths:
            shutil.rmtree(path)


def _parameters(model: nn.Module) -> dict[str, Any]:
    """Each parameter once, under the first of its names."""
    return dict(model.named_parameters())


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {
        f"{name}|{part}": tensor.contiguous()
        for name, parameter in _parameters(model).items()
        for part, tensor in optimizer.state[parameter].items()
    }


def _random_states() -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {})


def _set_random_states(states: Mapping[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
