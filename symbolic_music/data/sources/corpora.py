"""Where music comes from: named corpora inside installed packages, folders of files, datasets with a `midi` column.

A corpus is a sorted list of work units: small, picklable, each naming one file, one tune of a tune book or one row
of a dataset, and able to read itself into Scores in a worker process. Knows nothing of what becomes of the Scores.
"""

import hashlib
import importlib.util
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from symusic.core import ScoreTick as Score

from symbolic_music._extras import require
from symbolic_music.score.abc.contents import left_out
from symbolic_music.score.abc.io import abc_key, abc_title, decode_abc, parse_abc_tune, split_tune_book
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.files import ABC_SUFFIXES, MUSIC_SUFFIXES, MUSICXML_SUFFIXES, read_scores
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.storage import read_bounded

MUSICXML_MODULES = ("music21.converter", "music21.midi.translate")
UNKNOWN_LICENSE = "not stated; ask the owner of the files"

FOLK_BOOKS = ("airdsAirs", "oneills1850", "ryansMammoth")
MUSIC21_TERMS = (
    "encoding distributed with music21 with the permission of the encoders; "
    "some encodings of its corpus may not be used for commercial uses (music21/corpus/license.txt)"
)
FOLK_LICENSE = f"tune: public domain; {MUSIC21_TERMS}"
CHORALE_LICENSE = f"composition (J. S. Bach): public domain; {MUSIC21_TERMS}"
NOT_CHORALES = frozenset({"bwv846.mxl"})
"""The first prelude of The Well-Tempered Clavier lies among music21's 408 compressed Bach files."""


class CorpusError(ValueError):
    """A corpus that cannot be listed; the message is one line for the user."""


@dataclass(frozen=True)
class WorkUnit:
    """One thing to read: the base of the three kinds below.

    Args:
        source: the corpus, such as `music21/oneills1850`.
        name: the file, relative to the corpus, and the tune or row in it.
        license: what is known about the right to use it.
    """

    source: str
    name: str
    license: str

    def read(self) -> list[Score]:
        """Read the unit. Raises ScoreError when it holds nothing usable."""
        raise NotImplementedError

    def stamp(self) -> str:
        """A line that changes when the unit's content does; an interrupted run compares it before it goes on."""
        raise NotImplementedError

    def key(self) -> str | None:
        """The key as the unit's own notation writes it; None where only the Score can say."""
        return None

    def left_out(self) -> Counter[str]:
        """How much of what the unit says besides its notes does not go into the Scores, by kind."""
        return Counter()

    def modules(self) -> tuple[str, ...]:
        """Modules that `read` imports only when it needs them, and that take seconds to import."""
        return ()


@dataclass(frozen=True)
class FileUnit(WorkUnit):
    """A whole file of any type that `read_scores` knows."""

    path: Path

    def read(self) -> list[Score]:
        """Read every Score of the file."""
        return read_scores(self.path)

    def stamp(self) -> str:
        """Name, size and time of last change: 178,000 files must not be read twice only to compare them."""
        status = self.path.stat()
        return f"{self.source}\t{self.name}\t{status.st_size}\t{status.st_mtime_ns}"

    def modules(self) -> tuple[str, ...]:
        """music21, for MusicXML."""
        return MUSICXML_MODULES if self.path.suffix.lower() in MUSICXML_SUFFIXES else ()


@dataclass(frozen=True)
class TuneUnit(WorkUnit):
    """One tune of an ABC tune book."""

    text: str

    def read(self) -> list[Score]:
        """Parse the tune."""
        return [parse_abc_tune(self.text)]

    def stamp(self) -> str:
        """Name and content."""
        return f"{self.source}\t{self.name}\t{hashlib.sha256(self.text.encode()).hexdigest()}"

    def key(self) -> str:
        """The `K:` field, modes and all: MIDI knows only major and minor."""
        return abc_key(self.text)

    def left_out(self) -> Counter[str]:
        """Lyrics, text, ornaments and the like, and the bars that disagree with the meter."""
        return left_out(self.text)


@dataclass(frozen=True)
class RowUnit(WorkUnit):
    """One row of a dataset with a `midi` column; the worker opens the dataset itself, memory-mapped."""

    dataset: str
    split: str
    row: int

    def read(self) -> list[Score]:
        """Parse the row's MIDI bytes."""
        return [read_midi(_open_split(self.dataset, self.split)[self.row]["midi"])]

    def stamp(self) -> str:
        """Name and the fingerprint of the dataset."""
        return f"{self.source}\t{self.name}\t{_open_split(self.dataset, self.split)._fingerprint}"

    def modules(self) -> tuple[str, ...]:
        """The library that opens the dataset."""
        return ("datasets",)


def list_corpus(name: str) -> list[WorkUnit]:
    """List a named corpus.

    Raises:
        CorpusError: for a name that is not in `NAMED_CORPORA`.
        MissingExtraError: when the package that carries the corpus is not installed.
    """
    if name not in NAMED_CORPORA:
        raise CorpusError(f"unknown corpus {name!r}: expected one of {', '.join(sorted(NAMED_CORPORA))}")
    return NAMED_CORPORA[name]()


def list_directory(
    folder: Path, suffixes: Sequence[str] = MUSIC_SUFFIXES, license: str = UNKNOWN_LICENSE
) -> list[WorkUnit]:
    """List every file below a folder whose suffix is one of `suffixes` (in any case), sorted by relative path.

    An ABC file gives one unit for each tune. Links to folders are not followed.

    Raises:
        CorpusError: when the folder does not exist or holds no such file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CorpusError(f"{folder}: no such folder")
    paths = sorted(path for path in _walk(folder) if path.suffix.lower() in suffixes)
    if not paths:
        raise CorpusError(f"{folder}: no file ends in {', '.join(suffixes)}")
    source = folder.resolve().name
    return [unit for path in paths for unit in _units_of_file(path, source, path.relative_to(folder), license)]


def list_dataset(name: str, license: str = UNKNOWN_LICENSE) -> list[WorkUnit]:
    """List every row of a dataset on the Hub or on disk that has a `midi` column of bytes, all splits together.

    The columns `source`, `name` and `license`, where present, are taken over.

    Raises:
        CorpusError: when it cannot be opened or has no such column.
    """
    units: list[WorkUnit] = []
    for split in _split_names(name):
        rows = _open_split(name, split)
        if "midi" not in rows.column_names:
            raise CorpusError(f"{name}: split {split!r} has no `midi` column, only {', '.join(rows.column_names)}")
        labels = rows.select_columns([c for c in ("source", "name", "license") if c in rows.column_names])
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


def list_folk() -> list[WorkUnit]:
    """4,248 tunes of three public-domain tune books (Aird, O'Neill, Ryan) in music21's wheel."""
    return [unit for book in FOLK_BOOKS for unit in _units_of_book_folder(music21_corpus_folder() / book)]


def list_chorales() -> list[WorkUnit]:
    """409 chorales by Bach in music21's wheel: 407 of its 408 compressed files and two uncompressed ones."""
    folder = music21_corpus_folder() / "bach"
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".mxl", ".xml"))
    return [
        FileUnit(source="music21/bach", name=path.name, license=CHORALE_LICENSE, path=path)
        for path in paths
        if path.name not in NOT_CHORALES
    ]


def music21_corpus_folder() -> Path:
    """The corpus folder of the installed music21, found without importing music21, which takes seconds.

    Raises:
        MissingExtraError: when music21 is not installed.
        CorpusError: when it was installed without its corpus.
    """
    spec = importlib.util.find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        require("music21")
        raise CorpusError("music21 is not an ordinary package here: its folder cannot be found")
    folder = Path(spec.submodule_search_locations[0]) / "corpus"
    if not folder.is_dir():
        raise CorpusError(f"{folder}: this music21 was installed without its corpus")
    return folder


def _units_of_book_folder(folder: Path) -> list[WorkUnit]:
    source = f"music21/{folder.name}"
    paths = sorted(folder.glob("*.abc"))
    return [unit for path in paths for unit in _units_of_file(path, source, Path(path.name), FOLK_LICENSE)]


def _units_of_file(path: Path, source: str, name: Path, license: str) -> list[WorkUnit]:
    """One unit per file, or one per tune of a tune book.

    A tune book that cannot be read or holds no tune stays one unit, so that the worker refuses it with its reason.
    """
    whole = FileUnit(source=source, name=name.as_posix(), license=license, path=path)
    if path.suffix.lower() not in ABC_SUFFIXES:
        return [whole]
    try:
        tunes = split_tune_book(decode_abc(read_bounded(path)))
    except ScoreError:
        return [whole]
    return [
        TuneUnit(
            source=source, name=f"{name.as_posix()}#{number} {abc_title(tune)}".strip(), license=license, text=tune
        )
        for number, tune in enumerate(tunes, start=1)
    ] or [whole]


def _walk(folder: Path) -> list[Path]:
    return [Path(root) / name for root, _, names in os.walk(folder) for name in names]


@lru_cache(maxsize=16)
def _open_split(name: str, split: str) -> Any:
    # datasets takes over a second to import; workers that read plain files never need it.
    from datasets import load_dataset

    return load_dataset(name, split=split, cache_dir=_cache_folder(name))


def _cache_folder(name: str) -> str | None:
    """Where `load_dataset` keeps a local folder's rows: it caches them by the folder's name and card (datasets 5.2),
    so that files changed under the same name would silently be read as they were. None for the Hub, which has commits.
    """
    from datasets import config

    folder = Path(name)
    if not folder.is_dir():
        return None
    stamps = [f"{path.relative_to(folder)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in _walk(folder)]
    digest = hashlib.sha256("\n".join([str(folder.resolve()), *sorted(stamps)]).encode()).hexdigest()
    return str(Path(config.HF_DATASETS_CACHE) / "symbolic_music" / digest[:32])


def _split_names(name: str) -> list[str]:
    from datasets import get_dataset_split_names

    try:
        return list(get_dataset_split_names(name))
    except Exception as error:  # the Hub client, the file system and the card parser each raise their own kinds
        raise CorpusError(f"{name}: cannot be opened as a dataset: {' '.join(str(error).split())}") from error


NAMED_CORPORA: dict[str, Callable[[], list[WorkUnit]]] = {"chorales": list_chorales, "folk": list_folk}
