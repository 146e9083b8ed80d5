"""Is a card complete? Finds figures that are missing and words that were left to be filled in. Knows no model."""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from symbolic_music.hub.contents import CARD_FILE, Kind, read_metadata

_HAS_FIGURES = (Kind.MODEL, Kind.ADAPTER)
_PLACEHOLDER = re.compile(r"\[More Information Needed\]|\bTODO\b|\bTBD\b|\{\{|(?<![\w.])[-+]?(?:nan|NaN|inf)\b")
_EMPTY_CELL = re.compile(r"\*{0,2}(None|nan|NaN|null|N/A|n/a|\?|-*)\*{0,2}(\s*\[.*\])?")
_CODE_FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def card_problems(folder: Path, kind: Kind) -> list[str]:
    """What keeps the card from being published, one line each; nothing for a complete one."""
    card = folder / CARD_FILE
    if not card.exists():
        how = "; train/publish_model.py writes a model's" if kind is Kind.MODEL else ""
        return [f"{CARD_FILE} is missing: expected a card{how}"]
    metadata = read_metadata(card)
    if metadata is None:
        return [f"{CARD_FILE} has no metadata: expected YAML between two lines of --- at its top"]
    problems = list(_figure_problems(metadata)) if kind in _HAS_FIGURES else []
    text = _CODE_FENCE.sub(lambda block: "\n" * block[0].count("\n"), card.read_text(encoding="utf-8"))
    return problems + list(_text_problems(text))


def _figure_problems(metadata: dict[str, Any]) -> Iterator[str]:
    """Of the model-index, which the Hub shows beside the card."""
    index = metadata.get("model-index")
    if not index:
        yield f"{CARD_FILE} has no figures: its metadata lacks model-index, the results of an evaluation"
        return
    try:
        metrics = [metric for model in index for result in model["results"] for metric in result["metrics"]]
        values = [(str(metric.get("type")), metric.get("value")) for metric in metrics]
    except (TypeError, KeyError, AttributeError):
        yield f"{CARD_FILE}: model-index cannot be read; expected models with results with metrics"
        return
    if not values:
        yield f"{CARD_FILE} has no figures: model-index holds no metric"
    for name, value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            yield f"{CARD_FILE}: {name} is {value!r} in model-index; expected a number"


def _text_problems(text: str) -> Iterator[str]:
    in_body = False  # of a table: below the line of dashes
    for number, line in enumerate(text.splitlines(), 1):
        found = _PLACEHOLDER.search(line)
        if found:
            yield f"{CARD_FILE} line {number} has {found[0]!r} where a figure or words should be"
        cells = _cells(line)
        if cells and all(re.fullmatch(r":?-{3,}:?", cell) for cell in cells):
            in_body = True
        elif not cells:
            in_body = False
        elif in_body and not found and any(_EMPTY_CELL.fullmatch(cell) for cell in cells):
            yield f"{CARD_FILE} line {number}: the table lacks a figure: {line.strip()}"


def _cells(line: str) -> list[str]:
    """Of a row of a Markdown table; none of any other line."""
    line = line.strip()
    return [cell.strip() for cell in line[1:-1].split("|")] if len(line) > 1 and line[0] == line[-1] == "|" else []
