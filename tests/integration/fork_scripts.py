"""Runs scripts of train/ and the command, each in a forked child of a process that has imported what they import.

Reads a JSON list of argument lists, the first word of each a script's name or `symbolic-music`, and prints a JSON list
of [exit code, standard error]. Importing takes seconds, forking milliseconds: so a table of mistakes stays cheap.
"""

import json
import os
import runpy
import sys
import tempfile
import traceback
from pathlib import Path

import accelerate  # noqa: F401
import datasets  # noqa: F401
import peft  # noqa: F401

import symbolic_music.generation.compose
import symbolic_music.training.evaluation
import symbolic_music.training.trainer  # noqa: F401
from symbolic_music.cli import main

TRAIN = Path(__file__).parents[2] / "train"


def run(program, arguments):
    """The exit code of a program, run to its end in this process."""
    try:
        if program == "symbolic-music":
            return main(arguments)
        sys.argv = [str(TRAIN / f"{program}.py"), *arguments]
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def run_forked(program, arguments):
    with tempfile.TemporaryFile("w+") as errors:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(errors.fileno(), 2)
            code = run(program, arguments)
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        errors.seek(0)
        return os.waitstatus_to_exitcode(status), errors.read()


if __name__ == "__main__":
    print(json.dumps([run_forked(program, arguments) for program, *arguments in json.load(sys.stdin)]))
