"""What several commands share: mistakes, and reading pieces and models. Parses nothing."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symusic.core import ScoreTick
    from transformers import PreTrainedModel

    from symbolic_music.score.piece import Piece
    from symbolic_music.tokenization.processing_music import MusicProcessor


class UserError(Exception):
    """Something the user can mend: one line on stderr and exit code 2."""


def load_model(name: str, device: str | None) -> "tuple[PreTrainedModel, MusicProcessor]":
    """Model and processor of a folder or Hub id."""
    from symbolic_music.generation import loading

    try:
        return loading.load_model(name, device)
    except loading.LoadError as error:
        raise UserError(str(error)) from error


def read_piece(path: Path, number: int = 1) -> "ScoreTick":
    """The Score of one piece of a file; the first is 1."""
    return read_whole_piece(path, number).score


def read_whole_piece(path: Path, number: int = 1) -> "Piece":
    """One piece of a file with all that the file says of it; the first is 1."""
    from symbolic_music.score.checks import ScoreError
    from symbolic_music.score.files import read_pieces

    try:
        pieces = read_pieces(path).pieces
    except ScoreError as error:
        raise UserError(str(error)) from error
    if not 1 <= number <= len(pieces):
        raise UserError(f"{path} holds {len(pieces)} pieces; there is no number {number}")
    return pieces[number - 1]


def read_pieces(path: Path) -> list["ScoreTick"]:
    """Every piece of a file or of a folder's files; what cannot be read is counted."""
    from symbolic_music.score.checks import ScoreError
    from symbolic_music.score.files import MUSIC_SUFFIXES, read_folder, read_scores

    if not path.is_dir():
        try:
            return read_scores(path)
        except ScoreError as error:
            raise UserError(str(error)) from error
    files, refused = read_folder(path)
    if refused:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(refused.items()))
        print(f"{path}: {refused.total()} files cannot be read and are left out: {reasons}", file=sys.stderr)
    pieces = [piece for _, found in files for piece in found]
    if not pieces:
        raise UserError(f"{path}: expected music files ({' '.join(MUSIC_SUFFIXES)}), found none that can be read")
    return pieces
