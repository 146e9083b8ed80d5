"""The members of a .zip archive (PKWARE's APPNOTE 6.3). Knows nothing of music."""

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from symbolic_music.data.sources.archive.member import ArchiveError, Member, Read, size_refusal
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.storage import MAX_FILE_BYTES

ZIP_DAMAGE = (
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    NotImplementedError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
)
"""What zipfile raises for archives that are not whole, or of a later version than it knows."""
_MAX_DIRECTORY_BYTES = 48 * 2**20
"""The list of members of an archive of 500,000 files has about this size."""


def zip_members(path: Path) -> Iterator[tuple[Member, Read]]:
    """Every file of a zip archive in the order of its directory; see `members.iter_members`."""
    _check_directory(path)
    with zipfile.ZipFile(path) as archive:
        for index, info in enumerate(archive.infolist()):
            if info.is_dir():
                continue
            name = _zip_name(info)
            yield Member(index, name, info.file_size, *_zip_refusal(info)), _zip_read(archive, info)


def _check_directory(path: Path) -> None:
    """Refuse a directory of members that would fill the memory: zipfile reads it whole (APPNOTE 6.3, section 4.3.16).

    Where the size stands only in the zip64 record, it takes 4 GiB of file to hold it, and that is refused as well.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65_557))
        tail = file.read()
    found = tail.rfind(b"PK\x05\x06")
    size = 0
    if found >= 0 and len(tail) >= found + 16:
        size = int(struct.unpack("<L", tail[found + 12 : found + 16])[0])
        locator = tail.rfind(b"PK\x06\x06")
        if size == 0xFFFFFFFF and locator >= 0 and len(tail) >= locator + 48:
            size = int(struct.unpack("<Q", tail[locator + 40 : locator + 48])[0])
    if size > _MAX_DIRECTORY_BYTES:
        raise ArchiveError(
            f"{path}: expected a list of members of at most {_MAX_DIRECTORY_BYTES:,} bytes, found {size:,}"
        )


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A member's name; one that is not marked as UTF-8 but is UTF-8, as many programs write it, is read as such."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name


def _zip_refusal(info: zipfile.ZipInfo) -> tuple[Refusal | None, str]:
    if info.create_system == 3 and stat.S_ISLNK(info.external_attr >> 16):
        return Refusal.LINK, "expected a file, found a link"
    if info.flag_bits & 0x1:
        return Refusal.ENCRYPTED, "expected a file that can be read without a password"
    return size_refusal(info.file_size)


def _zip_read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Read:
    def read() -> bytes:
        try:
            with archive.open(info) as file:
                # The size in the directory may lie; zipfile never gives more than it says, and checks the sum.
                return file.read(MAX_FILE_BYTES + 1)
        except (*ZIP_DAMAGE, RuntimeError) as error:
            detail = " ".join(str(error).split()) or type(error).__name__
            raise ScoreError(Refusal.UNREADABLE, info.filename, f"the archive's copy is damaged: {detail}") from error

    return read
