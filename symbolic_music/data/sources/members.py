"""The members of a .zip or .tar archive one after the other, without unpacking to disk, in bounded memory.

Archives come from anywhere: names may be any bytes, sizes may lie, a few kilobytes may unpack to terabytes, and a
download may have broken off. What one member alone cannot give is that member's refusal; an archive that is damaged as
a whole is an `ArchiveError`. Knows nothing of music but which files are too large for it.
"""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.storage import MAX_FILE_BYTES

MAX_MEMBERS = 500_000
"""More than twice the largest public collection of MIDI files (Lakh, 178,000)."""
MAX_RATIO = 250
"""A tar archive that unpacks to more than this many times its size is no music: `**kern` packs 10 to 1 with xz."""
_RATIO_COUNTS_FROM = 256 * 2**20
_MAX_DIRECTORY_BYTES = 48 * 2**20
_XZ_MEMORY = 160 * 2**20  # of the decompressor; `xz -9` asks for 65 MiB
_CHUNK = 2**20
_BLOCK = tarfile.BLOCKSIZE
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
_DAMAGE = (
    EOFError,
    OSError,
    ValueError,
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    struct.error,
)
_EXPECTED = "expected .tar, .tar.gz, .tar.bz2, .tar.xz or .zip"


class ArchiveError(ValueError):
    """An archive that cannot be read to its end; the message is one line for the user."""


@dataclass(frozen=True)
class Member:
    """A file in an archive; folders are none.

    Args:
        index: its place among all entries.
        name: as the archive writes it; bytes that are not UTF-8 are lone surrogates.
        size: in bytes, as the archive says.
        refusal: why it cannot be read, if that is known beforehand.
        detail: the same in words.
    """

    index: int
    name: str
    size: int
    refusal: Refusal | None = None
    detail: str = ""


Read = Callable[[], bytes]


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


def _read_whole(read: Read, path: Path, count: int, last: str) -> bytes:
    try:
        return read()
    except (ArchiveError, ScoreError):
        raise
    except _DAMAGE as error:
        raise _damaged(path, count - 1, last, error) from error


def _damaged(path: Path, count: int, last: str, error: Exception) -> ArchiveError:
    place = f"after {count:,} whole files, the last one read being {last!a}" if count else "from its beginning"
    return ArchiveError(f"{path}: cut off or damaged {place}: {' '.join(str(error).split()) or type(error).__name__}")


def _members(path: Path) -> Iterator[tuple[Member, Read]]:
    if not path.is_file():
        raise ArchiveError(f"{path}: no such archive" if not path.exists() else f"{path}: expected an archive file")
    kind = _kind(path)
    if kind == "zip":
        return _zip_members(path)
    if kind in ("7z", "rar", "zstd"):
        raise ArchiveError(f"{path}: {_EXPECTED}, found {kind}")
    return _tar_members(path, kind)


def _kind(path: Path) -> str:
    """What an archive's first bytes say that it is, whatever its name; "" for what may be a plain tar archive."""
    with path.open("rb") as file:
        head = file.read(_BLOCK)
    if not head:
        raise ArchiveError(f"{path}: {_EXPECTED}, found an empty file")
    return next((kind for magic, kind in _MAGICS.items() if head.startswith(magic)), "")


def _check_size(size: int) -> tuple[Refusal | None, str]:
    if size > MAX_FILE_BYTES:
        return Refusal.FILE_TOO_LARGE, f"expected at most {MAX_FILE_BYTES:,} bytes, found {size:,}"
    if size == 0:
        return Refusal.EMPTY_FILE, "expected music, found 0 bytes"
    return None, ""


# --- zip ---


def _zip_members(path: Path) -> Iterator[tuple[Member, Read]]:
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
    return _check_size(info.file_size)


def _zip_read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Read:
    def read() -> bytes:
        try:
            with archive.open(info) as file:
                # The size in the directory may lie; zipfile never gives more than it says, and checks the sum.
                return file.read(MAX_FILE_BYTES + 1)
        except (*_DAMAGE, NotImplementedError, RuntimeError) as error:
            detail = " ".join(str(error).split()) or type(error).__name__
            raise ScoreError(Refusal.UNREADABLE, info.filename, f"the archive's copy is damaged: {detail}") from error

    return read


# --- tar ---


def _tar_members(path: Path, compression: str) -> Iterator[tuple[Member, Read]]:
    with _open_stream(path, compression) as stream:
        try:
            archive = tarfile.TarFile(fileobj=cast(IO[bytes], stream), encoding="utf-8", errors="surrogateescape")
        except tarfile.ReadError as error:
            raise ArchiveError(f"{path}: {_EXPECTED}, found something else ({error})") from error
        index = 0
        while (info := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # else every member ever seen stays in memory
            if not info.isdir():
                yield Member(index, info.name, info.size, *_tar_refusal(info)), _tar_read(stream, info)
            index += 1
        stream.check_end()


def _tar_refusal(info: tarfile.TarInfo) -> tuple[Refusal | None, str]:
    if info.issym() or info.islnk():
        return Refusal.LINK, "expected a file, found a link"
    if not info.isreg() or info.issparse():
        return Refusal.UNREADABLE, "expected a file, found a device or a file with holes"
    return _check_size(info.size)


def _tar_read(stream: "_Stream", info: tarfile.TarInfo) -> Read:
    def read() -> bytes:
        stream.seek(info.offset_data)
        data = stream.read(info.size)
        if len(data) < info.size:
            raise EOFError("unexpected end of data")
        return data

    return read


class _Stream:
    """An unpacked tar archive as tarfile wants it, forward only, which holds to its bounds.

    Args:
        path: of the archive, for messages.
        packed: the archive's file, whose place says how much of it has been used up.
        unpacked: what it unpacks to.
    """

    def __init__(self, path: Path, packed: IO[bytes], unpacked: IO[bytes]):
        self._path, self._packed, self._unpacked = path, packed, unpacked
        self._place = 0
        self._last = b""

    def tell(self) -> int:
        return self._place

    def read(self, size: int) -> bytes:
        # A header may claim a name of gigabytes, which tarfile would read whole.
        if size > MAX_FILE_BYTES + _BLOCK:
            raise tarfile.ReadError(f"a header claims {size:,} bytes")
        self._last = self._unpacked.read(size)
        self._place += len(self._last)
        if self._place > _RATIO_COUNTS_FROM and self._place > MAX_RATIO * self._packed.tell():
            raise ArchiveError(f"{self._path}: unpacks to over {MAX_RATIO} times its size: a decompression bomb")
        return self._last

    def seek(self, place: int) -> int:
        if place < self._place:
            raise tarfile.ReadError("its members overlap")
        while self._place < place:
            if not self.read(min(_CHUNK, place - self._place)):
                raise EOFError("unexpected end of data")
        return self._place

    def check_end(self) -> None:
        """Check that tarfile stopped at the archive's end and not at a header it could not read; read the rest.

        Two blocks of zeros end an archive (POSIX.1-2017, pax, "ustar Interchange Format").
        """
        if self._last != bytes(_BLOCK):
            raise tarfile.ReadError("the blocks of zeros that end an archive are missing")
        while rest := self.read(_CHUNK):
            if rest.strip(b"\0"):
                raise tarfile.ReadError("there is more behind its end")


@contextmanager
def _open_stream(path: Path, compression: str) -> Iterator[_Stream]:
    unpack: dict[str, Callable[[Any], Any]] = {
        "": lambda file: file,
        "gzip": lambda file: gzip.GzipFile(fileobj=file),
        "bzip2": bz2.BZ2File,
        "xz": lambda file: io.BufferedReader(_XzReader(file), _CHUNK),
    }
    with path.open("rb") as packed, unpack[compression](packed) as unpacked:
        yield _Stream(path, packed, unpacked)


class _XzReader(io.RawIOBase):
    """What an .xz file unpacks to; the standard library's reader has no bound on memory, which the file's header asks.

    Args:
        packed: the file.
    """

    def __init__(self, packed: IO[bytes]):
        self._packed = packed
        self._decompressor = self._start()

    @staticmethod
    def _start() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data:
            packed = b""
            if self._decompressor.eof:
                # Another stream may follow, after padding of zeros (xz file format 1.2, section 2).
                packed = self._decompressor.unused_data.lstrip(b"\0") or self._next_bytes().lstrip(b"\0")
                if not packed:
                    return 0
                self._decompressor = self._start()
            elif self._decompressor.needs_input:
                packed = self._next_bytes()
                if not packed:
                    raise EOFError("the compressed data breaks off")
            data = self._decompressor.decompress(packed, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _next_bytes(self) -> bytes:
        return self._packed.read(_CHUNK)
