"""MusicXML file -> Score in ticks, through music21 (pip extra "corpus"). Knows nothing of engraving."""

import io
import re
import warnings
import zipfile
import zlib
from pathlib import Path

from symbolic_music._extras import require
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.piece import Piece, Reading
from symbolic_music.score.storage import MAX_FILE_BYTES


def read_musicxml_pieces(data: bytes, path: Path) -> Reading:
    """The one piece of a MusicXML file (.musicxml, .xml, zipped .mxl): a track for each part, repeats played out.

    Args:
        data: what the file holds.
        path: its name, which errors give.

    Raises:
        ScoreError: the file cannot be read or is no MusicXML.
        MissingExtraError: music21 is not installed.
    """
    if path.suffix.lower() == ".mxl":
        data = _unzip(data, path)
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = _to_utf8(data)
    if b"<!ENTITY" in data:
        # No MusicXML needs one, and nested ones grow without bound ("billion laughs").
        raise ScoreError(Refusal.UNREADABLE, path, "expected MusicXML without entity declarations")
    if b"<score-partwise" not in data and b"<score-timewise" not in data:
        raise ScoreError(Refusal.NOT_MUSIC, path, "expected MusicXML with <score-partwise>, found none")
    return Reading([Piece(read_midi(_to_midi(data, path)))])


def _to_utf8(data: bytes) -> bytes:
    """UTF-16, which older notation programs wrote, as UTF-8; the declaration of the encoding goes."""
    return re.sub(r"<\?xml.*?\?>", "", data.decode("utf-16", "replace"), count=1).encode()


def _unzip(data: bytes, path: Path) -> bytes:
    """The score inside a zipped MusicXML file; one that would unpack to more than a plain file may have is refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            name = next(name for name in archive.namelist() if _is_score_member(name))
            with archive.open(name) as member:
                unpacked = member.read(MAX_FILE_BYTES + 1)
    except StopIteration:
        raise ScoreError(Refusal.NOT_MUSIC, path, "expected a score in the zip archive, found none") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise ScoreError(Refusal.UNREADABLE, path, f"expected a zip archive: {error}") from error
    if len(unpacked) > MAX_FILE_BYTES:
        raise ScoreError(Refusal.FILE_TOO_LARGE, path, f"expected at most {MAX_FILE_BYTES:,} bytes unpacked")
    return unpacked


def _is_score_member(name: str) -> bool:
    return name.endswith((".xml", ".musicxml")) and not name.startswith("META-INF/")


def _to_midi(data: bytes, path: Path) -> bytes:
    converter, translate = require("music21.converter"), require("music21.midi.translate")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stream = converter.parseData(data, format="musicxml")
            return translate.streamToMidiFile(stream).writestr()
    except Exception as error:  # music21 raises whatever the document's oddity makes it stumble over
        detail = f"expected valid MusicXML; music21 says: {type(error).__name__}: {error}"
        raise ScoreError(Refusal.UNREADABLE, path, detail) from error
