"""The steps of packing as datatrove runs them: each task writes its files, and may die and be run again."""

from pathlib import Path

from datasets import disable_progress_bars, load_dataset

from symbolic_music.data.blocks.block_files import write_description, write_file
from symbolic_music.data.cluster.pack import PackJob
from symbolic_music.data.cluster.steps import JobStep
from symbolic_music.score.storage import as_path


class PackFiles(JobStep):
    """Write files of blocks; each that is there is kept."""

    name = "pack"

    def do(self, job: PackJob, work: Path, rank: int, world_size: int) -> None:
        """Every `world_size`-th file."""
        disable_progress_bars()
        splits = load_dataset(job.dataset)
        for file in job.files[rank::world_size]:
            write_file(file, splits, job.processor, job.settings, as_path(self.output))


class DescribeBlocks(JobStep):
    """Say what all files hold; one task."""

    name = "describe"

    def do(self, job: PackJob, work: Path, rank: int, world_size: int) -> None:
        """All of it."""
        write_description(job.files, job.settings, job.facts, as_path(self.output))
