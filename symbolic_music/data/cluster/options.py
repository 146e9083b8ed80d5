"""What a user says of an engine on the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from symbolic_music._extras import require
from symbolic_music.data.sources.units import CorpusError

if TYPE_CHECKING:
    from symbolic_music.data.cluster.engines import Engine


def named_engine(name: str, output: Path, workers: int, options: Sequence[str]) -> "Engine":
    """The engine of a name, which logs beside an output.

    Args:
        name: of `EngineName`.
        output: the folder that its tasks write.
        workers: tasks at once.
        options: see `engine_options`.

    Raises:
        MissingExtraError: when datatrove is not installed.
        CorpusError: see `engine_options`.
    """
    require("datatrove")
    from symbolic_music.data.cluster.engines import Engine, EngineName

    return Engine(EngineName(name), f"{output}.logs", workers, engine_options(options))


def engine_options(texts: Sequence[str]) -> dict[str, Any]:
    """KEY=VALUE each, with values as YAML reads them, but for those with a colon: 10:00:00 is no number.

    Raises:
        CorpusError: when a text is none.
    """
    options: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise CorpusError(f"--engine-option is {text!r}; expected KEY=VALUE")
        options[key] = value if ":" in value else yaml.safe_load(value)
    return options
