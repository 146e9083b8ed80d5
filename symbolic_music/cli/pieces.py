"""Pieces as files of every format, and the summary of a folder of samples."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbolic_music.cli.shared import UserError

if TYPE_CHECKING:
    from symbolic_music.generation.compose import Composition

SUMMARY_FILE = "summary.json"


def write_pieces(
    pieces: "Sequence[Composition]",
    folder: Path,
    formats: Sequence[str],
    seconds: float,
    about: dict[str, Any] | None = None,
    title: str = "",
) -> dict[str, Any]:
    """Write `sample_0000.mid` … and `summary.json`; returns the summary. Invalid pieces have no file.

    Args:
        pieces: what was sampled.
        folder: where to write; made when it does not exist.
        formats: of `score.output`, without the dot; the first one is the file that the summary names.
        seconds: what sampling took.
        about: added to the summary.
        title: what pictures and notation call the pieces; their notes and bars when empty.
    """
    from symbolic_music.score.checks import play_seconds
    from symbolic_music.score.output import write_piece
    from symbolic_music.score.piece import Piece
    from symbolic_music.score.storage import write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for number, piece in enumerate(pieces):
        stem = folder / f"sample_{number:04d}"
        if piece.score:
            for suffix in formats:
                name = f"Sample {number}: {title or _size(piece)}"
                write_piece(Piece(piece.score), stem.with_suffix(f".{suffix}"), name)
        samples.append(
            {
                "file": f"{stem.name}.{formats[0]}" if piece.score else None,
                "valid": piece.valid,
                "notes": piece.num_notes,
                "bars": piece.num_bars,
                "seconds": round(play_seconds(piece.score), 3) if piece.score else 0.0,
                "tokens": len(piece.ids),
                "invalid_reason": piece.invalid_reason,
            }
        )
    sampled = sum(len(piece.ids) - piece.num_prompt_tokens for piece in pieces)
    rate = {"tokens_per_second": round(sampled / seconds, 1), "seconds": round(seconds, 3)}
    summary = {"samples": samples, **rate, **(about or {})}
    write_atomically(folder / SUMMARY_FILE, (json.dumps(summary, indent=2) + "\n").encode())
    return summary


def _size(piece: "Composition") -> str:
    return f"{piece.num_notes} notes, {piece.num_bars} bars"


def writable_suffix(path: Path) -> str:
    """A path's suffix in small letters, if it names a format that can be written."""
    from symbolic_music.score.output import OUTPUT_SUFFIXES

    suffix = path.suffix.lower()
    if suffix not in OUTPUT_SUFFIXES:
        found = path.suffix or "a file without suffix"
        raise UserError(f"{path}: cannot write {found}; expected {', '.join(OUTPUT_SUFFIXES)}")
    return suffix
