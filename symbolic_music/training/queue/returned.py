"""The way back: a queue's results in portions of few small files, and put together again.

A portion holds some shards, under JOB/, and `files.json`, which holds every small file as text and, for each shard,
the bytes and the hash that it must have. A shard that was brought once is not brought again unless it has changed.

Knows files, nothing of what they hold.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from symbolic_music.training.queue.data.packed import PROCESSOR_FOLDER, QueueError
from symbolic_music.training.queue.shards import MODEL_FOLDER

BUNDLE_FILE = "files.json"
_BROUGHT_FILE = "brought.json"
_SHARD_SUFFIX = ".safetensors"
_TEXT_SUFFIXES = (".json", ".md")
MEBIBYTE = 2**20


def bring(output: Path, portion: Path, most_files: int = 8, most_bytes: int = 64 * MEBIBYTE) -> tuple[int, int]:
    """Copy the next shards of a queue's output into a folder, with all small files.

    Args:
        output: of the queue.
        portion: the folder to fill.
        most_files: in the portion.
        most_bytes: of the portion.

    Returns:
        Shards that were copied, and shards that are left for another call.

    Raises:
        QueueError: when there is nothing yet, or a portion has room for no shard.
    """
    texts = {path.relative_to(output).as_posix(): path.read_text(encoding="utf-8") for path in _small_files(output)}
    shards = {path.relative_to(output).as_posix(): path for path in _shards(output)}
    if not texts:
        raise QueueError(f"{output}: holds nothing of a queue")
    facts: dict[str, dict[str, Any]] = {
        name: {"bytes": path.stat().st_size, "sha256": _digest(path)} for name, path in shards.items()
    }
    bundle = json.dumps({"texts": texts, "shards": facts}, indent=1, sort_keys=True).encode()
    record = output / _BROUGHT_FILE
    brought = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    to_do = [name for name in shards if brought.get(name) != facts[name]["sha256"]]
    room, copied = most_bytes - len(bundle), 0
    portion.mkdir(parents=True, exist_ok=True)
    for name in to_do:
        if copied == most_files - 1 or facts[name]["bytes"] > room:
            break
        # JOB/model/shard is JOB/shard there, since few folders may lie in each other.
        target = portion / _short(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shards[name], target)
        room, copied, brought[name] = room - facts[name]["bytes"], copied + 1, facts[name]["sha256"]
    if to_do and not copied:
        raise QueueError(f"{most_files} files of {most_bytes:,} bytes together have no room for {to_do[0]}")
    (portion / BUNDLE_FILE).write_bytes(bundle)
    record.write_text(json.dumps(brought, indent=1, sort_keys=True), encoding="utf-8")
    return copied, len(to_do) - copied


def assemble(portions: Sequence[Path], data: Path, output: Path) -> list[str]:
    """Put portions together: the output folder of the queue, each model with its processor.

    Args:
        portions: folders that `bring` filled, the latest last.
        data: folder of the packed folders.
        output: the folder to write.

    Returns:
        Names of the jobs whose models are whole.

    Raises:
        QueueError: when a portion is none, or a job's packed folder is missing.
    """
    bundle: dict[str, Any] = {}
    for portion in portions:
        try:
            bundle = json.loads((portion / BUNDLE_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise QueueError(f"{portion}: expected a {BUNDLE_FILE} of a queue ({error})") from error
    missing = {name for name, facts in bundle["shards"].items() if not _copy_shard(name, facts, portions, output)}
    for name, text in bundle["texts"].items():
        target = _inside(output, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    whole = []
    for job in sorted({PurePosixPath(name).parts[0] for name in bundle["shards"]}):
        lacks = sorted(name for name in missing if PurePosixPath(name).parts[0] == job)
        if lacks:
            shutil.rmtree(output / job, ignore_errors=True)
        else:
            whole.append(job)
            _add_processor(output / job / MODEL_FOLDER, bundle, job, data)
    return whole


def _copy_shard(name: str, facts: dict[str, Any], portions: Sequence[Path], output: Path) -> bool:
    """Copy a shard from the portion that holds it as it should be; whether one does."""
    for portion in reversed(portions):
        path = _inside(portion, _short(name))
        if path.is_file() and path.stat().st_size == facts["bytes"] and _digest(path) == facts["sha256"]:
            target = _inside(output, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            return True
    return False


def _add_processor(model: Path, bundle: dict[str, Any], job: str, data: Path) -> None:
    """Copy the processor that a job's data was packed with beside its weights."""
    packed = json.loads(bundle["texts"]["queue.json"])["jobs"][job]["data"]
    source = data / packed / PROCESSOR_FOLDER
    if not source.is_dir():
        raise QueueError(f"{source}: no such folder; expected the processor of job {job}")
    for path in sorted(source.iterdir()):
        shutil.copyfile(path, model / path.name)


def _small_files(output: Path) -> list[Path]:
    models = [path for path in output.glob(f"*/{MODEL_FOLDER}/*") if path.suffix in _TEXT_SUFFIXES]
    return sorted(
        [*(path for path in output.glob("*") if path.suffix in _TEXT_SUFFIXES and path.name != _BROUGHT_FILE), *models]
    )


def _shards(output: Path) -> list[Path]:
    """By job, those that were written first, first."""
    found = sorted(output.glob(f"*/{MODEL_FOLDER}/*{_SHARD_SUFFIX}"))
    return sorted(found, key=lambda path: (path.parent.stat().st_mtime, path))


def _short(name: str) -> str:
    path = PurePosixPath(name)
    return f"{path.parts[0]}/{path.name}"


def _inside(folder: Path, name: str) -> Path:
    """A path below a folder; a bundle must not write anywhere else."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise QueueError(f"{name}: expected a path within the queue's folder")
    return folder / path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
