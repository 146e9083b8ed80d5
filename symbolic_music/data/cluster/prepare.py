"""A dataset prepared by many tasks: the same rows and the same splits as by one process. Needs datatrove."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from symbolic_music.data.cluster.engines import Engine, Stage
from symbolic_music.data.cluster.steps import DealAndPublish, FindPairs, Job, ReadShards, UnpackArchives, save_job
from symbolic_music.data.cluster.unpack import packed_archives
from symbolic_music.data.preparation.duplicates import BANDS
from symbolic_music.data.preparation.prepare import (
    PrepareSettings,
    end_run,
    is_complete,
    make_plan,
    shard_starts,
    work_folder,
)
from symbolic_music.data.sources.units import WorkUnit
from symbolic_music.score.storage import is_remote


def prepare_on(
    engine: Engine,
    units: Sequence[WorkUnit],
    output: Path,
    settings: PrepareSettings,
    tasks: int,
    readers: int = 1,
    overwrite: bool = False,
    command: str = "",
    progress: bool = True,
) -> dict[str, Any] | None:
    """Prepare a dataset as `prepare_dataset` does, by tasks.

    Args:
        engine: where they run; it has to see the files of the units and the output.
        units: what to read, in the order in which the rows are to come.
        output: see `prepare_dataset`.
        settings: see `PrepareSettings`.
        tasks: that read, and that compare.
        readers: processes that a task reads with.
        overwrite: whether an earlier run with another plan may be replaced.
        command: what the user typed, for the card.
        progress: whether to show progress bars on stderr.

    Returns:
        The summary, as in `prepare.json`; None when the tasks were handed on and are yet to run.

    Raises:
        EngineError: when tasks die again and again.
        PrepareError, SplitError: see `prepare_dataset`.
    """
    output = output if is_remote(output) else output.absolute()  # tasks may run in other folders
    plan = make_plan(units, settings)
    if not is_complete(output, plan, overwrite):
        readings, comparers = min(tasks, len(shard_starts(units))), min(tasks, len(BANDS))
        stages = [
            Stage(ReadShards(str(output)), readings),
            Stage(FindPairs(str(output)), comparers),
            Stage(DealAndPublish(str(output), comparers), 1),
        ]
        if packed := packed_archives(units) if readings > 1 else frozenset():
            stages.insert(0, Stage(UnpackArchives(str(output)), 1))
        engine.check(stages)
        with work_folder(output, plan):
            save_job(Job(units, settings, plan, command, readers, packed), output)
            if not engine.run(stages, progress):
                return None
    return end_run(output)
