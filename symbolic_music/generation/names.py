"""What a model may be named by: a folder or a Hub id. Imports nothing heavy: a mistyped name is told at once."""

import re
from pathlib import Path

# What a Hub id looks like, and endings by which a missing file is told from one.
_HUB_ID = r"[\w-][\w.-]*(/[\w.-]+)?"
_MISTAKABLE_SUFFIXES = (".mid", ".midi", ".kar", ".abc", ".musicxml", ".mxl", ".xml", ".json", ".safetensors")
_CONFIG_FILES = ("config.json", "adapter_config.json")


class LoadError(ValueError):
    """No model where one was named, or no such device; the message is one line for the user."""


def check_model_name(name: str) -> None:
    """Say plainly what a name that can be neither a model folder nor a Hub id is.

    Raises:
        LoadError: when it is such.
    """
    path = Path(name)
    if path.is_dir():
        if not any((path / file).is_file() for file in _CONFIG_FILES):
            raise LoadError(f"{name} is not a model folder: it holds no config.json")
    elif path.exists():
        raise LoadError(f"{name} is a file; expected a model folder or Hub id")
    elif not re.fullmatch(_HUB_ID, name) or path.suffix.lower() in _MISTAKABLE_SUFFIXES:
        raise LoadError(f"{name} does not exist")
