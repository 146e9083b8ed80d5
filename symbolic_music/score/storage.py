"""Reading files of bounded size and writing files whole or not at all. Knows nothing of music."""

import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from symbolic_music._extras import require
from symbolic_music.score.errors import Refusal, ScoreError

MAX_FILE_BYTES = 16 * 2**20
"""Nothing larger is read: a long orchestral MIDI file has about 1 MB, a tune book of thousands of tunes about 5 MB."""


def read_bounded(path: Path | str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The bytes of a regular file that is neither empty nor larger than `max_bytes`.

    Raises:
        ScoreError: missing_file, empty_file, file_too_large or unreadable (a folder, a device, no permission).
    """
    path = Path(path)
    if not path.exists():
        raise ScoreError(Refusal.MISSING_FILE, path, "expected a music file, found nothing")
    if not path.is_file():
        raise ScoreError(Refusal.UNREADABLE, path, "expected a file, found a folder or a device")
    # The size is asked first, and held to while reading, for a file may grow in between.
    size = path.stat().st_size
    try:
        data = b"" if size > max_bytes else _read(path, max_bytes + 1)
    except OSError as error:
        raise ScoreError(Refusal.UNREADABLE, path, error.strerror or "the file cannot be read") from error
    if max(size, len(data)) > max_bytes:
        raise ScoreError(Refusal.FILE_TOO_LARGE, path, f"expected at most {max_bytes:,} bytes, found {size:,}")
    if not data:
        raise ScoreError(Refusal.EMPTY_FILE, path, "expected music, found 0 bytes")
    return data


def _read(path: Path, max_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(max_bytes)


def as_path(text: Path | str) -> Path:
    """A path of this machine, or, for a text such as `s3://bucket/folder`, of any file system that fsspec knows.

    Raises:
        MissingExtraError: when that needs universal_pathlib and it is not installed.
    """
    if not isinstance(text, str):
        return text
    return require("upath").UPath(text) if "://" in text else Path(text)


def is_remote(path: Path) -> bool:
    """Whether a path of `as_path` is not of this machine."""
    return not isinstance(path, Path)


def remove_folder(path: Path) -> None:
    """Remove a folder of `as_path` and all in it, where it is there."""
    if not is_remote(path):
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.fs.rm(path.path, recursive=True)  # type: ignore[attr-defined]


def remove_all(folder: Path, names: Iterable[str]) -> None:
    """Remove files and folders of these names from a folder of `as_path`, where they are there, and nothing else."""
    for name in names:
        path = folder / name
        remove_folder(path) if path.is_dir() else path.unlink(missing_ok=True)


def write_atomically(path: Path | str, data: bytes) -> None:
    """Write `data` to `path`; see `new_file`."""
    with new_file(as_path(path)) as file:
        file.write(data)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that has its name when it is whole, so that a reader never sees half of it.

    On this machine it is a temporary file beside `path` till then. Object stores show a file when it is closed, after
    an error too: then it is removed.

    Args:
        path: of `as_path`.
    """
    remote = is_remote(path)
    place = path if remote else path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        # Opened so, it has the permissions that any new file would have; mkstemp's are private.
        with place.open("wb") as file:
            yield file
        if not remote:
            os.replace(place, path)
    except BaseException:
        place.unlink(missing_ok=True)
        raise
