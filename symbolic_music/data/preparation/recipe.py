"""A recipe: a YAML file that says what goes into a dataset, under which licences, and whom to name for it.

Its keys are the flags of `train/prepare_dataset.py`, and `title`, `credits` and `composers`. Knows what a recipe says,
not how music is read.
"""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from symbolic_music._yaml import read_mapping, unknown_key
from symbolic_music.data.preparation.presentation.credits import Credit, Presentation

PATH_FLAGS = ("archive", "midi_dir", "abc_dir", "music_dir")
"""Flags whose values are paths: those of a recipe begin at the folder that the user names."""
_OWN_KEYS = ("title", "credits", "composers")


class RecipeError(ValueError):
    """A recipe that cannot be followed; the message is one line for the user."""


def read_recipe(path: Path, root: Path, parser: argparse.ArgumentParser) -> tuple[dict[str, Any], Presentation]:
    """What a recipe says.

    Args:
        path: the YAML file.
        root: the folder at which its paths begin.
        parser: has the flags that it may set; their types and choices hold for its values, too.

    Returns:
        Values by the name of their flag, and how the dataset is to present itself.

    Raises:
        RecipeError: the file is missing or no YAML, or has an unknown key or a value that its flag would not take.
    """
    content = read_mapping(path, "flags with their values", RecipeError)
    actions = {action.dest: action for action in parser._actions if action.dest not in ("help", "config", "root")}
    known = [*actions, *_OWN_KEYS]
    for key in content:
        if key not in known:
            raise RecipeError(unknown_key(path, key, known))
    values = {
        key: _flag_value(path, actions[key], value, root) for key, value in content.items() if key not in _OWN_KEYS
    }
    return values, Presentation(
        title=str(content.get("title", "")),
        has_picture=True,
        credits=_credits(path, content.get("credits", {})),
        composers=_dates(path, content.get("composers", {})),
    )


def _flag_value(path: Path, action: argparse.Action, value: Any, root: Path) -> Any:
    """A value of the recipe as its flag would give it."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise RecipeError(f"{path}: {action.dest} is {value!r}; expected true or false")
        return value
    several = isinstance(action.default, list)
    if isinstance(value, list) and not several:
        raise RecipeError(f"{path}: {action.dest} is a list; expected one value")
    values = [_one_value(path, action, item) for item in (value if isinstance(value, list) else [value])]
    if action.dest in PATH_FLAGS:
        values = [root / item for item in values]
    return values if several else values[0]


def _one_value(path: Path, action: argparse.Action, item: Any) -> Any:
    convert = action.type if callable(action.type) else str
    try:
        converted = convert(str(item))
    except (ValueError, TypeError):
        raise RecipeError(
            f"{path}: {action.dest} is {item!r}; expected {getattr(convert, '__name__', convert)}"
        ) from None
    if action.choices is not None and converted not in action.choices:
        raise RecipeError(f"{path}: {action.dest} is {item!r}; expected one of {', '.join(map(str, action.choices))}")
    return converted


def _credits(path: Path, content: Any) -> tuple[Credit, ...]:
    names = [field.name for field in fields(Credit) if field.name != "source"]
    credits = []
    for source, entry in _mapping(path, "credits", content).items():
        entry = _mapping(path, f"credits of {source}", entry)
        unknown = sorted(set(entry) - set(names))
        if unknown:
            raise RecipeError(f"{path}: credits of {source}: unknown key {unknown[0]!r}; expected {', '.join(names)}")
        credits.append(Credit(source=str(source), **{key: str(value) for key, value in entry.items()}))
    return tuple(credits)


def _dates(path: Path, content: Any) -> dict[str, str]:
    return {str(name): str(dates) for name, dates in _mapping(path, "composers", content).items()}


def _mapping(path: Path, what: str, content: Any) -> dict[Any, Any]:
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: {what}: expected a mapping, found {type(content).__name__}")
    return content
