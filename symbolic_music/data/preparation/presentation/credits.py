"""Whom a dataset names for its music, and the text of ATTRIBUTION.md, which licences such as CC BY ask for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

CHANGES = (
    "Changes made to the originals: only what sounds was kept, as MIDI; repeats were played out, ties joined, "
    "ornaments and words left out; "
)


@dataclass(frozen=True)
class Credit:
    """Where the pieces of one source come from.

    Args:
        source: the source's name, as the column `source` has it; one that ends in `/` stands for all that begin so.
        title: the collection's name.
        by: who made it.
        url: where it is.
        license: of pieces whose files state none.
        kind: what kind of music it is ("songs"), for tables by kind.
    """

    source: str
    title: str = ""
    by: str = ""
    url: str = ""
    license: str = ""
    kind: str = ""

    def covers(self, source: str) -> bool:
        """Whether a source's pieces are these."""
        return source.startswith(self.source) if self.source.endswith("/") else source == self.source


@dataclass(frozen=True)
class Presentation:
    """How a dataset presents itself.

    Args:
        title: of its card; "" takes the names of its sources.
        credits: whom it names.
        has_picture: whether `overview.png` is drawn, where matplotlib is installed.
        composers: dates of composers whose files state none, as "1797-1828", by name as the column `composer` has it.
    """

    title: str = ""
    credits: tuple[Credit, ...] = ()
    has_picture: bool = False
    composers: dict[str, str] = field(default_factory=dict)

    def credit_of(self, source: str) -> Credit | None:
        """The credit that covers a source."""
        return next((credit for credit in self.credits if credit.covers(source)), None)


def attribution(presentation: Presentation, sources: Sequence[dict[str, Any]], max_bars: int | None) -> str:
    """The text of ATTRIBUTION.md.

    Args:
        presentation: has the credits.
        sources: pieces and notes by `source` and `license`, as in `prepare.json`.
        max_bars: the longest part into which pieces were cut; None where they are whole.
    """
    cut = (
        f"longer pieces were cut at bar lines into parts of at most {max_bars} bars."
        if max_bars
        else "no bar was cut."
    )
    lines = [
        "# Attribution",
        "",
        "Whoever passes on these pieces, or a model trained on them, passes on this file.",
        "",
        CHANGES + cut,
        "",
    ]
    for name in dict.fromkeys(_heading(presentation, entry["source"]) for entry in sources):
        mine = [entry for entry in sources if _heading(presentation, entry["source"]) == name]
        credit = presentation.credit_of(mine[0]["source"])
        lines += [f"## {name}", ""]
        if credit is not None:
            lines += [f"- {word}: {text}" for word, text in (("by", credit.by), ("from", credit.url)) if text]
        for entry in mine:
            lines.append(f"- {entry['source']}: {entry['pieces']:,} pieces, {entry['license']}")
        lines.append("")
    return "\n".join(lines)


def _heading(presentation: Presentation, source: str) -> str:
    credit = presentation.credit_of(source)
    return credit.title if credit is not None and credit.title else source
