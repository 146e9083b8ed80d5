"""Folders of music files as work units. Knows nothing of what becomes of them."""

import os
from collections.abc import Sequence
from pathlib import Path

from symbolic_music.data.sources.units import UNKNOWN_LICENSE, CorpusError, FileUnit, WorkUnit, shown_name, tune_units
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.files import ABC_SUFFIXES, MUSIC_SUFFIXES
from symbolic_music.score.storage import read_bounded


def list_directory(
    folder: Path, suffixes: Sequence[str] = MUSIC_SUFFIXES, license: str = UNKNOWN_LICENSE
) -> list[WorkUnit]:
    """List every file below a folder whose suffix is one of `suffixes` (in any case), sorted by relative path.

    An ABC file gives one unit for each tune. Links to folders are not followed.

    Raises:
        CorpusError: when the folder does not exist or holds no such file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder")
    paths = sorted(path for path in walk(folder) if path.suffix.lower() in suffixes)
    if not paths:
        raise CorpusError(f"{folder}: no file ends in {', '.join(suffixes)}")
    source = folder_source(folder)
    return [unit for path in paths for unit in units_of_file(path, source, path.relative_to(folder), license)]


def folder_source(folder: Path) -> str:
    """What the rows of a folder's pieces call it: its name."""
    return shown_name(folder.resolve().name)


def units_of_file(path: Path, source: str, name: Path, license: str) -> list[WorkUnit]:
    """One unit per file, or one per tune of a tune book.

    A tune book that cannot be read or holds no tune stays one unit, so that the worker refuses it with its reason.
    """
    whole = FileUnit(source=source, name=shown_name(name.as_posix()), license=license, path=path)
    if path.suffix.lower() not in ABC_SUFFIXES:
        return [whole]
    try:
        return tune_units(read_bounded(path), whole)
    except ScoreError:
        return [whole]


def walk(folder: Path) -> list[Path]:
    """Every file below a folder, in no order."""
    return [Path(root) / name for root, _, names in os.walk(folder) for name in names]
