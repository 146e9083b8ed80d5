"""The corpora that are fetched by name: what each is, where it is, and under which terms. Fetches nothing itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from symbolic_music._yaml import read_mapping
from symbolic_music.data.sources.licenses import is_accepted
from symbolic_music.data.sources.units import CorpusError

REGISTRY = Path(__file__).with_name("registry.yaml")
_NON_COMMERCIAL = re.compile(r"\bnc\b|non-?commercial", re.IGNORECASE)


@dataclass(frozen=True)
class NamedCorpus:
    """A corpus that is fetched.

    Attributes:
        name: as `--corpus` takes it.
        title: of the collection.
        by: who made it.
        url: its page.
        download: the archive.
        license: of pieces whose files state none.
        shipping: what may be passed on, in a sentence.
        citation: for papers.
        kind: of music, for tables by kind.
        size: bytes of the archive, where known.
        sha256: of the archive, where published.
    """

    name: str
    title: str
    by: str
    url: str
    download: str
    license: str
    shipping: str
    citation: str
    kind: str
    size: int | None = None
    sha256: str | None = None

    @property
    def file_name(self) -> str:
        """What its archive is called in the cache."""
        last = PurePosixPath(urlsplit(self.download).path).name
        return f"{self.name}-{last}"

    @property
    def is_non_commercial(self) -> bool:
        """Whether its licence forbids commercial use."""
        return bool(_NON_COMMERCIAL.search(self.license))

    def check_accepted(self, accepted: Sequence[str]) -> None:
        """See that a licence that forbids commercial use was accepted by name.

        Raises:
            CorpusError: when it was not.
        """
        if self.is_non_commercial and not is_accepted(self.license, accepted):
            words = self.license.rstrip("0123456789. ")
            raise CorpusError(
                f"{self.name} is {self.license}, which forbids commercial use, of what is made from it too: say "
                f'--accept-license "{words}" (or whatever else you accept as well) to take it'
            )

    def terms(self) -> str:
        """What to know before it is fetched."""
        size = f", {self.size / 2**20:,.0f} MiB" if self.size else ""
        return f"{self.title} by {self.by} ({self.url}){size}\n  licence: {self.license}\n  {self.shipping}"


@cache
def named_corpora(path: Path = REGISTRY) -> dict[str, NamedCorpus]:
    """The corpora of a registry, by name.

    Raises:
        CorpusError: for an entry that lacks a value or has an unknown one.
    """
    return {name: _corpus(path, name, entry) for name, entry in read_mapping(path, "corpora", CorpusError).items()}


def _corpus(path: Path, name: str, entry: Any) -> NamedCorpus:
    known = {field.name for field in fields(NamedCorpus)} - {"name"}
    if not isinstance(entry, dict):
        raise CorpusError(f"{path}: {name}: expected a mapping, found {type(entry).__name__}")
    unknown = sorted(set(entry) - known)
    if unknown:
        raise CorpusError(f"{path}: {name}: unknown key {unknown[0]!r}; expected {', '.join(sorted(known))}")
    try:
        return NamedCorpus(name=name, **entry)
    except TypeError as error:
        raise CorpusError(f"{path}: {name}: {error}") from error
