"""The one door for music files of every type: a path or bytes in, pieces out. The suffix decides who reads it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from symusic.core import ScoreTick as Score

from symbolic_music.score.abc.io import read_abc_pieces
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.humdrum.read import read_humdrum_pieces
from symbolic_music.score.midi.io import read_midi_pieces
from symbolic_music.score.musicxml.read import read_musicxml_pieces
from symbolic_music.score.piece import Reading
from symbolic_music.score.storage import read_bounded
from symbolic_music.score.transforms.meters import METERS_CUT, cut_long_meters

MIDI_SUFFIXES = (".mid", ".midi", ".kar", ".rmi")
ABC_SUFFIXES = (".abc",)
MUSICXML_SUFFIXES = (".musicxml", ".mxl", ".xml")
HUMDRUM_SUFFIXES = (".krn", ".kern", ".hmd", ".hum")
MUSIC_SUFFIXES = (*MIDI_SUFFIXES, *ABC_SUFFIXES, *MUSICXML_SUFFIXES, *HUMDRUM_SUFFIXES)
"""The file suffixes that can be read, in lower case."""

# A reader takes the bytes and the name that its errors give, and raises ScoreError when nothing is usable.
_READERS: dict[str, Callable[[bytes, Path], Reading]] = {
    **dict.fromkeys(MIDI_SUFFIXES, read_midi_pieces),
    **dict.fromkeys(ABC_SUFFIXES, read_abc_pieces),
    **dict.fromkeys(MUSICXML_SUFFIXES, read_musicxml_pieces),
    **dict.fromkeys(HUMDRUM_SUFFIXES, read_humdrum_pieces),
}


def read_pieces(path: Path | str) -> Reading:
    """Every piece of a music file: one from MIDI and MusicXML, one per usable tune from an ABC tune book.

    Files above `storage.MAX_FILE_BYTES` are not read.

    Raises:
        ScoreError: nothing usable can be read; `.refusal` says why.
    """
    path = Path(path)
    # Read before the suffix is looked at: that a file is missing is the plainer reason, whatever its name.
    return read_bytes(read_bounded(path), path)


def read_bytes(data: bytes, path: Path | str) -> Reading:
    """Every piece of a music file whose bytes are at hand, as from an archive.

    Args:
        data: what the file holds.
        path: its name; the suffix says what it is, and errors name it.

    Raises:
        ScoreError: nothing usable can be read; `.refusal` says why.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        expected = " ".join(MUSIC_SUFFIXES)
        found = path.suffix.lower() or "no suffix"
        raise ScoreError(Refusal.UNSUPPORTED_FORMAT, path, f"expected one of {expected}, found {found}")
    reading = reader(data, path)
    if not any(piece.score.note_num() for piece in reading.pieces):
        raise ScoreError(Refusal.NO_NOTES, path, "expected music, found no notes")
    for piece in reading.pieces:
        piece.score, cut = cut_long_meters(piece.score)
        if cut:
            piece.left_out[METERS_CUT] += cut
    return reading


def read_scores(path: Path | str) -> list[Score]:
    """The Score of every usable piece of a music file; see `read_pieces`."""
    return [piece.score for piece in read_pieces(path).pieces]


def read_folder(folder: Path) -> tuple[list[tuple[Path, list[Score]]], Counter[str]]:
    """The Scores of every music file below a folder, in the order of its paths; how many are refused, by reason."""
    read, refused = [], Counter[str]()
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in MUSIC_SUFFIXES):
        try:
            read.append((path, read_scores(path)))
        except ScoreError as error:
            refused[str(error.refusal)] += 1
    return read, refused
