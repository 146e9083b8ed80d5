"""Work units: small, picklable things to read, each naming one file, tune, archive member or row of a dataset.

A unit reads itself into pieces in a worker process. Knows nothing of what becomes of the pieces.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from symbolic_music.score.abc.io import abc_title, decode_abc, split_tune_book
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.files import read_bytes, read_pieces
from symbolic_music.score.piece import Reading

UNKNOWN_LICENSE = "not stated; ask the owner of the files"
MAX_TITLE = 200
"""Characters of a title in a row's name."""


class CorpusError(ValueError):
    """Music that cannot be listed; the message is one line for the user."""


@dataclass(frozen=True)
class WorkUnit:
    """One thing to read: the base of all kinds.

    Args:
        source: the corpus, such as `music21/oneills1850`.
        name: the file, relative to the corpus, and the tune or row in it.
        license: what is known about the right to use it, where the music itself does not say.
    """

    source: str
    name: str
    license: str

    def read(self) -> Reading:
        """Read the unit. Raises ScoreError when it holds nothing usable."""
        raise NotImplementedError

    def stamp(self) -> str:
        """A line that changes when the unit's content does; an interrupted run compares it before it goes on."""
        raise NotImplementedError

    def size(self) -> int:
        """Bytes that the unit carries with it to the process that reads it."""
        return 0

    def modules(self) -> tuple[str, ...]:
        """Modules that `read` imports only when it needs them, and that take seconds to import."""
        return ()


@dataclass(frozen=True)
class FileUnit(WorkUnit):
    """A whole file of any type that `read_pieces` knows."""

    path: Path

    def read(self) -> Reading:
        """Read every piece of the file."""
        return read_pieces(self.path)

    def stamp(self) -> str:
        """Name, size and time of last change: 178,000 files must not be read twice only to compare them."""
        status = self.path.stat()
        return f"{self.source}\t{self.name}\t{status.st_size}\t{status.st_mtime_ns}"


@dataclass(frozen=True)
class TuneUnit(WorkUnit):
    """One tune of an ABC tune book."""

    text: str

    def read(self) -> Reading:
        """Parse the tune."""
        return read_bytes(self.text.encode("utf-8", "replace"), "tune.abc")

    def stamp(self) -> str:
        """Name and content."""
        return f"{self.source}\t{self.name}\t{hashlib.sha256(self.text.encode('utf-8', 'replace')).hexdigest()}"


@dataclass(frozen=True)
class RefusedUnit(WorkUnit):
    """Music that the listing already knows to be unusable, such as an encrypted member of an archive."""

    refusal: Refusal
    detail: str

    def read(self) -> Reading:
        """Refuse."""
        raise ScoreError(self.refusal, self.name, self.detail)

    def stamp(self) -> str:
        """Name and reason."""
        return f"{self.source}\t{self.name}\t{self.refusal}"


def shown_name(name: str) -> str:
    """A file's name as a dataset's row may hold it: text, in one line.

    Bytes that are not UTF-8, which Python keeps as lone surrogates, and control characters become `\\x` escapes.
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shown_title(title: str) -> str:
    """A piece's title as a part of a row's name: a text of its own, but not one of a megabyte."""
    return shorten(shown_name(title), MAX_TITLE)


def shorten(text: str, most: int) -> str:
    """A text of at most so many characters, the last one "…" where some are left out."""
    return text if len(text) <= most else text[: most - 1] + "…"


def tune_units(data: bytes, whole: WorkUnit) -> list[WorkUnit]:
    """One unit for each tune of a tune book, or the whole of it where it holds no tune, so that a worker says why.

    Args:
        data: the bytes of the book.
        whole: the unit that stands for the book as a file.
    """
    tunes = split_tune_book(decode_abc(data))
    return [
        TuneUnit(whole.source, f"{whole.name}#{number} {shown_title(abc_title(tune))}".strip(), whole.license, tune)
        for number, tune in enumerate(tunes, start=1)
    ] or [whole]
