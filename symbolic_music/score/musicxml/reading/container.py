"""The XML tree inside a MusicXML file, plain or zipped, from bytes that may mean harm.

No entity is expanded, no other file or address is opened, and what would take more memory than the largest scores is
refused before it is parsed. Knows nothing of music.
"""

import io
import re
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from lxml import etree

from symbolic_music.score.errors import Refusal, ScoreError

MAX_XML_BYTES = 48 * 2**20
"""The finale of Beethoven's Ninth, with 26 staves, has 26 MB."""
MAX_XML_ITEMS = 1_600_000
"""Elements and attributes; each takes lxml some 190 bytes. The same finale has 1.1 million."""
MAX_CONTAINER_BYTES = 2**20
SCORE_ROOTS = ("score-partwise", "score-timewise")
SCORE_SUFFIXES = (".xml", ".musicxml")
_CONTAINER = "meta-inf/container.xml"
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_DECLARATION = re.compile(rb"^\s*<\?xml[^>]*\?>")


def score_root(data: bytes, path: Path) -> etree._Element:
    """The root element, <score-partwise> or <score-timewise>, of a file's bytes; errors name `path`.

    Raises:
        ScoreError: not_music, unreadable or file_too_large.
    """
    if data[:4] == b"PK\x03\x04":
        data = _unzip(data, path)
    elif path.suffix.lower() == ".mxl" and not data.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \r\n\t").startswith(b"<"):
        raise ScoreError(Refusal.UNREADABLE, path, "expected a zip archive, found something else")
    root = _parse(_plain(data), path)
    _strip_namespaces(root)
    if root.tag not in SCORE_ROOTS:
        raise ScoreError(Refusal.NOT_MUSIC, path, f"expected MusicXML with <score-partwise>, found <{root.tag}>")
    return root


def _plain(data: bytes) -> bytes:
    """UTF-16, which older programs wrote, as UTF-8, whatever its declaration says; nothing before the XML."""
    if data[:2] in _BYTE_ORDER_MARKS:
        data = _DECLARATION.sub(b"", data.decode("utf-16", "replace").encode())
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()


def _parse(data: bytes, path: Path) -> etree._Element:
    _check_size(data, path)
    if b"<!ENTITY" in data:
        # No MusicXML needs one, and nested ones grow without bound ("billion laughs").
        raise ScoreError(Refusal.UNREADABLE, path, "expected MusicXML without entity declarations")
    try:
        root = _parsed(data)
    except etree.XMLSyntaxError as error:
        root = _parsed_as_latin_1(data)
        if root is None:
            raise _syntax_error(data, path, error) from error
    document = root.getroottree().docinfo
    if document.internalDTD is not None and any(True for _ in document.internalDTD.iterentities()):
        raise ScoreError(Refusal.UNREADABLE, path, "expected MusicXML without entity declarations")
    return root


def _check_size(data: bytes, path: Path) -> None:
    if len(data) > MAX_XML_BYTES:
        raise ScoreError(Refusal.FILE_TOO_LARGE, path, f"expected at most {MAX_XML_BYTES:,} bytes of XML")
    items = data.count(b"<") - data.count(b"</") + data.count(b"=")
    if items > MAX_XML_ITEMS:
        detail = f"expected at most {MAX_XML_ITEMS:,} elements and attributes, found {items:,}"
        raise ScoreError(Refusal.FILE_TOO_LARGE, path, detail)


def _parsed(data: bytes) -> etree._Element:
    # Without huge_tree libxml2 keeps its own bounds, such as 256 elements within each other.
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        remove_blank_text=True,
        remove_comments=True,
        remove_pis=True,
    )
    return etree.fromstring(data, parser)


def _parsed_as_latin_1(data: bytes) -> etree._Element | None:
    """For files that say UTF-8 and are not; None where that is not what is wrong with the file."""
    try:
        data.decode()
    except UnicodeDecodeError:
        try:
            return _parsed(_DECLARATION.sub(b"", data).decode("latin-1").encode())
        except etree.XMLSyntaxError:
            return None
    return None


def _syntax_error(data: bytes, path: Path, error: etree.XMLSyntaxError) -> ScoreError:
    if not any(f"<{name}".encode() in data for name in SCORE_ROOTS):
        return ScoreError(Refusal.NOT_MUSIC, path, "expected MusicXML with <score-partwise>, found none")
    return ScoreError(Refusal.UNREADABLE, path, f"expected well-formed XML; the parser says: {error.msg}")


def _strip_namespaces(root: etree._Element) -> None:
    """MusicXML has no namespace; some programs write one all the same."""
    if root.nsmap:
        for element in root.iter("{*}*"):
            if isinstance(element.tag, str):
                element.tag = etree.QName(element).localname


def _unzip(data: bytes, path: Path) -> bytes:
    """The score inside a zipped MusicXML file."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _member(archive, _score_name(archive, path), MAX_XML_BYTES, path)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        if isinstance(error, ScoreError):
            raise
        raise ScoreError(Refusal.UNREADABLE, path, f"expected a zip archive: {error}") from error


def _member(archive: zipfile.ZipFile, name: str, most: int, path: Path) -> bytes:
    """A member's bytes, never more than `most`, whatever size the archive promises."""
    with archive.open(name) as member:
        data = member.read(most + 1)
    if len(data) > most:
        raise ScoreError(Refusal.FILE_TOO_LARGE, path, f"expected at most {most:,} bytes unpacked")
    return data


def _score_name(archive: zipfile.ZipFile, path: Path) -> str:
    """The member that META-INF/container.xml names, or else the first that is named like a score.

    Letter case does not matter; macOS's resource forks ("__MACOSX/", "._score.xml") are no scores.
    """
    names = archive.namelist()
    by_lower = {name.lower().replace("\\", "/"): name for name in reversed(names)}
    for wanted in _rootfiles(archive, by_lower, path):
        for spelling in (wanted, unquote(wanted)):
            found = by_lower.get(spelling.lower().replace("\\", "/").removeprefix("./").removeprefix("/"))
            if found is not None:
                return found
    named = next((name for name in names if _is_named_like_a_score(name)), None)
    if named is None:
        raise ScoreError(Refusal.NOT_MUSIC, path, "expected a score in the zip archive, found none")
    return named


def _rootfiles(archive: zipfile.ZipFile, by_lower: dict[str, str], path: Path) -> list[str]:
    """The paths of scores that the container states, in order; [] where it states none or cannot be read."""
    if _CONTAINER not in by_lower:
        return []
    try:
        container = _parse(_plain(_member(archive, by_lower[_CONTAINER], MAX_CONTAINER_BYTES, path)), path)
    except (ScoreError, zipfile.BadZipFile, zlib.error):
        return []
    _strip_namespaces(container)
    found = [element.get("full-path", "") for element in container.iter("rootfile")]
    # A rendition of the same piece, such as a PDF, may stand beside the score (MusicXML 4.0, "Compressed .MXL Files").
    return [name for name in found if name.lower().endswith(SCORE_SUFFIXES)]


def _is_named_like_a_score(name: str) -> bool:
    path = PurePosixPath(name.lower())
    hidden = path.name.startswith(".") or path.parts[:1] in (("meta-inf",), ("__macosx",))
    return path.suffix in SCORE_SUFFIXES and not hidden
