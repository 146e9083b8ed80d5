"""Archives of music files as work units, read without unpacking to disk.

A compressed tar archive can only be read from front to back, so the process that hands out the units streams through
it and gives each its bytes (`with_contents`). Knows nothing of what becomes of the units.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from symbolic_music.data.sources.archive.member import ArchiveError, Member, Read
from symbolic_music.data.sources.archive.members import iter_members
from symbolic_music.data.sources.licenses import is_license_file, stated_license
from symbolic_music.data.sources.units import (
    UNKNOWN_LICENSE,
    CorpusError,
    RefusedUnit,
    WorkUnit,
    shown_name,
    tune_units,
)
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.files import ABC_SUFFIXES, MUSIC_SUFFIXES, read_bytes
from symbolic_music.score.piece import Reading

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")
_DOUBLE_SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz")
_RESOURCE_FORK = "macOS resource forks"


@dataclass(frozen=True)
class MemberUnit(WorkUnit):
    """A file in an archive, of any type that `read_bytes` knows.

    Args:
        archive: the archive's file.
        index: the member's place in it.
        file: its name there.
        archive_stamp: what changes with the archive.
        data: its bytes, once `with_contents` has given them; without them, reading searches the archive.
    """

    archive: Path
    index: int
    file: str
    archive_stamp: str
    data: bytes | None = field(default=None, repr=False)

    def read(self) -> Reading:
        """Read every piece of the member."""
        data = _find(self.archive, self.index) if self.data is None else self.data
        return read_bytes(data, self.file)

    def size(self) -> int:
        """Bytes of its content, where it has been given them."""
        return len(self.data or b"")

    def stamp(self) -> str:
        """Name and place of the member, name, size and time of last change of the archive."""
        return f"{self.source}\t{self.name}\t{self.index}\t{self.archive_stamp}"


@dataclass(frozen=True)
class ArchiveListing:
    """What an archive holds.

    Args:
        units: a unit for each music file, or each tune of a tune book; those known to be unusable refuse.
        ignored: how many files of other types there are, by suffix.
    """

    units: list[WorkUnit]
    ignored: Counter[str]


def archive_source(path: Path) -> str:
    """What the rows of an archive's pieces call it: its name without the suffix."""
    name = path.name
    for suffix in (*_DOUBLE_SUFFIXES, path.suffix):
        if suffix and name.lower().endswith(suffix.lower()):
            return shown_name(name[: -len(suffix)])
    return shown_name(name)


def list_archive(path: Path, license: str | None = None, source: str | None = None) -> ArchiveListing:
    """List every music file of an archive, in the archive's order.

    Args:
        path: a .zip or .tar archive, the latter plain or packed with gzip, bzip2 or xz.
        license: of pieces that state none; default what a licence file at the archive's top says.
        source: what the rows call it; the archive's name without the suffix when left out.

    Raises:
        CorpusError: no archive, a damaged one, or one without a music file.
    """
    path = Path(path)
    listing = _Lister(path, license or UNKNOWN_LICENSE, source or archive_source(path))
    try:
        for member, read in iter_members(path):
            listing.add(member, read)
    except ArchiveError as error:
        raise CorpusError(str(error)) from error
    if not listing.units:
        raise CorpusError(f"{path}: no file in it ends in {', '.join(MUSIC_SUFFIXES)}")
    if license is None and listing.stated:
        words = f"{listing.stated} (as {listing.stated_in} in {path.name} says)"
        listing.units = [replace(unit, license=words) for unit in listing.units]
    return ArchiveListing(listing.units, listing.ignored)


def with_contents(units: Iterable[WorkUnit]) -> Iterator[WorkUnit]:
    """The same units in the same order; members of archives hold their bytes, each archive being read once.

    Raises:
        CorpusError: an archive that has become unreadable since it was listed.
    """
    members: Iterator[tuple[Member, Read]] = iter(())
    archive, place = None, -1
    for unit in units:
        if not isinstance(unit, MemberUnit):
            yield unit
            continue
        if unit.archive != archive or unit.index <= place:
            members = iter_members(unit.archive)
        archive, place = unit.archive, unit.index
        try:
            yield replace(unit, data=_advance(members, unit))
        except ScoreError as error:
            yield RefusedUnit(unit.source, unit.name, unit.license, error.refusal, error.detail)
        except ArchiveError as error:
            raise CorpusError(str(error)) from error


class _Lister:
    """Gathers the units of an archive's members."""

    def __init__(self, path: Path, license: str, source: str):
        status = path.stat() if path.exists() else None
        self._path, self._license = path, license
        self._source = source
        self._stamp = f"{path.name}\t{status.st_size}\t{status.st_mtime_ns}" if status else ""
        self._names: Counter[str] = Counter()
        self.units: list[WorkUnit] = []
        self.ignored: Counter[str] = Counter()
        self.stated, self.stated_in = "", ""

    def add(self, member: Member, read: Read) -> None:
        """Add what stands for a member: nothing, a unit, or one for each tune of a tune book."""
        file = _plain_name(member.name)
        path = PurePosixPath(file)
        suffix = path.suffix.lower()
        if "__MACOSX" in path.parts or path.name.startswith("._"):
            self.ignored[_RESOURCE_FORK] += 1
        elif suffix in MUSIC_SUFFIXES:
            self.units += self._units(member, file, read)
        elif suffix in ARCHIVE_SUFFIXES:
            detail = "expected a music file, found an archive within an archive: give it to --archive by itself"
            self.units.append(
                RefusedUnit(self._source, self._name(file), self._license, Refusal.NESTED_ARCHIVE, detail)
            )
        else:
            self.ignored[suffix or "no suffix"] += 1
            self._look_at_license(member, path, read)

    def _units(self, member: Member, file: str, read: Read) -> list[WorkUnit]:
        name = self._name(file)
        if member.refusal is not None:
            return [RefusedUnit(self._source, name, self._license, member.refusal, member.detail)]
        whole = MemberUnit(self._source, name, self._license, self._path, member.index, file, self._stamp)
        if not file.lower().endswith(ABC_SUFFIXES):
            return [whole]
        try:
            return tune_units(read(), whole)
        except ScoreError as error:
            return [RefusedUnit(self._source, name, self._license, error.refusal, error.detail)]

    def _name(self, file: str) -> str:
        """A member's name, with a number where an earlier member has the same."""
        self._names[file] += 1
        return file if self._names[file] == 1 else f"{file} ({self._names[file]})"

    def _look_at_license(self, member: Member, path: PurePosixPath, read: Read) -> None:
        # At the top, or at the top of the one folder that holds everything.
        if self.stated or member.refusal is not None or len(path.parts) > 2 or not is_license_file(path.name):
            return
        try:
            self.stated, self.stated_in = stated_license(read()), path.as_posix()
        except ScoreError:
            return  # a damaged licence file says nothing


def _plain_name(name: str) -> str:
    """A member's name as a relative path: nothing is ever written there, so only its looks are at stake."""
    if "/" not in name:
        name = name.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in ("", ".", "..")]
    return shown_name("/".join(parts))


def _advance(members: Iterator[tuple[Member, Read]], unit: MemberUnit) -> bytes:
    for member, read in members:
        if member.index == unit.index:
            return read()
    raise ArchiveError(f"{unit.archive}: {unit.name} is no longer in it")


def _find(archive: Path, index: int) -> bytes:
    return _advance(iter_members(archive), MemberUnit("", str(index), "", archive, index, "", ""))
