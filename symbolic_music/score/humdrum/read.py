"""Humdrum file -> pieces: the door of this folder. Knows nothing of how scores are played; see `score.notation`."""

import re
from collections import defaultdict
from pathlib import Path

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.humdrum.syntax.interpretations import SAID
from symbolic_music.score.humdrum.syntax.spines import Records, read_records
from symbolic_music.score.humdrum.written import KERN, write_score
from symbolic_music.score.notation.assemble import assemble
from symbolic_music.score.notation.written import WrittenScore
from symbolic_music.score.piece import Reading

# Begins with what can be searched for at once; comments are a fifth of a file.
_REFERENCE = re.compile(rb"\n!!!(COM|CDT|OTL|OPR|GTL|OTP|YEM|YEC)(?:@{1,2}[A-Za-z]+)?\d*:([^\r\n]*)")
_LICENCE = re.compile(r"licen[cs]e|\bCC\b|public domain", re.IGNORECASE)


def read_humdrum_pieces(data: bytes, path: Path) -> Reading:
    """The pieces of a Humdrum file with `**kern` spines: one, but for files that end all spines and begin anew.

    Args:
        data: what the file holds; text in UTF-8, or else taken for Latin-1.
        path: its name, which errors give.

    Raises:
        ScoreError: not_music without a `**kern` spine; unreadable, with the number of the line, for broken spines;
            no_notes, too_long or corrupt_timing for what is written in them.
    """
    reading = Reading([])
    data = _as_utf8(data)
    pieces = _read_kern(data, path)
    references = _read_references(data)
    for number, records in enumerate(pieces, 1):
        try:
            score, said = write_score(records)
            piece = assemble(score)
        except ScoreError as error:
            # What music is written knows nothing of files.
            raise ScoreError(error.refusal, path, error.detail) from error
        piece.title, piece.composer, piece.composer_dates, piece.license = references
        piece.key = said.key
        piece.number = str(number) if len(pieces) > 1 else ""
        reading.pieces.append(piece)
    return reading


def read_written(data: bytes, path: Path) -> list[WrittenScore]:
    """The pieces of a Humdrum file as they are written, repeats not played out; as `read_humdrum_pieces`."""
    return [write_score(records)[0] for records in _read_kern(_as_utf8(data), path)]


def _as_utf8(data: bytes) -> bytes:
    """Without a byte order mark; UTF-16, which old programs wrote, by its mark."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data.removeprefix(b"\xef\xbb\xbf")


def _read_kern(data: bytes, path: Path) -> list[Records]:
    pieces = list(read_records(data, path, SAID))
    kern = [records for records in pieces if KERN in records.spines.kinds]
    if not kern:
        kinds = b" ".join(sorted(set(pieces[0].spines.kinds)))[:100].decode("latin-1")
        raise ScoreError(Refusal.NOT_MUSIC, path, f"expected a **kern spine, found {kinds}")
    return kern


def _read_references(data: bytes) -> tuple[str, str, str, str]:
    """Title, composer, composer's dates and licence: a file's reference records (Humdrum User Guide, appendix I)."""
    found: defaultdict[bytes, list[str]] = defaultdict(list)
    for code, value in _REFERENCE.findall(b"\n" + data):
        if value.strip():
            found[code].append(_text(value.strip()))
    titles = [*found[b"OTL"], *found[b"OTP"], *found[b"OPR"], *found[b"GTL"], ""]
    composers, dates = [*found[b"COM"], ""], [*found[b"CDT"], ""]
    rights = [*found[b"YEM"], *found[b"YEC"], ""]
    # Some of the Polish Scores have a shelf mark as YEM, too, above the licence.
    return titles[0], composers[0], dates[0], next(filter(_LICENCE.search, found[b"YEM"]), rights[0])


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
