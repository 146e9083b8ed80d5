"""What kind of music each source of a dataset is: songs, quartets, drums. Read from a file; guesses nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from symbolic_music._yaml import read_mapping
from symbolic_music.training.arguments import TrainingError

CREDITS = "credits"
"""Where a dataset's recipe says what it knows of its sources."""
_EXPECTED = f"lines 'source: kind' or a recipe whose {CREDITS} have a 'kind'"


def read_kinds(path: Path) -> dict[str, str]:
    """The kind of each source, by name.

    Args:
        path: a YAML or JSON file with a line `source: kind` for each; or a dataset's recipe, whose `credits` have a
            `kind`. A name that ends with a slash is that of all sources that begin with it.

    Raises:
        TrainingError: when the file cannot be read or is neither.
    """
    found = read_mapping(path, _EXPECTED, TrainingError)
    rows = _kinds_in_recipe(found) if CREDITS in found else found
    if not rows:
        raise TrainingError(f"{path}: expected {_EXPECTED}")
    for source, kind in rows.items():
        if not isinstance(source, str) or not isinstance(kind, str):
            raise TrainingError(f"{path}: expected the name of a kind for {source!r}, found {kind!r}")
    return rows


def _kinds_in_recipe(recipe: Mapping[str, Any]) -> dict[str, Any] | None:
    said = recipe[CREDITS]
    if not isinstance(said, dict):
        return None
    return {source: row["kind"] for source, row in said.items() if isinstance(row, dict) and "kind" in row}


def kinds_of(sources: Sequence[str], kinds: Mapping[str, str]) -> list[str]:
    """The kind of each source: that of its own name, else of the longest name with a slash at its end.

    Raises:
        TrainingError: when one has none.
    """
    names = {source: _name_of(source, kinds) for source in sorted(set(sources))}
    missing = [source for source, name in names.items() if name is None]
    if missing:
        raise TrainingError(f"no kind is given for {', '.join(missing)}; there are kinds for {', '.join(kinds)}")
    return [kinds[str(names[source])] for source in sources]


def _name_of(source: str, kinds: Mapping[str, str]) -> str | None:
    if source in kinds:
        return source
    return max((name for name in kinds if name.endswith("/") and source.startswith(name)), key=len, default=None)
