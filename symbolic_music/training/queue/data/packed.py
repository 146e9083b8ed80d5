"""A packed dataset: a folder that holds a split's pieces as events, compressed, and all that turns them into ids.

    packed.json                 what it was made from, and the lengths of the arrays
    train.xz, validation.xz     the arrays of a split, one behind the other, compressed by LZMA
    tables.xz                   events after each transposition
    processor/                  the tokenizer and the processor's configuration

Events are numbers: 0 to E - 1 are PAD, BOS, EOS and the codec's events, in the codec's order; E to 2E - 1 are the same
events of drums, which no transposition moves. So what depends on the codec is done when the folder is written, and
whoever reads it looks numbers up. Events rather than ids of BPE, since all transpositions can be made of them.

Knows arrays and files, nothing of music.
"""

import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

DESCRIPTION_FILE = "packed.json"
PROCESSOR_FOLDER = "processor"
FORMAT = 1
# Where a transposition leaves the range.
OUT_OF_RANGE = np.iinfo(np.uint16).max

# Two bytes a number: the second byte of one predicts that of the next. Seen on 549 Polish scores as REMI (397,288
# notes): 6.8 bits a note, and 7.1 with frequent events as single bytes.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lp": 1, "pb": 1, "dict_size": 1 << 26}]


class QueueError(ValueError):
    """A queue, a job or a file that cannot be used; the message is one line that names it."""


@dataclass(frozen=True)
class Ragged:
    """Sequences of different lengths, one behind the other.

    Args:
        values: (total,) numbers.
        lengths: (n,) int32.
    """

    values: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, sequences: Sequence[np.ndarray], dtype: Any = np.uint16) -> "Ragged":
        """From single sequences."""
        lengths = np.array([len(sequence) for sequence in sequences], np.int32)
        values = np.concatenate(sequences) if len(sequences) else np.zeros(0)
        return cls(values.astype(dtype), lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def starts(self) -> np.ndarray:
        """(n,) int64: where each begins."""
        return np.cumsum(self.lengths, dtype=np.int64) - self.lengths

    def split(self) -> list[np.ndarray]:
        """Each sequence, as a view."""
        return np.split(self.values, np.cumsum(self.lengths, dtype=np.int64)[:-1]) if len(self) else []


@dataclass(frozen=True)
class PackedSplit:
    """The sequences of a split, each from BOS to EOS.

    Args:
        events: what is predicted, uint16.
        sources: what an encoder reads before each, uint16; None for causal models.
        scored: which of the events count in validation, bool; None where all do.
    """

    events: Ragged
    sources: Ragged | None = None
    scored: Ragged | None = None

    def __len__(self) -> int:
        return len(self.events)


@dataclass(frozen=True)
class PackedData:
    """A packed folder.

    Args:
        folder: where it lies.
        description: `packed.json`.
        splits: by name, "train" and "validation".
        tables: (transpositions, 2E) uint16: the event, of E, that each becomes; `OUT_OF_RANGE` where it leaves it. The
            first transposition is none.
    """

    folder: Path
    description: Mapping[str, Any]
    splits: Mapping[str, PackedSplit]
    tables: np.ndarray

    @property
    def is_note(self) -> np.ndarray:
        """(E,) bool: which events begin a note."""
        notes = np.zeros(self.tables.shape[1] // 2, bool)
        notes[self.description["note_events"]] = True
        return notes


def write_packed(
    folder: Path, splits: Mapping[str, PackedSplit], tables: np.ndarray, description: Mapping[str, Any]
) -> None:
    """Write all but the processor; the description, which makes the folder readable, comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for name, split in splits.items():
        parts = {field.name: getattr(split, field.name) for field in fields(split)}
        kept = {key: ragged for key, ragged in parts.items() if ragged is not None}
        flat = {
            f"{key}.{part}": getattr(ragged, part) for key, ragged in kept.items() for part in ("lengths", "values")
        }
        arrays[name] = _write_arrays(folder / f"{name}.xz", flat)
    arrays["tables"] = _write_arrays(folder / "tables.xz", {"tables": tables})
    text = json.dumps({**description, "format": FORMAT, "arrays": arrays}, indent=1, sort_keys=True)
    (folder / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")


def read_description(folder: Path) -> dict[str, Any]:
    """`packed.json` of a folder.

    Raises:
        QueueError: when it is missing or no description of this format.
    """
    path = folder / DESCRIPTION_FILE
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise QueueError(f"{folder}: no packed dataset ({error}); `gpu_queue.py pack` writes one") from error
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise QueueError(f"{path}: expected a packed dataset of format {FORMAT}")
    return description


def read_packed(folder: Path) -> PackedData:
    """A packed folder, decompressed.

    Raises:
        QueueError: when a file is missing or cut.
    """
    description = read_description(folder)
    read = {name: _read_arrays(folder / f"{name}.xz", layout) for name, layout in description["arrays"].items()}
    tables = read.pop("tables")["tables"]
    splits = {}
    for name, arrays in read.items():
        kinds = sorted({key.partition(".")[0] for key in arrays})
        splits[name] = PackedSplit(
            **{kind: Ragged(arrays[f"{kind}.values"], arrays[f"{kind}.lengths"]) for kind in kinds}
        )
    return PackedData(folder, description, splits, tables)


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> list[list[Any]]:
    """Write arrays one behind the other; returns the name, type and shape of each."""
    with lzma.open(path, "wb", format=lzma.FORMAT_XZ, filters=_FILTERS) as file:
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes())
    return [[name, array.dtype.str.lstrip("<|="), list(array.shape)] for name, array in arrays.items()]


def _read_arrays(path: Path, layout: Sequence[Sequence[Any]]) -> dict[str, np.ndarray]:
    """The arrays of a file."""
    try:
        content = lzma.decompress(path.read_bytes())
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise QueueError(f"{path}: cannot be read ({error})") from error
    arrays, at = {}, 0
    for name, kind, shape in layout:
        dtype, count = np.dtype(kind).newbyteorder("<"), int(np.prod(shape))
        if at + count * dtype.itemsize > len(content):
            raise QueueError(f"{path}: is cut; expected {count} numbers of {name}")
        arrays[name] = np.frombuffer(content, dtype, count, at).reshape(shape)
        at += count * dtype.itemsize
    return arrays
