"""Run a training script on CPUs whose weights FSDP cuts into shards, and write down what each process holds.

    accelerate launch --config_file train/accelerate/fsdp.yaml --num_processes 2 tests/integration/shard_on_cpu.py \
        train/pretrain.py --use_cpu true FLAGS

accelerate (1.15) takes FSDP for processes of GPUs alone, and trains those of a CPU by DDP without a word, although
torch's FSDP2 can shard on CPUs too. Here their processes are called by another name until accelerate has decided; all
else is as for users. The file `held-RANK.json` in the run's folder says what the process held when training had ended.
"""

import json
import runpy
import sys
from pathlib import Path

import torch
from accelerate.state import PartialState
from accelerate.utils import DistributedType
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback, trainer

begin = PartialState.__init__


def begin_as_elsewhere(self, *arguments, **kwargs):
    """As accelerate does; then the processes are not called those of a CPU."""
    begin(self, *arguments, **kwargs)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_XPU


def numbers_of(tensors):
    """How many numbers this process holds of these tensors, how many there are, and how many tensors are cut."""
    held = [tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors]
    return {
        "held": sum(tensor.numel() for tensor in held),
        "whole": sum(tensor.numel() for tensor in tensors),
        "tensors": len(tensors),
        "cut": sum(isinstance(tensor, DTensor) for tensor in tensors),
    }


class WriteWhatIsHeld(TrainerCallback):
    """Writes `held-RANK.json`."""

    def on_train_end(self, args, state, control, model=None, optimizer=None, **kwargs):
        states = [value for kept in optimizer.state.values() for value in kept.values() if torch.is_tensor(value)]
        found = {
            "is_fsdp_module": isinstance(model, FSDPModule),
            "parameters": numbers_of(list(model.parameters())),
            "optimizer": numbers_of([value for value in states if value.ndim]),  # without the counts of steps
        }
        (Path(args.output_dir) / f"held-{args.process_index}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    PartialState.__init__ = begin_as_elsewhere
    trainer.DEFAULT_CALLBACKS.append(WriteWhatIsHeld)
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
