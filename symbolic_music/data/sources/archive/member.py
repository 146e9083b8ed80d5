"""A file in an archive, whatever the archive's kind. Knows nothing of how it is read."""

from collections.abc import Callable
from dataclasses import dataclass

from symbolic_music.score.errors import Refusal
from symbolic_music.score.storage import MAX_FILE_BYTES

EXPECTED = "expected .tar, .tar.gz, .tar.bz2, .tar.xz or .zip"
"""For messages."""
Read = Callable[[], bytes]
"""Reads a member; to be called before going on to the next one, or never."""


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


def size_refusal(size: int) -> tuple[Refusal | None, str]:
    """Why a file of so many bytes is not read, and the same in words; None and "" where it is."""
    if size > MAX_FILE_BYTES:
        return Refusal.FILE_TOO_LARGE, f"expected at most {MAX_FILE_BYTES:,} bytes, found {size:,}"
    if size == 0:
        return Refusal.EMPTY_FILE, "expected music, found 0 bytes"
    return None, ""
