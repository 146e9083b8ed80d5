"""MIDI file <-> Score in ticks. Knows nothing of limits on length or of what a Score is used for."""

from pathlib import Path

from symusic.core import ScoreTick as Score

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.piece import Piece, Reading
from symbolic_music.score.storage import read_bounded, write_atomically

_HEADER_BYTES = 14


def read_midi_pieces(data: bytes, path: Path) -> Reading:
    """The one piece of a Standard MIDI File, from its bytes; errors name `path`."""
    return Reading([Piece(_parse(data, path))])


def read_midi(source: Path | str | bytes) -> Score:
    """Read a Standard MIDI File, strictly: what breaks the format is refused, not repaired.

    Args:
        source: a path, or the bytes of a file.

    Returns:
        A Score in ticks; it may hold no notes.

    Raises:
        ScoreError: the file cannot be read, is no MIDI file, or breaks the format.
    """
    if isinstance(source, bytes):
        return _parse(source, None)
    return _parse(read_bounded(source), Path(source))


def _parse(data: bytes, path: Path | None) -> Score:
    _check_header(data, path)
    try:
        return Score.from_midi(data)
    except (RuntimeError, ValueError) as error:
        raise ScoreError(Refusal.UNREADABLE, path, f"expected a valid MIDI file; the parser says: {error}") from error


def _check_header(data: bytes, path: Path | None) -> None:
    if not data:
        raise ScoreError(Refusal.EMPTY_FILE, path, "expected a MIDI file, found 0 bytes")
    if data[:4] != b"MThd":
        raise ScoreError(Refusal.NOT_MUSIC, path, f"expected a MIDI file to begin with b'MThd', found {data[:4]!r}")
    if len(data) < _HEADER_BYTES:
        raise ScoreError(Refusal.UNREADABLE, path, f"expected a header of 14 bytes, found {len(data)}")
    division = int.from_bytes(data[12:14], "big")
    if division == 0:
        raise ScoreError(Refusal.CORRUPT_TIMING, path, "expected ticks per quarter note above 0, found 0")
    if division & 0x8000:
        raise ScoreError(
            Refusal.UNSUPPORTED_FORMAT, path, "expected a clock in ticks per quarter note, found SMPTE frames"
        )


def midi_bytes(score: Score) -> bytes:
    """The Score as the bytes of a MIDI file; the same Score gives the same bytes."""
    return score.dumps_midi()


def write_midi(score: Score, path: Path | str) -> None:
    """Write the Score as a MIDI file, whole or not at all."""
    write_atomically(path, midi_bytes(score))
