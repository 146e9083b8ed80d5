"""The one door out: a piece into a file of any type that can be written. The suffix decides who writes it."""

from collections.abc import Callable
from pathlib import Path

from symbolic_music.score.abc.write import write_abc
from symbolic_music.score.midi.io import write_midi
from symbolic_music.score.musicxml.write import write_musicxml
from symbolic_music.score.piece import Piece
from symbolic_music.score.render.audio import write_mp3, write_wav
from symbolic_music.score.render.engraving import write_engraving
from symbolic_music.score.render.pictures import write_piano_roll


def _title(piece: Piece, title: str | None) -> str:
    return title if title is not None else piece.title


def _alone(writer: Callable[[Piece, Path, str | None], None]) -> Callable[[Piece, Path, str | None], list[Path]]:
    """A writer of one file as one that says which files it has written."""

    def write(piece: Piece, path: Path, title: str | None) -> list[Path]:
        writer(piece, path, title)
        return [path]

    return write


def _engrave(piece: Piece, path: Path, title: str | None) -> list[Path]:
    return write_engraving(piece, path, title or "")


# A writer takes the piece, the path, and what the piece is called; None where the caller has no name for it.
_WRITERS: dict[str, Callable[[Piece, Path, str | None], list[Path]]] = {
    ".mid": _alone(lambda piece, path, title: write_midi(piece.score, path)),
    ".midi": _alone(lambda piece, path, title: write_midi(piece.score, path)),
    ".abc": _alone(lambda piece, path, title: write_abc(piece.score, path, _title(piece, title))),
    ".musicxml": _alone(lambda piece, path, title: write_musicxml(piece, path, title or "")),
    ".mxl": _alone(lambda piece, path, title: write_musicxml(piece, path, title or "")),
    ".wav": _alone(lambda piece, path, title: write_wav(piece.score, path)),
    ".mp3": _alone(lambda piece, path, title: write_mp3(piece.score, path)),
    ".png": _alone(lambda piece, path, title: write_piano_roll(piece.score, path, title)),
    ".svg": _engrave,
    ".pdf": _engrave,
}
OUTPUT_SUFFIXES = tuple(_WRITERS)
"""The file suffixes that can be written, in lower case."""
OUTPUT_FORMATS = tuple(suffix[1:] for suffix in OUTPUT_SUFFIXES if suffix != ".midi")
"""The same without the dot, each format once."""


def write_piece(piece: Piece, path: Path, title: str | None = None) -> list[Path]:
    """Write a piece in the format of the file name, whole or not at all.

    A PNG shows the piano roll; SVG and PDF are engraved notation, of which each page of SVG has a file of its own.

    Args:
        piece: what to write.
        path: whose suffix is one of `OUTPUT_SUFFIXES`.
        title: what pictures and notation call the piece; by default what it calls itself.

    Returns:
        The files written.

    Raises:
        ScoreError: the piece cannot be written in this format.
        MissingExtraError: what the format needs is not installed.
    """
    return _WRITERS[path.suffix.lower()](piece, path, title)
