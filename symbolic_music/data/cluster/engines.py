"""Where tasks run: processes of this machine, Ray, or Slurm. Knows nothing of what they do. Needs datatrove."""

import os
from collections.abc import Sequence
from concurrent.futures import as_completed
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from subprocess import CalledProcessError
from typing import Any

from datatrove.executor import LocalPipelineExecutor
from datatrove.executor.base import PipelineExecutor
from datatrove.pipeline.base import PipelineStep
from tqdm import tqdm

from symbolic_music._extras import require
from symbolic_music.data.preparation.prepare import PrepareError
from symbolic_music.data.preparation.processes import ProcessDiedError, Processes
from symbolic_music.score.storage import as_path, remove_folder

_TRIES = 4
"""How often a task is begun that dies each time."""


class EngineError(PrepareError):
    """Tasks that did not end, or could not be begun; the message is one line for the user."""


class EngineName(StrEnum):
    """Where tasks run."""

    LOCAL = "local"
    RAY = "ray"
    SLURM = "slurm"


@dataclass(frozen=True)
class Stage:
    """A step that begins when the one before has ended.

    Attributes:
        step: what each task does.
        tasks: how many there are.
    """

    step: PipelineStep
    tasks: int


@dataclass(frozen=True)
class Engine:
    """Runs stages.

    Attributes:
        name: where.
        logs: a folder for what tasks say, and for which of them are done; of any file system.
        workers: tasks at once.
        options: of datatrove's executor of this name, such as `time` and `partition` on Slurm.
    """

    name: EngineName
    logs: str
    workers: int
    options: dict[str, Any] = field(default_factory=dict)

    def run(self, stages: Sequence[Stage], progress: bool) -> bool:
        """Run stages to their end, or hand them to Slurm.

        Args:
            stages: in order.
            progress: whether to show a progress bar on stderr.

        Returns:
            Whether they have ended.

        Raises:
            EngineError: when tasks die again and again, the options are not those of the executor, or there is no
                Slurm here.
        """
        remove_folder(as_path(self.logs))  # steps know themselves what of them is done
        if self.name is EngineName.SLURM:
            self._submit(stages)
            return False
        for stage in stages:
            if self.name is EngineName.LOCAL:
                self._run_here(stage, progress)
            else:
                self._run_on_ray(stage)
        return True

    def check(self, stages: Sequence[Stage]) -> None:
        """Find a mistake in the options, or a package that is missing, before anything is written.

        Raises:
            EngineError: when the options are not those of the executor.
            MissingExtraError: when ray is not installed.
        """
        for stage in stages:
            if self.name is EngineName.RAY:
                self._ray_executor(stage)
            elif self.name is EngineName.SLURM:
                self._slurm_executor(stage, None)
            else:
                self._executor(LocalPipelineExecutor, stage)

    def _executor(self, kind: type[PipelineExecutor], stage: Stage, **more: Any) -> Any:
        try:
            return kind(pipeline=[stage.step], logging_dir=f"{self.logs}/{stage.step.name}", **more | self.options)
        except TypeError as error:
            raise EngineError(f"options of {self.name}: {error}") from error

    def _run_here(self, stage: Stage, progress: bool) -> None:
        """Processes of our own: datatrove's pool waits for ever for a task whose process was killed."""
        died = 0
        with (
            Processes(partial(_run_rank, self, stage), min(self.workers, stage.tasks), tries=_TRIES) as processes,
            tqdm(total=stage.tasks, unit="task", desc=stage.step.name, disable=not progress) as bar,
        ):
            for future in as_completed([processes.submit(rank) for rank in range(stage.tasks)]):
                try:
                    future.result()
                except ProcessDiedError:
                    died += 1
                    continue
                bar.update()
        if died:
            raise EngineError(f"{stage.step.name}: {died} tasks died {_TRIES} times; see {self.logs}")

    def _run_on_ray(self, stage: Stage) -> None:
        executor = self._ray_executor(stage)
        executor.run()
        if left := executor.get_incomplete_ranks():
            raise EngineError(f"{stage.step.name}: {len(left)} of {stage.tasks} tasks did not end; see {self.logs}")

    def _ray_executor(self, stage: Stage) -> Any:
        require("ray")
        from datatrove.executor.ray import RayPipelineExecutor

        return self._executor(RayPipelineExecutor, stage, tasks=stage.tasks, workers=self.workers)

    def _slurm_executor(self, stage: Stage, depends: Any) -> Any:
        from datatrove.executor.slurm import SlurmPipelineExecutor

        name = f"prepare-{stage.step.name}"
        asked = {"tasks": stage.tasks, "workers": self.workers, "job_name": name, "depends": depends}
        return self._executor(SlurmPipelineExecutor, stage, **asked, run_on_dependency_fail=False)

    def _submit(self, stages: Sequence[Stage]) -> None:
        last = None
        for stage in stages:
            last = self._slurm_executor(stage, last)
        assert last is not None
        try:
            last.run()
        except (FileNotFoundError, CalledProcessError) as error:
            raise EngineError(f"sbatch did not take the tasks: {error}") from error


def _run_rank(engine: Engine, stage: Stage, rank: int) -> None:
    """A task in a process of this machine; what it says goes to its log alone."""
    with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
        # Its `run` begins a process for a queue, which outlives a task that is killed.
        engine._executor(LocalPipelineExecutor, stage, tasks=stage.tasks, workers=1)._run_for_rank(rank)
