"""Run a training script in two processes whose group is still busy when it is destroyed.

    accelerate launch --config_file train/accelerate/cpu_two_processes.yaml tests/integration/busy_at_the_end.py \
        train/pretrain.py FLAGS

Whatever outlives the group's registration and destroys the group while it keeps Python's lock then waits for ever: the
group's threads need the lock to give back the tensors of what they have done. Elsewhere they are seldom busy at the
end: about one run of forty waited for ever, on a busy machine. After a minute of waiting, the process ends with where
it waits and exit code 1.
"""

import faulthandler
import runpy
import sys
import time

import torch
from torch import distributed

destroy = distributed.destroy_process_group


def destroy_while_busy(group=None):
    """Destroy the group while the threads of process 0 wait for what the other process sends three seconds later."""
    if distributed.get_rank():
        time.sleep(3)
    for _ in range(4):
        mine = torch.zeros(8)
        distributed.all_gather([torch.empty(8), torch.empty(8)], mine, async_op=True)
    print("the group is destroyed while it is busy", flush=True)
    faulthandler.dump_traceback_later(60, exit=True)
    destroy(group)


if __name__ == "__main__":
    distributed.destroy_process_group = destroy_while_busy
    del sys.argv[0]
    runpy.run_path(sys.argv[0], run_name="__main__")
