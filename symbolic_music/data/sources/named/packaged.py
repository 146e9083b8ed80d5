"""Named corpora inside installed packages as work units. Knows nothing of what becomes of them."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

from symbolic_music._extras import require
from symbolic_music.data.sources.folders import units_of_file
from symbolic_music.data.sources.named.registry import named_corpora
from symbolic_music.data.sources.units import CorpusError, FileUnit, WorkUnit

FOLK_BOOKS = ("airdsAirs", "oneills1850", "ryansMammoth")
MUSIC21_TERMS = (
    "encoding distributed with music21 with the permission of the encoders; "
    "some encodings of its corpus may not be used for commercial uses (music21/corpus/license.txt)"
)
FOLK_LICENSE = f"tune: public domain; {MUSIC21_TERMS}"
CHORALE_LICENSE = f"composition (J. S. Bach): public domain; {MUSIC21_TERMS}"
NOT_CHORALES = frozenset({"bwv846.mxl"})
"""The first prelude of The Well-Tempered Clavier lies among music21's 408 compressed Bach files."""


def list_corpus(name: str) -> list[WorkUnit]:
    """List a named corpus.

    Raises:
        CorpusError: for a name that is not in `NAMED_CORPORA`.
        MissingExtraError: when the package that carries the corpus is not installed.
    """
    if name not in NAMED_CORPORA:
        known = sorted([*NAMED_CORPORA, *named_corpora()])
        raise CorpusError(f"unknown corpus {name!r}: expected one of {', '.join(known)}")
    return NAMED_CORPORA[name]()


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
    return [unit for path in paths for unit in units_of_file(path, source, Path(path.name), FOLK_LICENSE)]


NAMED_CORPORA: dict[str, Callable[[], list[WorkUnit]]] = {"chorales": list_chorales, "folk": list_folk}
