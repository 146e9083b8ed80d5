"""Bodies of requests as orders, within limits. What a client sends is never a path and never run."""

import asyncio
import binascii
import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from symbolic_music.serving.jobs import MusicFile
from symbolic_music.serving.limits import ServerLimits

_MOST_PARTS = 32
_LONGEST_NAME = 80


class BodyError(ValueError):
    """A body that is not taken.

    Args:
        status: of HTTP.
        detail: one line for the client.
    """

    def __init__(self, status: int, detail: str):
        super().__init__(detail)
        self.status = status


@dataclass(frozen=True)
class Body:
    """What a request says.

    Attributes:
        model: which is asked; empty where the client leaves it open.
        wishes: by name, unchecked.
        file: music, or None.
    """

    model: str
    wishes: dict[str, Any]
    file: MusicFile | None


async def read_body(request: Request, limits: ServerLimits) -> Body:
    """A request's body: JSON with the file in base64 (`midi` or `file`), or a form whose `wishes` are JSON.

    Raises:
        BodyError: when it is too long or too slow, or is neither.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "multipart/form-data"):
        raise BodyError(415, "expected a body of application/json or multipart/form-data")
    data = await _bytes(request, limits)
    if kind == "application/json":
        said = _object(data, "the body")
        file = _file_of_json(said, limits)
    else:
        said, file = await _form(request, data, limits)
    model = said.pop("model", "")
    if not isinstance(model, str):
        raise BodyError(400, "model is no text; expected a model's name")
    return Body(model, said, file)


async def _bytes(request: Request, limits: ServerLimits) -> bytes:
    """The body, read no further than it may be long."""
    too_long = BodyError(413, f"expected a body of at most {limits.body_bytes:,} bytes")
    said = request.headers.get("content-length", "0")
    if not said.isdecimal() or int(said) > limits.body_bytes:
        raise too_long
    data = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                data += chunk
                if len(data) > limits.body_bytes:
                    raise too_long
    except TimeoutError as error:
        raise BodyError(408, f"expected the body within {limits.body_seconds:g} s") from error
    return bytes(data)


def _object(data: bytes | str, what: str) -> dict[str, Any]:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BodyError(400, f"{what} is not JSON") from error
    if not isinstance(said, dict):
        raise BodyError(400, f"{what} is no object; expected wishes by name")
    return said


def _file_of_json(said: dict[str, Any], limits: ServerLimits) -> MusicFile | None:
    """Takes the file out of an object: `midi`, or `file` with a `file_name`."""
    name = said.pop("file_name", "piece.mid")
    midi, other = said.pop("midi", None), said.pop("file", None)
    content = other if midi is None else midi
    if content is None:
        return None
    if not isinstance(content, str) or not isinstance(name, str):
        raise BodyError(400, "expected a file as text in base64, and its name as text")
    try:
        data = b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BodyError(400, "the file is not base64") from error
    return _checked(name if midi is None else "piece.mid", data, limits)


async def _form(request: Request, data: bytes, limits: ServerLimits) -> tuple[dict[str, Any], MusicFile | None]:
    given = [data]

    async def receive() -> Message:
        return {"type": "http.request", "body": given.pop() if given else b"", "more_body": False}

    again = Request(request.scope, receive)
    try:
        async with again.form(max_files=1, max_fields=_MOST_PARTS, max_part_size=limits.body_bytes) as form:
            entry, wishes = form.get("file"), form.get("wishes", "{}")
            if not isinstance(wishes, str):
                raise BodyError(400, "wishes is a file; expected JSON in a field")
            file = None
            if isinstance(entry, UploadFile):
                file = _checked(entry.filename or "", await entry.read(), limits)
            elif entry is not None:
                raise BodyError(400, "file is a field; expected an uploaded file")
    except (HTTPException, MultiPartException, KeyError) as error:
        raise BodyError(400, "the form cannot be read") from error
    return _object(wishes, "wishes"), file


def _checked(name: str, data: bytes, limits: ServerLimits) -> MusicFile:
    if len(data) > limits.file_bytes:
        raise BodyError(413, f"expected a file of at most {limits.file_bytes:,} bytes, found {len(data):,}")
    return MusicFile(plain_name(name), data)


def plain_name(name: str) -> str:
    """A file's name without folders and without what a terminal or a page could take for more than text."""
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = "".join(character for character in last if character.isprintable() and character not in '<>&"')
    return kept[-_LONGEST_NAME:] or "unnamed"


def wish_of(said: Mapping[str, Any], name: str, default: str, longest: int) -> str:
    """A text among wishes that no model's description has."""
    value = said.get(name, default)
    if not isinstance(value, str) or len(value) > longest:
        raise BodyError(400, f"{name}: expected text of at most {longest} characters")
    return value
