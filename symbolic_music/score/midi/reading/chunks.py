"""The container of a MIDI file: its header and where the events of each track lie. Knows nothing of events.

Sources: Standard MIDI Files 1.0 (RP-001), "Chunks"; RMID (RP-029): the same file within a RIFF container.
"""

from dataclasses import dataclass
from pathlib import Path

from symbolic_music.score.errors import Refusal, ScoreError

_HEADER_BYTES = 14
_CHUNK_HEADER_BYTES = 8
# The largest orchestral files have about a hundred.
_MOST_TRACKS = 4_096


@dataclass(frozen=True)
class Chunks:
    """Where things lie in the bytes of a file.

    Args:
        format: 0 for one track, 1 for simultaneous tracks, 2 for independent patterns.
        ticks_per_quarter: the clock.
        spans: first byte and end of the events of each track, ascending.
        missing: tracks that the header promises and the file does not have.
    """

    format: int
    ticks_per_quarter: int
    spans: list[tuple[int, int]]
    missing: int


def unwrap_riff(data: bytes) -> bytes:
    """The MIDI file within a RIFF container of type RMID; anything else as it is."""
    if data[:4] != b"RIFF" or data[8:12] != b"RMID":
        return data
    place = 12
    while place + _CHUNK_HEADER_BYTES <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == b"data":
            return data[place + 8 : place + 8 + length]
        place += _CHUNK_HEADER_BYTES + length + length % 2  # chunks of a RIFF begin at even places
    return data


def find_chunks(data: bytes, path: Path | None) -> Chunks:
    """Find the tracks of a MIDI file; chunks of other kinds are passed over, as the standard asks.

    Raises:
        ScoreError: the bytes are no MIDI file, count time in frames, or end within a track.
    """
    _check_header(data, path)
    kind, promised, division = (int.from_bytes(data[place : place + 2], "big") for place in (8, 10, 12))
    spans: list[tuple[int, int]] = []
    place = _CHUNK_HEADER_BYTES + int.from_bytes(data[4:8], "big")
    while place + _CHUNK_HEADER_BYTES <= len(data) and (data[place : place + 4] == b"MTrk" or len(spans) < promised):
        start, length = place + _CHUNK_HEADER_BYTES, int.from_bytes(data[place + 4 : place + 8], "big")
        if start + length > len(data):
            detail = f"expected a chunk of {length} bytes, found {len(data) - start}: the file is cut short"
            raise ScoreError(Refusal.UNREADABLE, path, detail)
        if data[place : place + 4] == b"MTrk":
            spans.append((start, start + length))
        place = start + length
    if len(spans) > _MOST_TRACKS:
        raise ScoreError(
            Refusal.FILE_TOO_LARGE, path, f"expected at most {_MOST_TRACKS:,} tracks, found {len(spans):,}"
        )
    if not spans:
        raise ScoreError(Refusal.UNREADABLE, path, f"expected {promised} tracks, found none")
    return Chunks(kind, division, spans, max(promised - len(spans), 0))


def _check_header(data: bytes, path: Path | None) -> None:
    if not data:
        raise ScoreError(Refusal.EMPTY_FILE, path, "expected a MIDI file, found 0 bytes")
    if data[:4] != b"MThd":
        raise ScoreError(Refusal.NOT_MUSIC, path, f"expected a MIDI file to begin with b'MThd', found {data[:4]!r}")
    if len(data) < _HEADER_BYTES:
        raise ScoreError(Refusal.UNREADABLE, path, f"expected a header of 14 bytes, found {len(data)}")
    if (kind := int.from_bytes(data[8:10], "big")) > 2:
        raise ScoreError(Refusal.UNREADABLE, path, f"expected a MIDI file of format 0, 1 or 2, found format {kind}")
    division = int.from_bytes(data[12:14], "big")
    if division == 0:
        raise ScoreError(Refusal.CORRUPT_TIMING, path, "expected ticks per quarter note above 0, found 0")
    if division & 0x8000:
        raise ScoreError(
            Refusal.UNSUPPORTED_FORMAT, path, "expected a clock in ticks per quarter note, found SMPTE frames"
        )
