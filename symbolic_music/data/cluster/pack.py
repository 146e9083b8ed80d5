"""A dataset's pieces as files of blocks, by this process or by many tasks: the same files. Tasks need datatrove."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets import DatasetDict
from tqdm import tqdm

from symbolic_music.data.blocks.block_files import (
    DATA_FOLDER,
    DESCRIPTION_FILE,
    TOKENIZER_FOLDER,
    BlockFile,
    PackSettings,
    files_of,
    write_description,
    write_file,
)
from symbolic_music.data.blocks.pack import PackError
from symbolic_music.data.preparation.prepare import PLAN_FILE, WORK_FOLDER, clear_run, work_folder
from symbolic_music.score.storage import is_remote, remove_folder, write_atomically
from symbolic_music.tokenization.processing_music import MusicProcessor

if TYPE_CHECKING:
    from symbolic_music.data.cluster.engines import Engine

_OWN_FILES = (DESCRIPTION_FILE, DATA_FOLDER, TOKENIZER_FOLDER, WORK_FOLDER)


@dataclass(frozen=True)
class PackJob:
    """What is to be packed.

    Attributes:
        dataset: folder or Hub id.
        processor: encodes its pieces.
        settings: see `PackSettings`.
        files: all that are to be written.
        facts: of the dataset, for the description.
    """

    dataset: str
    processor: MusicProcessor
    settings: PackSettings
    files: Sequence[BlockFile]
    facts: dict[str, Any]


def pack_blocks(
    dataset: str,
    splits: DatasetDict,
    processor: MusicProcessor,
    output: Path,
    settings: PackSettings,
    facts: dict[str, Any],
    engine: "Engine | None" = None,
    tasks: int = 1,
    overwrite: bool = False,
    progress: bool = True,
) -> dict[str, Any] | None:
    """Write a dataset's pieces as files of blocks; a run that was stopped goes on.

    Args:
        dataset: folder or Hub id that `splits` were loaded from, for tasks to load.
        splits: with columns `midi`.
        processor: encodes a Score to ids, and knows their grammar.
        output: folder, of any file system.
        settings: see `PackSettings`.
        facts: of the dataset and the tokenizer, kept in the description; with the settings they say whether what is
            there already is of this run.
        engine: where tasks run; None packs here.
        tasks: of the engine.
        overwrite: whether blocks made otherwise may be replaced.
        progress: whether to show progress on stderr.

    Returns:
        What `blocks.json` says; None when the tasks were handed on and are yet to run.

    Raises:
        PackError: when nothing can be packed, or the folder holds something else.
        EngineError: when tasks die again and again.
        PrepareError: when another run is writing there.
    """
    output = output if is_remote(output) else output.absolute()  # tasks may run in other folders
    files = files_of(splits, settings)
    plan = facts | {"settings": json.loads(json.dumps(asdict(settings)))}
    if (done := _found(output, plan, overwrite)) is not None:
        return done
    with work_folder(output, plan):
        _save_processor(processor, output)
        if engine is None:
            for file in tqdm(files, desc="pack", unit="file", disable=None if progress else True):
                write_file(file, splits, processor, settings, output)
            write_description(files, settings, facts, output)
        elif not _run(engine, PackJob(dataset, processor, settings, files, facts), output, tasks, progress):
            return None
    remove_folder(output / WORK_FOLDER)
    return json.loads((output / DESCRIPTION_FILE).read_text())


def _run(engine: "Engine", job: PackJob, output: Path, tasks: int, progress: bool) -> bool:
    """Whether the engine's tasks have ended."""
    from symbolic_music.data.cluster.engines import Stage
    from symbolic_music.data.cluster.pack_steps import DescribeBlocks, PackFiles
    from symbolic_music.data.cluster.steps import save_job

    stages = [Stage(PackFiles(str(output)), min(tasks, len(job.files))), Stage(DescribeBlocks(str(output)), 1)]
    engine.check(stages)
    save_job(job, output)
    return engine.run(stages, progress)


def _found(output: Path, plan: dict[str, Any], overwrite: bool) -> dict[str, Any] | None:
    """What is there already, where it is whole and of this plan; another plan's is cleared away if that is allowed."""
    description, begun = output / DESCRIPTION_FILE, output / WORK_FOLDER / PLAN_FILE
    if description.exists():
        found = json.loads(description.read_text())
    elif begun.exists():
        found = json.loads(begun.read_text())
    elif output.exists() and {path.name for path in output.iterdir()} - {WORK_FOLDER}:
        raise PackError(f"{output}: expected a new folder, or one that was packed to before")
    else:
        return None
    if {name: found.get(name) for name in plan} == plan:
        return found if description.exists() else None
    if not overwrite:
        raise PackError(f"{output}: holds blocks that were made otherwise; choose another folder, or --overwrite")
    clear_run(output, found, _OWN_FILES)
    return None


def _save_processor(processor: MusicProcessor, output: Path) -> None:
    """Beside the blocks, on any file system."""
    with tempfile.TemporaryDirectory() as folder:
        processor.save_pretrained(folder)
        (output / TOKENIZER_FOLDER).mkdir(parents=True, exist_ok=True)
        for path in sorted(Path(folder).iterdir()):
            write_atomically(output / TOKENIZER_FOLDER / path.name, path.read_bytes())
