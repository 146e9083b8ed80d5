"""`accelerate launch` whose processes are forked from a Python that has everything imported (see `warm_python.py`).

    forked_launch.py --config_file FILE --num_processes 2 PROGRAM FLAGS

All else is accelerate's and torch's: the environment of each process, their rendezvous, what is done when one fails.
"""

import atexit
import threading

from accelerate.commands import launch
from torch.distributed import run
from warm_python import exit_code_of

plan = run.config_from_args


class ProgramFailedError(Exception):
    """A program ended with another exit code than 0."""


def run_whole(*program: str) -> None:
    """Run a program to the end of its process."""
    code = exit_code_of(list(program))
    threading._shutdown()
    atexit._run_exitfuncs()
    if code:
        raise ProgramFailedError(f"exit code {code}")


def plan_forked(args):
    """How torch would start the processes, but for forks that run the program."""
    config, _, words = plan(args)
    config.start_method = "fork"
    return config, run_whole, [word for word in words if word != "-u"]


if __name__ == "__main__":
    run.config_from_args = plan_forked
    launch.main()
