"""Which licence a corpus is under: as the user says, or as a licence file beside the music does.

What single pieces state of themselves is known only to their readers. Knows nothing of work units.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import PurePosixPath

_FILE = re.compile(r"(?:licen[cs]e|copying|unlicense)(?:[-_.].*)?", re.IGNORECASE)
_KNOWN = re.compile(
    r"\bCC0\b|\bCC[- ]BY|creativecommons\.org/(?:licenses|publicdomain)/|Creative Commons Attribution|\bMIT License"
    r"|GNU (?:Lesser |Affero )?General Public|Apache License|\bBSD\b|Public Domain|Open Data Commons|Artistic License",
    re.IGNORECASE,
)
_LONGEST = 200


class Licenses:
    """What the user says of licences: one text for everything, and texts for single sources.

    Args:
        words: each a text, or `SOURCE=TEXT` for one of `sources`; of several for the same music the last counts.
        sources: names of folders and archives.
    """

    def __init__(self, words: Sequence[str], sources: Sequence[str]):
        self._for_all: str | None = None
        self._of: dict[str, str] = {}
        for text in words:
            source, is_for_one, rest = text.partition("=")
            if is_for_one and source in sources:
                self._of[source] = rest
            else:
                self._for_all = text

    def of(self, source: str) -> str | None:
        """The licence of a source; None where the user says nothing."""
        return self._of.get(source, self._for_all)


def is_accepted(license: str, accepted: Sequence[str]) -> bool:
    """Whether a licence is one of those that are accepted, each given by words that name it.

    Hyphens count as spaces, and "CC BY" accepts no licence that goes on with NC, ND or SA.
    """
    text = _plain(license)
    return any(_pattern(words).search(text) for words in accepted)


def is_license_file(name: str) -> bool:
    """Whether a file's name says that it holds a licence, for everything beside and below it."""
    return bool(_FILE.fullmatch(PurePosixPath(name).name))


@cache
def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(_plain(words))}(?!\w)(?! (?:nc|nd|sa)\b)")


def _plain(license: str) -> str:
    return " ".join(re.sub(r"[-_/]", " ", license.lower()).split())


def stated_license(data: bytes) -> str:
    """The line of a licence file that says which licence it is, as far as a line does; "" for an empty file."""
    lines = [" ".join(line.split()) for line in data.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line]
    found = next((line for line in lines if _KNOWN.search(line)), lines[0] if lines else "")
    return found if len(found) <= _LONGEST else f"{found[: _LONGEST - 1]}…"
