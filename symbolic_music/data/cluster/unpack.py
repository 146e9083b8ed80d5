"""Compressed .tar archives unpacked once for all tasks: to reach a file in one, all before it has to be unpacked."""

import io
import tarfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from symbolic_music.data.preparation.prepare import UNITS_PER_SHARD, shard_starts
from symbolic_music.data.preparation.shards import shard_path
from symbolic_music.data.sources.archive.members import is_compressed_tar
from symbolic_music.data.sources.archives import MemberUnit, with_contents
from symbolic_music.data.sources.units import WorkUnit
from symbolic_music.score.storage import new_file


def packed_archives(units: Sequence[WorkUnit]) -> frozenset[Path]:
    """The compressed .tar archives among those that units are files in."""
    archives = {unit.archive for unit in units if isinstance(unit, MemberUnit)}
    return frozenset(filter(is_compressed_tar, archives))


def unpack(units: Sequence[WorkUnit], packed: frozenset[Path], work: Path) -> None:
    """Write the packed files of each shard that is not read yet into a plain .tar archive of its own.

    Args:
        units: all of the run.
        packed: see `packed_archives`.
        work: the folder of the shards.

    Raises:
        CorpusError: an archive that has become unreadable since it was listed.
    """
    missing = [start for start in shard_starts(units) if not shard_path(work, start).exists()]
    missing = [start for start in missing if not _archive_path(work, start).exists()]
    spans = {start: [units[place] for place in _packed_places(units, packed, start)] for start in missing}
    contents = with_contents(unit for span in spans.values() for unit in span)
    for start, span in spans.items():
        if span:
            with new_file(_archive_path(work, start)) as file, tarfile.open(fileobj=file, mode="w") as archive:
                for number in range(len(span)):
                    _add(archive, number, next(contents))


def unpacked(
    units: Sequence[WorkUnit], packed: frozenset[Path], work: Path, starts: Sequence[int]
) -> Sequence[WorkUnit]:
    """The same units, those of some shards finding their packed files where `unpack` wrote them.

    Args:
        units: all of the run.
        packed: see `packed_archives`.
        work: the folder of the shards.
        starts: the first units of the shards.
    """
    found: list[Any] = list(units)
    for start in starts:
        for number, place in enumerate(_packed_places(units, packed, start)):
            found[place] = replace(found[place], archive=_archive_path(work, start), index=number)
    return found


def _packed_places(units: Sequence[WorkUnit], packed: frozenset[Path], start: int) -> list[int]:
    """Which of the units of a shard are packed."""
    shard = range(start, min(start + UNITS_PER_SHARD, len(units)))
    return [place for place in shard if getattr(units[place], "archive", None) in packed]


def _add(archive: tarfile.TarFile, number: int, unit: WorkUnit) -> None:
    assert isinstance(unit, MemberUnit), "a .tar archive is damaged as a whole or not at all"
    assert unit.data is not None
    member = tarfile.TarInfo(str(number))
    member.size = len(unit.data)
    archive.addfile(member, io.BytesIO(unit.data))


def _archive_path(work: Path, start: int) -> Path:
    return work / f"files-{start:09d}.tar"
