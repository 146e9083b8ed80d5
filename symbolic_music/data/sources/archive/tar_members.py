"""The members of a .tar archive, plain or compressed, from front to back in bounded memory. Knows nothing of music."""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from symbolic_music.data.sources.archive.member import EXPECTED, ArchiveError, Member, Read, size_refusal
from symbolic_music.score.errors import Refusal

TAR_DAMAGE = (
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    RecursionError,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
)
"""What tarfile and the decompressors raise for archives that are not whole, or made to harm."""
MAX_RATIO = 250
"""A tar archive that unpacks to more than this many times its size is no music: `**kern` packs 10 to 1 with xz."""
_RATIO_COUNTS_FROM = 256 * 2**20
_XZ_MEMORY = 160 * 2**20  # of the decompressor; `xz -9` asks for 65 MiB
_MAX_HEADER_BYTES = 32 * 2**10
_CHUNK = 2**20
_BLOCK = tarfile.BLOCKSIZE


def tar_members(path: Path, compression: str) -> Iterator[tuple[Member, Read]]:
    """Every file of a tar archive in its order; see `members.iter_members`.

    Args:
        path: of the archive.
        compression: "gzip", "bzip2", "xz", or "" for none.
    """
    with _open_stream(path, compression) as stream:
        try:
            archive = tarfile.TarFile(fileobj=cast(IO[bytes], stream), encoding="utf-8", errors="surrogateescape")
        except tarfile.ReadError as error:
            raise ArchiveError(f"{path}: {EXPECTED}, found something else ({error})") from error
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
    return size_refusal(info.size)


def _tar_read(stream: "_Stream", info: tarfile.TarInfo) -> Read:
    def read() -> bytes:
        stream.seek(info.offset_data)
        data = stream.take(info.size)
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
        # tarfile reads headers only; one may claim a name of gigabytes, and patterns are searched for in it in
        # quadratic time (CVE-2024-6232).
        if size > _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self.take(size)

    def take(self, size: int) -> bytes:
        """As `read`, but of any size."""
        self._last = self._unpacked.read(size)
        self._place += len(self._last)
        if self._place > _RATIO_COUNTS_FROM and self._place > MAX_RATIO * self._packed.tell():
            raise ArchiveError(f"{self._path}: unpacks to over {MAX_RATIO} times its size: a decompression bomb")
        return self._last

    def seek(self, place: int) -> int:
        if place < self._place:
            raise tarfile.ReadError("its members overlap")
        while self._place < place:
            if not self.take(min(_CHUNK, place - self._place)):
                raise EOFError("unexpected end of data")
        return self._place

    def check_end(self) -> None:
        """Check that tarfile stopped at the archive's end and not at a header it could not read; read the rest.

        Two blocks of zeros end an archive (POSIX.1-2017, pax, "ustar Interchange Format").
        """
        if self._last != bytes(_BLOCK):
            raise tarfile.ReadError("the blocks of zeros that end an archive are missing")
        while rest := self.take(_CHUNK):
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
