"""A corpus of the registry as work units: its archive in the cache, fetched when it is not there."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub.constants import HF_HOME
from tqdm import tqdm

from symbolic_music.data.preparation.presentation.credits import Credit
from symbolic_music.data.sources.archives import ArchiveListing, list_archive
from symbolic_music.data.sources.named.download import Wanted, check_file, fetch
from symbolic_music.data.sources.named.registry import NamedCorpus
from symbolic_music.data.sources.units import CorpusError

CACHE = Path(HF_HOME) / "symbolic-music" / "corpora"


def list_fetched(
    corpus: NamedCorpus, archives: Mapping[str, Path], tell: Callable[[str], Any], cache: Path = CACHE
) -> ArchiveListing:
    """What a corpus holds.

    Args:
        corpus: of the registry.
        archives: the user's own archives, by the corpus' name, to read instead of fetching.
        tell: called with the terms before the first byte is fetched.
        cache: where archives are kept.

    Raises:
        CorpusError: when it cannot be fetched, or is not what was published.
    """
    own = archives.get(corpus.name)
    if own is not None:
        check_file(own, corpus.sha256)
    return list_archive(own or fetch_corpus(corpus, tell, cache), corpus.license, corpus.name)


def fetch_corpus(corpus: NamedCorpus, tell: Callable[[str], Any], cache: Path = CACHE) -> Path:
    """The archive of a corpus; its terms are shown before it is fetched for the first time."""
    target = cache / corpus.file_name
    if not target.exists():
        tell(f"fetching {corpus.terms()}\n  kept in {cache}")
    with tqdm(total=corpus.size, desc=corpus.name, unit="B", unit_scale=True, disable=None) as bar:

        def show(here: int, total: int | None) -> None:
            bar.total = total
            bar.update(here - bar.n)

        return fetch(Wanted(corpus.download, corpus.size, corpus.sha256), target, show)


def parse_archives(words: list[str], known: Mapping[str, NamedCorpus]) -> dict[str, Path]:
    """`NAME=FILE` for each: the user's own archive of a corpus.

    Raises:
        CorpusError: for anything else.
    """
    found = {}
    for text in words:
        name, is_named, path = text.partition("=")
        if not is_named or name not in known or not path:
            raise CorpusError(f"--corpus-archive {text}: expected NAME=FILE, NAME being one of {', '.join(known)}")
        found[name] = Path(path)
    return found


def credit_of(corpus: NamedCorpus) -> Credit:
    """Whom a dataset of the corpus names."""
    return Credit(
        source=corpus.name,
        title=corpus.title,
        by=corpus.by,
        url=corpus.url,
        license=corpus.license,
        kind=corpus.kind,
    )
