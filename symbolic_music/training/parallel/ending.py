"""The end of what several processes have in common. Knows nothing of what they trained."""

import gc

from accelerate import PartialState


def end_processes() -> None:
    """Leave the other processes, for good; does nothing where there are none.

    Nothing that a DDP wrapper lives by may be referred to any more. The process group that such a wrapper outlives is
    destroyed with it, by C++ code that waits for the group's threads while it keeps Python's lock, and a thread that
    wants the lock to give back a tensor waits for ever (torch 2.13, gloo).
    """
    gc.collect()  # wrappers that only refer to each other
    PartialState().destroy_process_group()
