"""Rows of datasets that have a `midi` column as work units. Knows nothing of how such datasets are made."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from symbolic_music.data.sources.folders import walk
from symbolic_music.data.sources.units import UNKNOWN_LICENSE, CorpusError, WorkUnit
from symbolic_music.score.chords import ChordSymbol
from symbolic_music.score.midi.io import read_midi_pieces
from symbolic_music.score.piece import Reading

_MAX_DENOMINATOR = 10_000
_LABELS = ("source", "name", "license")


@dataclass(frozen=True)
class RowUnit(WorkUnit):
    """One row of a dataset with a `midi` column; the worker opens the dataset itself, memory-mapped."""

    dataset: str
    split: str
    row: int

    def read(self) -> Reading:
        """Parse the row's MIDI bytes; title, composer, key and chord symbols come from their columns, if present."""
        row = open_split(self.dataset, self.split)[self.row]
        reading = read_midi_pieces(row["midi"], Path(self.name))
        for piece in reading.pieces:
            piece.title = row.get("title") or piece.title
            piece.license = row.get("license") or piece.license
            piece.composer = row.get("composer") or piece.composer
            piece.composer_dates = row.get("composer_dates") or piece.composer_dates
            piece.key = row.get("key") or piece.key
            piece.chords = tuple(stored_chord(chord) for chord in row.get("chords") or ())
            piece.left_out = Counter()  # what the file held besides was counted when the dataset was made
        return reading

    def stamp(self) -> str:
        """Name and the fingerprint of the dataset."""
        return f"{self.source}\t{self.name}\t{open_split(self.dataset, self.split)._fingerprint}"

    def modules(self) -> tuple[str, ...]:
        """The library that opens the dataset."""
        return ("datasets",)


def list_dataset(name: str, license: str = UNKNOWN_LICENSE) -> list[WorkUnit]:
    """List every row of a dataset on the Hub or on disk that has a `midi` column of bytes, all splits together.

    The columns `source`, `name` and `license`, where present, are taken over.

    Raises:
        CorpusError: when it cannot be opened or has no such column.
    """
    units: list[WorkUnit] = []
    for split in _split_names(name):
        rows = open_split(name, split)
        if "midi" not in rows.column_names:
            raise CorpusError(f"{name}: split {split!r} has no `midi` column, only {', '.join(rows.column_names)}")
        labels = rows.select_columns([column for column in _LABELS if column in rows.column_names])
        for number, label in enumerate(labels if labels.column_names else ({} for _ in range(len(rows)))):
            units.append(
                RowUnit(
                    source=label.get("source") or Path(name).name,
                    name=label.get("name") or f"{split}#{number}",
                    license=label.get("license") or license,
                    dataset=name,
                    split=split,
                    row=number,
                )
            )
    return units


def stored_chord(chord: dict[str, Any]) -> ChordSymbol:
    """A chord symbol as a row has it; its onset, stored as a float, is the fraction that it was."""
    return ChordSymbol(Fraction(chord["onset"]).limit_denominator(_MAX_DENOMINATOR), chord["symbol"])


@lru_cache(maxsize=16)
def open_split(name: str, split: str) -> Any:
    """A split of a dataset, opened once in each process.

    Raises:
        CorpusError: when its files are none that a dataset is made of.
    """
    # datasets takes over a second to import; workers that read plain files never need it.
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:
        return load_dataset(name, split=split, cache_dir=_cache_folder(name))
    except DatasetsError as error:
        raise CorpusError(f"{name}: split {split!r} cannot be read ({' '.join(str(error).split())})") from error


def _cache_folder(name: str) -> str | None:
    """Where `load_dataset` keeps a local folder's rows: it caches them by the folder's name and card (datasets 5.2),
    so that files changed under the same name would silently be read as they were. None for the Hub, which has commits.
    """
    from datasets import config

    folder = Path(name)
    if not folder.is_dir():
        return None
    stamps = [f"{path.relative_to(folder)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in walk(folder)]
    digest = hashlib.sha256("\n".join([str(folder.resolve()), *sorted(stamps)]).encode()).hexdigest()
    return str(Path(config.HF_DATASETS_CACHE) / "symbolic_music" / digest[:32])


def _split_names(name: str) -> list[str]:
    from datasets import get_dataset_split_names

    try:
        return list(get_dataset_split_names(name))
    except Exception as error:  # the Hub client, the file system and the card parser each raise their own kinds
        raise CorpusError(f"{name}: cannot be opened as a dataset: {' '.join(str(error).split())}") from error
