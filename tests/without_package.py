"""Code run in a process that cannot import this package: what a stranger's machine has, whatever is installed here."""

import os
import subprocess
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path


class _Blocker(MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] == "symbolic_music":
            raise ModuleNotFoundError(fullname, name=fullname)


def block_package():
    """From here on this process has no package of ours."""
    sys.meta_path.insert(0, _Blocker())


def run_without_package(code, *arguments, folder, given="", environment=()) -> str:
    """What `code` prints, run as `python -I` in `folder` without the network; it must end well.

    Args:
        code: of Python; reads `arguments` as `sys.argv[1:]` and `given` as its standard input.
    """
    block = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from without_package import block_package; "
        "block_package(); sys.path.pop(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", block + code, *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=folder,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | dict(environment),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
