"""The members of an archive one after the other, without unpacking to disk, in bounded memory.

Archives come from anywhere: names may be any bytes, sizes may lie, a few kilobytes may unpack to terabytes, and a
download may have broken off. What one member alone cannot give is that member's refusal; an archive that is damaged as
a whole is an `ArchiveError`. Knows nothing of music.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from symbolic_music.data.sources.archive.member import EXPECTED, ArchiveError, Member, Read
from symbolic_music.data.sources.archive.tar_members import TAR_DAMAGE, tar_members
from symbolic_music.data.sources.archive.zip_members import ZIP_DAMAGE, zip_members
from symbolic_music.score.errors import ScoreError

MAX_MEMBERS = 500_000
"""More than twice the largest public collection of MIDI files (Lakh, 178,000)."""
_MAGICS: dict[bytes, str] = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_LONGEST_MAGIC = max(map(len, _MAGICS))
_DAMAGE = (*ZIP_DAMAGE, *TAR_DAMAGE)


def iter_members(path: Path) -> Iterator[tuple[Member, Read]]:
    """Every file of an archive in its order, with a function that reads it, to be called before going on or never.

    The function raises ScoreError for a member that cannot be read although the archive is whole.

    Raises:
        ArchiveError: no archive, one of another kind, one cut off or damaged, or one that unpacks beyond all bounds.
    """
    count, last = 0, ""
    try:
        for member, read in _members(path):
            count, last = count + 1, member.name
            if count > MAX_MEMBERS:
                raise ArchiveError(f"{path}: expected at most {MAX_MEMBERS:,} files in an archive")
            yield member, partial(_read_whole, read, path, count, last)
    except (ArchiveError, ScoreError):
        raise
    except _DAMAGE as error:
        raise _damaged(path, count, last, error) from error


def is_compressed_tar(path: Path) -> bool:
    """Whether a file is an archive that can only be read from its beginning; one that is no archive may be called so.

    Raises:
        ArchiveError: an empty file.
    """
    return _kind(path) in ("gzip", "bzip2", "xz")


def _read_whole(read: Read, path: Path, count: int, last: str) -> bytes:
    try:
        return read()
    except (ArchiveError, ScoreError):
        raise
    except _DAMAGE as error:
        raise _damaged(path, count - 1, last, error) from error


def _damaged(path: Path, count: int, last: str, error: Exception) -> ArchiveError:
    place = f"after {count:,} whole files, the last being {last!a}" if count else "from its beginning"
    return ArchiveError(f"{path}: cut off or damaged {place}: {' '.join(str(error).split()) or type(error).__name__}")


def _members(path: Path) -> Iterator[tuple[Member, Read]]:
    if not path.is_file():
        raise ArchiveError(f"{path}: no such archive" if not path.exists() else f"{path}: expected an archive file")
    kind = _kind(path)
    if kind == "zip":
        return zip_members(path)
    if kind in ("7z", "rar", "zstd"):
        raise ArchiveError(f"{path}: {EXPECTED}, found {kind}")
    return tar_members(path, kind)


def _kind(path: Path) -> str:
    """What an archive's first bytes say that it is, whatever its name; "" for what may be a plain tar archive."""
    with path.open("rb") as file:
        head = file.read(_LONGEST_MAGIC)
    if not head:
        raise ArchiveError(f"{path}: {EXPECTED}, found an empty file")
    return next((kind for magic, kind in _MAGICS.items() if head.startswith(magic)), "")
