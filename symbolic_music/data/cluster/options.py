"""What a user says of an engine on the command line."""

from collections.abc import Sequence
from typing import Any

import yaml

from symbolic_music.data.sources.units import CorpusError


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
