"""A Python that has imported what is slow to import, and forks a process for each program it is asked to run.

Importing torch, transformers and datasets takes many seconds, forking milliseconds. Each program runs in a process of
its own all the same: arguments, environment, folder, output, exit code, signals and random state are no other's.
`programs.py` starts this and talks to it, one JSON object a line on standard input:

    {"program": ["train/pretrain.py", "--seed", "1"], "environment": {…}, "folder": …, "stdout": …, "stderr": …}

The answer is a line with the exit code. A program that begins with `-m` names a module. What libraries read while they
are imported is as it was when this process began.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import sys
import threading
import traceback
from pathlib import Path

SLOW_IMPORTS = (
    "accelerate",
    "datasets",
    "peft",
    "symbolic_music.cli",
    "symbolic_music.generation.infill",
    "symbolic_music.training.evaluation.pieces",
    "symbolic_music.training.trainer",
)

SECONDS = 600
"""After which a program is ended by a signal."""


def run(program: list[str]) -> None:
    """Run a program as `python PROGRAM` does."""
    if program[0] == "-m":
        sys.argv, sys.path[0] = program[1:], os.getcwd()
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = program, str(Path(program[0]).parent)
        runpy.run_path(program[0], run_name="__main__")


def exit_code_of(program: list[str]) -> int:
    """Run a program to its end; what Python itself would end with, whatever ended it."""
    try:
        run(program)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def become(job: dict) -> int:
    """In the forked child: take on folder, environment and outputs of the program, and run it."""
    for number, path in enumerate((os.devnull, job["stdout"], job["stderr"])):
        os.dup2(os.open(path, os.O_RDWR if number else os.O_RDONLY), number)
    sys.stdin = os.fdopen(0, closefd=False)
    os.environ.clear()
    os.environ.update(job["environment"])
    os.chdir(job["folder"])
    signal.alarm(SECONDS)
    code = exit_code_of(job["program"])
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def serve() -> None:
    """Read jobs, fork, wait, answer, until standard input ends."""
    for module in SLOW_IMPORTS:
        __import__(module)
    gc.freeze()  # or the first collection in each child would copy the pages of all that was imported
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(become(json.loads(line)))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
