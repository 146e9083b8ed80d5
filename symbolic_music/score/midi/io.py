"""MIDI file <-> Score in ticks. Knows nothing of limits on length or of what a Score is used for."""

import logging
from pathlib import Path

from symusic.core import ScoreTick as Score

from symbolic_music.score.midi.reading.parse import parse_midi
from symbolic_music.score.midi.writing.deal import CHANNELS, count_ports, split_ports
from symbolic_music.score.midi.writing.write import score_bytes
from symbolic_music.score.piece import Piece, Reading
from symbolic_music.score.storage import read_bounded, write_atomically

__all__ = ["count_ports", "midi_bytes", "read_midi", "read_midi_pieces", "split_ports", "write_midi"]

logger = logging.getLogger(__name__)


def read_midi_pieces(data: bytes, path: Path) -> Reading:
    """The one piece of a Standard MIDI File, from its bytes; errors name `path`."""
    score, left_out = parse_midi(data, path)
    return Reading([Piece(score, left_out=left_out)])


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
        return parse_midi(source, None)[0]
    return parse_midi(read_bounded(source), Path(source))[0]


def midi_bytes(score: Score) -> bytes:
    """The Score as the bytes of a MIDI file; the same Score gives the same bytes."""
    return score_bytes(score)


def write_midi(score: Score, path: Path | str) -> None:
    """Write the Score as a MIDI file, whole or not at all; a file that needs more than one port is warned of."""
    ports = count_ports(score)
    if ports > 1:
        logger.warning(
            "%s: more than %d programs sound at once, so the file has %d MIDI ports; "
            "a player that knows one port only plays some notes with wrong programs",
            path,
            len(CHANNELS),
            ports,
        )
    write_atomically(path, midi_bytes(score))
