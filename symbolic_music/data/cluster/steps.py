"""The steps of a preparation as datatrove runs them: each task does its share, and may die and be run again.

What all tasks have to know is a file in the run's work folder; what they find goes there too. Needs datatrove.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from datatrove.pipeline.base import PipelineStep

from symbolic_music.data.cluster.unpack import unpack, unpacked
from symbolic_music.data.preparation.deal import gather_rows
from symbolic_music.data.preparation.duplicates import BANDS, similar_pairs
from symbolic_music.data.preparation.prepare import (
    WORK_FOLDER,
    PrepareSettings,
    deal_and_publish,
    read_shards,
    shard_starts,
)
from symbolic_music.data.sources.units import WorkUnit
from symbolic_music.score.storage import as_path, remove_folder, write_atomically

_JOB_FILE = "job.pickle"


@dataclass(frozen=True)
class Job:
    """What is to be prepared.

    Attributes:
        units: what to read.
        settings: see `PrepareSettings`.
        plan: of the run.
        command: what the user typed, for the card.
        readers: processes that a task reads with.
        packed: archives that a step before those that read unpacks.
    """

    units: Sequence[WorkUnit]
    settings: PrepareSettings
    plan: dict[str, Any]
    command: str
    readers: int
    packed: frozenset[Path]


def save_job(job: Any, output: Path) -> None:
    """Write what the steps of an output have to know into its work folder."""
    write_atomically(output / WORK_FOLDER / _JOB_FILE, pickle.dumps(job))


class JobStep(PipelineStep):
    """A step of the job whose dataset goes to a folder; tasks share it by their rank.

    Args:
        output: the folder.
    """

    type = "PREPARE"

    def __init__(self, output: str):
        super().__init__()
        self.output = output

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> None:  # type: ignore[override]
        """A task."""
        work = as_path(self.output) / WORK_FOLDER
        path = work / _JOB_FILE
        if path.exists():  # the last step removes it: a task that is run again after it has nothing to do
            self.do(pickle.loads(path.read_bytes()), work, rank, world_size)

    def do(self, job: Any, work: Path, rank: int, world_size: int) -> None:
        """The share of one rank of `world_size`."""
        raise NotImplementedError


class UnpackArchives(JobStep):
    """Unpack compressed archives, for tasks that read some of their files each; one task."""

    name = "unpack"

    def do(self, job: Job, work: Path, rank: int, world_size: int) -> None:
        """All of them."""
        unpack(job.units, job.packed, work)


class ReadShards(JobStep):
    """Read files, check them and sketch their signatures; each shard that is there is kept."""

    name = "read"

    def do(self, job: Job, work: Path, rank: int, world_size: int) -> None:
        """Every `world_size`-th shard."""
        starts = shard_starts(job.units)[rank::world_size]
        units = unpacked(job.units, job.packed, work, starts)
        read_shards(units, work, starts, job.settings, job.readers, progress=False)


class FindPairs(JobStep):
    """Find similar pieces, in some bands of their signatures each."""

    name = "compare"

    def do(self, job: Job, work: Path, rank: int, world_size: int) -> None:
        """Every `world_size`-th band."""
        path = _pairs_path(work, rank, world_size)
        if path.exists():
            return
        rows = gather_rows(work)
        bands = BANDS[rank::world_size]
        held = BytesIO()
        np.save(held, similar_pairs(rows.signatures, rows.is_empty, job.settings.threshold, bands))
        write_atomically(path, held.getvalue())


class DealAndPublish(JobStep):
    """Group what was found similar, deal the groups to the splits, and write the dataset; one task.

    Args:
        output: the folder.
        comparers: how many tasks found pairs.
    """

    name = "publish"

    def __init__(self, output: str, comparers: int):
        super().__init__(output)
        self.comparers = comparers

    def do(self, job: Job, work: Path, rank: int, world_size: int) -> None:
        """All of it."""
        paths = [_pairs_path(work, comparer, self.comparers) for comparer in range(self.comparers)]
        pairs = np.unique(np.concatenate([np.load(BytesIO(path.read_bytes())) for path in paths]))
        deal_and_publish(work, as_path(self.output), job.plan, job.settings, job.command, pairs)
        remove_folder(work)


def _pairs_path(work: Path, rank: int, world_size: int) -> Path:
    return work / f"pairs-{rank:05d}-of-{world_size:05d}.npy"
