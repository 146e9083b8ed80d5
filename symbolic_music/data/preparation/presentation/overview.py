"""What is in a dataset, counted over its pieces, and a picture of it. Knows nothing of files of music or of splits."""

import io
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from symbolic_music._extras import require
from symbolic_music.score.programs import DRUMS, program_name

COLUMNS = ("source", "programs", "key", "meter", "composer", "composer_dates", "bars")
_MOST_BARS = 14
_BLUE, _INK, _PALE = "#0072B2", "#1F2933", "#9AA5B1"
_NOT_STATED = "not stated"
_LENGTHS = (8, 16, 32, 64, 128, 256, 512)


class Overview:
    """Counts pieces by instrument, composer, century, key, meter and length.

    Args:
        composers: dates of composers by name, where a piece's own file states none.
    """

    def __init__(self, composers: dict[str, str]):
        self._dates = composers
        self.counts: dict[str, Counter[str]] = {
            name: Counter()
            for name in ("instruments", "number of instruments", "composers", "centuries", "keys", "meters", "bars")
        }

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Count rows with the columns `COLUMNS`."""
        for row in rows:
            programs = row["programs"]
            self.counts["instruments"].update(_instrument(program) for program in programs)
            self.counts["number of instruments"][_few(len(programs))] += 1
            self.counts["composers"][row["composer"] or _NOT_STATED] += 1
            dates = row["composer_dates"] or self._dates.get(row["composer"], "")
            self.counts["centuries"][century(dates) or _NOT_STATED] += 1
            self.counts["keys"][row["key"] or _NOT_STATED] += 1
            self.counts["meters"][row["meter"] or _NOT_STATED] += 1
            self.counts["bars"][_length(row["bars"])] += 1

    def as_json(self) -> dict[str, dict[str, int]]:
        """The counts, most first."""
        return {name: dict(_most_first(counts)) for name, counts in self.counts.items()}


def century(dates: str) -> str:
    """The century of the first year in a composer's dates, "19th" for "1810/03/01-1849"; "" where there is none."""
    years = re.findall(r"(?<!\d)\d{3,4}(?!\d)", dates)
    if not years:
        return ""
    number = (int(years[0]) - 1) // 100 + 1
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def overview_png(content: dict[str, dict[str, int]]) -> bytes:
    """Six panels of bars: composers, centuries of their birth, instruments, keys, meters, lengths.

    Args:
        content: counts by panel, as `Overview.as_json` gives them.

    Raises:
        MissingExtraError: without matplotlib.
    """
    require("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 9.5), dpi=100, layout="constrained")
    panels = {
        "composers": "composers, as the files name them",
        "centuries": "century of the composer's first date",
        "instruments": "instruments (pieces that have them)",
        "keys": "first key, as written or stated",
        "meters": "first meter",
        "bars": "bars",
    }
    for axes, (name, title) in zip(figure.subplots(2, 3).flat, panels.items(), strict=True):
        _draw(axes, title, _shown(name, content[name]))
    canvas, png = FigureCanvasAgg(figure), io.BytesIO()
    canvas.print_png(png, metadata={"Software": None})
    return png.getvalue()


def _instrument(program: int) -> str:
    return "drums" if program == DRUMS else program_name(program)


def _few(number: int) -> str:
    return str(number) if number < 10 else "10 or more"


def _length(bars: int) -> str:
    """A range of lengths, from just above one limit to the next."""
    low = 0
    for high in _LENGTHS:
        if bars <= high:
            return f"{low + 1} to {high}"
        low = high
    return f"more than {low}"


def _most_first(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _shown(name: str, counts: dict[str, int]) -> list[tuple[str, int]]:
    """The bars of a panel from the top: in the order of time or length, or the most frequent."""
    if name in ("centuries", "bars"):
        return sorted(counts.items(), key=lambda item: (not re.search(r"\d", item[0]), _first_number(item[0])))
    listed = [item for item in counts.items() if item[0] != _NOT_STATED]
    rest = len(listed) - _MOST_BARS
    shown = listed[:_MOST_BARS]
    if rest > 0:
        shown.append((f"{rest:,} others", sum(count for _, count in listed[_MOST_BARS:])))
    unknown = [item for item in counts.items() if item[0] == _NOT_STATED]
    return shown + unknown


def _first_number(label: str) -> int:
    found = re.search(r"\d+", label)
    is_last = label.startswith("more")
    return 10**6 if is_last else int(found[0]) if found else 0


def _draw(axes: Any, title: str, bars: list[tuple[str, int]]) -> None:
    labels = [label if len(label) <= 28 else f"{label[:27]}…" for label, _ in bars]
    counts = [count for _, count in bars]
    colours = [_PALE if label == _NOT_STATED or label.endswith(" others") else _BLUE for label, _ in bars]
    axes.barh(range(len(bars)), counts, color=colours)
    axes.set_yticks(range(len(bars)), labels, fontsize=8.5)
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", labelsize=8)
    for place, count in enumerate(counts):
        axes.annotate(f" {count:,}", (count, place), va="center", fontsize=7.5, color=_INK)
    axes.set_xlim(0, 1.12 * max(counts, default=1))
