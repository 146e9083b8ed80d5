"""Training pieces, indexed once by their lines: what was copied can be looked up, and where it stands.

Knows how pieces are named, kept in a file and read again; what counts as a copy is `copies`' business.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from symusic.core import ScoreTick as Score

from symbolic_music.metrics.memorisation.line_index import LineIndex, join_lines
from symbolic_music.metrics.memorisation.lines import find_lines, note_places

FORMAT = "symbolic_music memorisation index 1"
_DTYPES = {
    "text": ("uint8",),
    "order": ("int32", "int64"),
    "line_starts": ("int64",),
    "line_pieces": ("int32",),
    "quarters": ("float32",),
    "bars": ("int32",),
}


class IndexFileError(ValueError):
    """A file is no index that this version reads; the message is one line that names it."""


@dataclass(frozen=True)
class MemorisationIndex:
    """The lines of training pieces and their suffix array.

    Attributes:
        lines: the index of all lines.
        line_starts: the note of the index with which each line begins, rising from 0, (lines,) int64.
        line_pieces: the number of each line's piece, (lines,) int32.
        quarters: onset of each note of the index within its piece, in quarter notes, (notes,) float32.
        bars: bar of each note of the index, the first is 1, (notes,) int32.
        names: of the pieces.
        num_notes: pitched notes of the pieces; a note may lie in several lines.
        source: what was indexed, in words or hashes, to tell one index from another.
    """

    lines: LineIndex
    line_starts: np.ndarray
    line_pieces: np.ndarray
    quarters: np.ndarray
    bars: np.ndarray
    names: list[str]
    num_notes: int
    source: str

    @classmethod
    def build(
        cls,
        scores: Iterable[Score],
        names: Iterable[str],
        source: str = "",
        on_piece: Callable[[int], Any] | None = None,
    ) -> "MemorisationIndex":
        """Index pieces. 16 bytes for each note of a line stay in memory, 14 in a file; building takes twice as much.

        Args:
            scores: the pieces; one without pitched notes is indexed as nothing.
            names: of the pieces.
            source: see the class.
            on_piece: called with 1 after each piece is read.

        Raises:
            MissingExtraError: without pydivsufsort.
            ScoreError: corrupt_timing, when a Score's ticks per quarter note are not positive.
            ValueError: when there are more names than pieces or the other way round.
        """
        kept_names: list[str] = []
        symbols: list[np.ndarray] = []
        line_pieces: list[int] = []
        quarters, bars, num_notes = [], [], 0
        for score, name in zip(scores, names, strict=True):
            piece = find_lines(score)
            places = note_places(score, piece.onsets)
            symbols += [piece.symbols(line) for line in piece.lines]
            quarters += [places.quarters[line].astype(np.float32) for line in piece.lines]
            bars += [places.bars[line].astype(np.int32) for line in piece.lines]
            line_pieces += [len(kept_names)] * len(piece.lines)
            num_notes += len(piece.onsets)
            kept_names.append(name)
            if on_piece is not None:
                on_piece(1)
        ends = np.cumsum([0, *(len(line) // 2 for line in symbols)], dtype=np.int64)
        return cls(
            lines=LineIndex.build(join_lines(symbols)),
            line_starts=ends[:-1],
            line_pieces=np.array(line_pieces, np.int32),
            quarters=np.concatenate([np.zeros(0, np.float32), *quarters]),
            bars=np.concatenate([np.zeros(0, np.int32), *bars]),
            names=kept_names,
            num_notes=num_notes,
            source=source,
        )

    def pieces_of(self, places: np.ndarray) -> np.ndarray:
        """The numbers of the pieces in which notes of the index stand."""
        return self.line_pieces[np.searchsorted(self.line_starts, places, side="right") - 1].astype(np.int64)

    def save(self, path: Path | str) -> None:
        """Write the index as one safetensors file."""
        tensors = {name: np.ascontiguousarray(values) for name, values in self._tensors().items()}
        facts = {"names": self.names, "num_notes": self.num_notes, "source": self.source}
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, path, metadata={"format": FORMAT, "facts": json.dumps(facts)})

    @classmethod
    def load(cls, path: Path | str) -> "MemorisationIndex":
        """Read an index; nothing in it is executed, and every number in it is checked.

        Raises:
            IndexFileError: when the file is missing or is no such index.
        """
        try:
            with safe_open(path, framework="np") as file:
                metadata = file.metadata() or {}
                if metadata.get("format") != FORMAT:
                    raise ValueError(f"expected the format {FORMAT!r}, found {metadata.get('format')!r}")
                tensors = {name: file.get_tensor(name) for name in _DTYPES}
            facts = json.loads(metadata["facts"])
            names, num_notes, source = facts["names"], int(facts["num_notes"]), str(facts["source"])
            _check(tensors, names)
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise IndexFileError(f"{path}: no index of training pieces ({' '.join(str(error).split())})") from error
        lines = LineIndex(tensors.pop("text"), tensors.pop("order"))
        return cls(lines=lines, **tensors, names=names, num_notes=num_notes, source=source)

    def _tensors(self) -> dict[str, np.ndarray]:
        own = {name: getattr(self, name) for name in ("line_starts", "line_pieces", "quarters", "bars")}
        return {"text": self.lines.text, "order": self.lines.order} | own


def _check(tensors: dict[str, np.ndarray], names: Any) -> None:
    """Refuse arrays that would lead outside one another."""
    for name, dtypes in _DTYPES.items():
        if str(tensors[name].dtype) not in dtypes or tensors[name].ndim != 1:
            raise ValueError(f"{name} is {tensors[name].dtype} with {tensors[name].ndim} dimensions")
    count = len(tensors["order"])
    sizes = {"text": 2 * count, "quarters": count, "bars": count, "line_pieces": len(tensors["line_starts"])}
    for name, size in sizes.items():
        if len(tensors[name]) != size:
            raise ValueError(f"expected {size} entries of {name}, found {len(tensors[name])}")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("names are no list of strings")
    starts = tensors["line_starts"]
    if len(starts) != len(np.unique(starts)) or (np.diff(starts) < 0).any() or starts[:1].any():
        raise ValueError("line_starts do not rise from 0")
    _check_range("order", tensors["order"], count)
    _check_range("line_starts", starts, count)
    _check_range("line_pieces", tensors["line_pieces"], len(names))


def _check_range(name: str, values: np.ndarray, limit: int) -> None:
    if len(values) and not 0 <= values.min() <= values.max() < limit:
        raise ValueError(f"{name} hold {values.min()} to {values.max()}, expected 0 to {limit - 1}")
