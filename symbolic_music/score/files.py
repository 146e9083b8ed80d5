"""The one door for music files of every type: a path in, Scores out. The suffix decides who reads it."""

from collections import Counter
from pathlib import Path

from symusic.core import ScoreTick as Score

from symbolic_music.score.abc.io import read_abc
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.musicxml.read import read_musicxml
from symbolic_music.score.storage import read_bounded

_MIDI_SUFFIXES = (".mid", ".midi", ".kar")
_ABC_SUFFIXES = (".abc",)
_MUSICXML_SUFFIXES = (".musicxml", ".mxl", ".xml")
MUSIC_SUFFIXES = (*_MIDI_SUFFIXES, *_ABC_SUFFIXES, *_MUSICXML_SUFFIXES)
"""The file suffixes that can be read, in lower case."""


def read_scores(path: Path | str) -> list[Score]:
    """Every Score of a music file: one from MIDI and MusicXML, one per usable tune from an ABC tune book.

    Files above `storage.MAX_FILE_BYTES` are not read.

    Raises:
        ScoreError: nothing usable can be read; `.refusal` says why.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in MUSIC_SUFFIXES:
        # A missing file or a folder is the plainer reason, whatever its name.
        read_bounded(path)
        expected = " ".join(MUSIC_SUFFIXES)
        raise ScoreError(
            Refusal.UNSUPPORTED_FORMAT, path, f"expected one of {expected}, found {suffix or 'no suffix'}"
        )
    if suffix in _ABC_SUFFIXES:
        return read_abc(path)
    score = read_midi(path) if suffix in _MIDI_SUFFIXES else read_musicxml(path)
    if score.note_num() == 0:
        raise ScoreError(Refusal.NO_NOTES, path, "expected music, found no notes")
    return [score]


def read_folder(folder: Path) -> tuple[list[tuple[Path, list[Score]]], Counter[str]]:
    """The Scores of every music file below a folder, in the order of its paths; how many are refused, by reason."""
    read, refused = [], Counter[str]()
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in MUSIC_SUFFIXES):
        try:
            read.append((path, read_scores(path)))
        except ScoreError as error:
            refused[str(error.refusal)] += 1
    return read, refused
