"""Programs run as their users run them: scripts of train/ and the `symbolic-music` command, and what came of it.

`run_script` and `run_command` start a process for each program. As a rule it is forked from a Python that has imported
torch, transformers and datasets already (see `warm_python.py`), which saves many seconds a run. With `fresh=True` it
is a new interpreter. Each script, and the command, is run in one at least once, here or by the README's commands, so
that an import that is missing is seen; so is what depends on the order of imports, on memory, or on settings that
libraries read while they are imported (HF_ENDPOINT, HF_HOME). Knows nothing of what the programs do.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TRAIN = ROOT / "train"
FORKED_LAUNCH = Path(__file__).with_name("forked_launch.py")
CAN_FORK = hasattr(os, "fork")
PROGRAM_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
"""One thread for each process, no network, and this checkout's package."""


def run_script(name, *arguments, expected=None, **options) -> subprocess.CompletedProcess:
    """Run train/NAME.py, such as "studies/scaling_study".

    `expected` is the exit code that is asserted, other options are those of `run_python`.
    """
    return _checked(run_python(TRAIN / f"{name}.py", *arguments, **options), expected)


def run_command(*arguments, expected=None, **options) -> subprocess.CompletedProcess:
    """Run `symbolic-music` as `python -m symbolic_music`; options as for `run_script`."""
    return _checked(run_python("-m", "symbolic_music", *arguments, **options), expected)


def launch(config, *program, processes=2, fresh=False, **options) -> subprocess.CompletedProcess:
    """Run a program on several processes, as `accelerate launch` does with train/accelerate/CONFIG.

    Args:
        program: path of a script, and its arguments; options of the launcher may stand before.
        fresh: each in a new interpreter instead of one forked from a Python with everything imported.
    """
    launcher = ["-m", "accelerate.commands.launch"] if fresh or not CAN_FORK else [FORKED_LAUNCH]
    flags = [f"--config_file={TRAIN / 'accelerate' / config}", f"--num_processes={processes}", "--main_process_port=0"]
    return run_python(*launcher, *flags, *program, **options)


def _checked(done, expected):
    if expected is not None:
        assert done.returncode == expected, done.stdout + done.stderr
    return done


def run_python(*program, fresh=False, folder=ROOT, environment=()) -> subprocess.CompletedProcess:
    """Run `python PROGRAM` to its end, in `folder`, with `environment` over this process's own.

    Args:
        program: path of a script or `-m` and a module, and its arguments.
        fresh: in a new interpreter instead of one forked from a Python with everything imported.
    """
    words = [str(word) for word in program]
    variables = os.environ | PROGRAM_ENVIRONMENT | dict(environment)
    if not fresh and CAN_FORK:
        return _warm_python().run(words, variables, folder)
    command = [sys.executable, *words]
    return subprocess.run(command, env=variables, cwd=folder, capture_output=True, text=True, timeout=600, check=False)


@functools.cache
def _warm_python():
    """One for all tests of this process; it ends with it."""
    return _WarmPython()


class _WarmPython:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm_python.py"))],
            env=os.environ | PROGRAM_ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, program, environment, folder):
        with tempfile.NamedTemporaryFile("r") as stdout, tempfile.NamedTemporaryFile("r") as stderr:
            job = {"program": program, "environment": environment, "folder": str(folder)}
            job |= {"stdout": stdout.name, "stderr": stderr.name}
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            code = int(self.process.stdout.readline())
            return subprocess.CompletedProcess(program, code, stdout.read(), stderr.read())
