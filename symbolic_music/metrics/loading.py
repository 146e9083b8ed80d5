"""The `evaluate` modules of this package: where they lie, and how to load them without a network.

Each lies in a folder of its own below `evaluate_modules/`, which is just what a Space on the Hub holds:
`evaluate.load` takes such a folder, or the Space's id. Knows nothing of what they compute.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from symusic.core import ScoreTick as Score

from symbolic_music._extras import require
from symbolic_music.score.midi.io import read_midi

MODULES_FOLDER = Path(__file__).parent / "evaluate_modules"
MODULES = ("music_statistics", "control_accuracy", "bar_alignment_error")


def module_folder(name: str) -> Path:
    """The folder of a module, for `evaluate.load(str(folder))`.

    Raises:
        ValueError: for a name that is no module.
    """
    if name not in MODULES:
        raise ValueError(f"expected one of {', '.join(MODULES)}, got {name!r}")
    return MODULES_FOLDER / name


def load_metric(name: str, **options: Any) -> Any:
    """Load an `evaluate` module of this package.

    Args:
        name: one of `MODULES`.
        options: of `evaluate.load`, such as `cache_dir` or `experiment_id`.

    Returns:
        An `evaluate.EvaluationModule`.

    Raises:
        MissingExtraError: when evaluate is not installed.
        ValueError: for a name that is no module.
    """
    return require("evaluate").load(str(module_folder(name)), **options)


def read_pieces(pieces: Iterable[bytes | str]) -> list[Score]:
    """The Scores of MIDI files, each given by its bytes or its path.

    Raises:
        ScoreError: for what is no MIDI file.
        OSError: for a path that cannot be read.
    """
    return [read_midi(_bytes_or_path(piece)) for piece in pieces]


def _bytes_or_path(piece: bytes | str) -> bytes | Path:
    """`evaluate` keeps a text in a column of bytes as its bytes."""
    if isinstance(piece, str):
        return Path(piece)
    return piece if piece.startswith(b"MThd") or b"\0" in piece else Path(piece.decode())
