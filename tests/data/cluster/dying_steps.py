"""Steps whose tasks die; in a file of their own, since Ray's workers import nothing else of the tests."""

import os
import signal
from pathlib import Path

from symbolic_music.data.cluster.steps import JobStep


class Dying(JobStep):
    """Its tasks die the first times, each leaving a mark."""

    name = "dying"

    def __init__(self, folder, deaths):
        super().__init__(str(folder))
        self.deaths = deaths

    def run(self, data=None, rank=0, world_size=1):
        marks = Path(self.output)
        if len(list(marks.glob(f"{rank}-died-*"))) < self.deaths:
            (marks / f"{rank}-died-{os.getpid()}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (marks / f"{rank}-done").touch()


class DyingParent(Dying):
    """As `Dying`, but what dies is the worker that Ray knows."""

    def run(self, data=None, rank=0, world_size=1):
        marks = Path(self.output)
        if rank == 0 and not list(marks.glob("died-*")):
            (marks / f"died-{os.getppid()}").touch()
            os.kill(os.getppid(), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        (marks / f"{rank}-done").touch()
