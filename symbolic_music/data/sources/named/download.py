"""Fetching a large file over a bad line: resumed where it was cut, checked, and never half-written under its name."""

import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from symbolic_music.data.sources.units import CorpusError

_CHUNK = 1 << 18
_USER_AGENT = "symbolic-music-hf"
# Without a word from the server for so long, the connection is taken for dead.
STALL_SECONDS = 30.0
# In a row, without a byte gained between them.
MOST_FAILURES = 6
_LONGEST_WAIT = 30.0
# A server that names no length could go on for ever.
_MOST_BYTES = 64 * 2**30
_PASSING = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Wanted:
    """A file to fetch.

    Attributes:
        url: http or https.
        size: bytes, where known.
        sha256: hexadecimal, where published.
    """

    url: str
    size: int | None = None
    sha256: str | None = None


class _CutError(Exception):
    """The transfer broke off; what came is kept."""


def fetch(
    wanted: Wanted,
    target: Path,
    on_progress: Callable[[int, int | None], Any] | None = None,
    wait: Callable[[float], Any] = time.sleep,
    stall_seconds: float = STALL_SECONDS,
) -> Path:
    """Fetch a file, or take it as it lies there from an earlier call.

    Another process that fetches the same file is waited for. Cut short, also by the end of the process, it goes on
    where it was, if the server says that the file is still the same.

    Args:
        wanted: what.
        target: where to; appears only when the file is whole and checked.
        on_progress: called with the bytes that are there and how many there will be, None where nobody knows.
        wait: called with seconds between attempts.
        stall_seconds: of silence until the connection is taken for dead.

    Returns:
        The target.

    Raises:
        CorpusError: one line: the server refuses, the line stays dead, or the file is not the published one; then
            nothing remains of it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f".{target.name}.lock")):
        if target.exists():
            return target
        transfer = _Transfer(wanted, target, on_progress, stall_seconds)
        try:
            _with_patience(transfer, wait)
            transfer.finish()
        except OSError as error:
            raise CorpusError(f"{wanted.url}: cannot be kept in {target.parent} ({error})") from error
    return target


def _with_patience(transfer: "_Transfer", wait: Callable[[float], Any]) -> None:
    """Attempt after attempt, until the file is whole or the line is dead."""
    failures = 0
    while not transfer.is_whole:
        before = transfer.bytes_here
        try:
            transfer.attempt()
            failures = 0
        except _CutError as error:
            failures = 0 if transfer.bytes_here > before else failures + 1
            if failures >= MOST_FAILURES:
                raise CorpusError(
                    f"{transfer.wanted.url}: {error}, {failures} times in a row; {transfer.bytes_here:,} bytes are "
                    "kept, and the same command goes on there"
                ) from error
            wait(min(_LONGEST_WAIT, 2.0**failures))


class _Transfer:
    """What has come of a file so far."""

    def __init__(
        self,
        wanted: Wanted,
        target: Path,
        on_progress: Callable[[int, int | None], Any] | None,
        stall_seconds: float,
    ):
        self.wanted, self.target, self.stall_seconds = wanted, target, stall_seconds
        self.part = target.with_name(f"{target.name}.part")
        self.notes = target.with_name(f"{target.name}.part.json")
        self.on_progress = on_progress or (lambda here, total: None)
        self.is_whole = False
        self.total: int | None = wanted.size

    @property
    def bytes_here(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def attempt(self) -> None:
        """Ask for the rest, or for all where the server cannot say that it has not changed."""
        known, total = self._known()
        start = self.bytes_here if known else 0
        if start and start == total:  # an earlier process ended before it gave the file its name
            self.is_whole = True
            return
        headers = {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-", "If-Range": known}
        request = urllib.request.Request(self.wanted.url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=self.stall_seconds) as answer:
                self._receive(answer, start)
        except urllib.error.HTTPError as error:
            self._refused(error, start)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            raise _CutError(f"the line broke ({_reason(error)})") from error

    def _receive(self, answer: Any, start: int) -> None:
        if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0
        elif not _begins_at(answer, start):
            self._forget()
            raise _CutError("the server sent another part than the one asked for")
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        if self.wanted.size and total and total != self.wanted.size:
            self._forget()
            raise CorpusError(f"{self.wanted.url}: {total:,} bytes; expected {self.wanted.size:,}: another file")
        self.total = total or self.wanted.size
        self._note(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")
        with self.part.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            here = start
            self.on_progress(here, self.total)
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                here += len(chunk)
                self.on_progress(here, self.total)
                if here > (self.total or _MOST_BYTES):
                    self._forget()
                    raise CorpusError(f"{self.wanted.url}: more than {self.total or _MOST_BYTES:,} bytes came")
            file.flush()
            os.fsync(file.fileno())  # the file gets its name only when its bytes are on the disk
        if self.total is not None and here < self.total:
            raise _CutError(f"the line ended after {here:,} of {self.total:,} bytes")
        self.is_whole = True

    def _refused(self, error: urllib.error.HTTPError, start: int) -> None:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            self._forget()  # more lies here than the file has: it has changed
            raise _CutError("the file has become shorter") from error
        if error.code in _PASSING:
            raise _CutError(f"the server answers {error.code} {error.reason}") from error
        raise CorpusError(f"{self.wanted.url}: the server answers {error.code} {error.reason}") from error

    def finish(self) -> None:
        """Check the digest and give the file its name."""
        found = _sha256(self.part)
        if self.wanted.sha256 and found != self.wanted.sha256.lower():
            self._forget()
            raise CorpusError(
                f"{self.wanted.url}: its SHA-256 is {found}, expected {self.wanted.sha256}: not the published file, "
                "and deleted"
            )
        about = {"url": self.wanted.url, "bytes": self.bytes_here, "sha256": found}
        self.target.with_name(f"{self.target.name}.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        self.part.replace(self.target)
        self.notes.unlink(missing_ok=True)

    def _known(self) -> tuple[str, int | None]:
        """What the server said of the file that the part is of: its ETag or time, "" for nothing; and its bytes."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            notes = json.loads(self.notes.read_text(encoding="utf-8"))
            if notes["url"] == self.wanted.url and not str(notes["version"]).startswith("W/"):
                return str(notes["version"]), notes.get("bytes")
        return "", None

    def _note(self, version: str) -> None:
        about = {"url": self.wanted.url, "version": version, "bytes": self.total}
        self.notes.write_text(json.dumps(about), encoding="utf-8")

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self.notes.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _begins_at(answer: Any, start: int) -> bool:
    """Whether a partial answer is of the part that was asked for."""
    return str(answer.headers.get("Content-Range", "")).startswith(f"bytes {start}-")


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None) or error
    return str(inner) or type(inner).__name__


def check_file(path: Path, sha256: str | None) -> None:
    """See that a file of the user's own is the published one, where a digest was published.

    Raises:
        CorpusError: when it is not, or is no file.
    """
    if not path.is_file():
        raise CorpusError(f"{path}: expected an archive, found {'a folder' if path.is_dir() else 'nothing'}")
    if sha256 is None:
        return
    found = _sha256(path)
    if found != sha256.lower():
        raise CorpusError(
            f"{path}: its SHA-256 is {found}, expected {sha256}: not the published file; give it to --archive to read "
            "it as it is"
        )
