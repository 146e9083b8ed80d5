"""YAML files that people write: read in one place, with errors of one line that name the file."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml


def read_mapping(path: Path, what: str, error: type[Exception]) -> dict[Any, Any]:
    """The mapping that a YAML file holds.

    Args:
        path: the file.
        what: what is expected in it, for the message.
        error: the class of error to raise.

    Raises:
        error: when it is missing, no YAML or no mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise error(f"{path}: no such file; expected a YAML file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as cause:
        raise error(f"{path}: cannot be read as YAML ({' '.join(str(cause).split())})") from cause
    if not isinstance(content, dict):
        raise error(f"{path}: expected {what}, found {type(content).__name__}")
    return content


def unknown_key(path: Path, key: Any, known: Iterable[str]) -> str:
    """What to say of a key that a file must not have, with the one that was likely meant."""
    close = difflib.get_close_matches(str(key), list(known), n=1)
    return f"{path}: unknown key {key!r}" + (f", did you mean {close[0]!r}?" if close else "")
