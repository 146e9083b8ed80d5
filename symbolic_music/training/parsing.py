"""A YAML file and flags through one parser: the file's keys are the flags' names, and flags win over the file."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from transformers import HfArgumentParser

from symbolic_music._yaml import read_mapping, unknown_key
from symbolic_music.training.arguments import DataArguments, ModelArguments, MusicTrainingArguments, TrainingError


def at_least(least: int) -> Callable[[str], int]:
    """A type for argparse: a whole number that is so large."""

    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is too small; expected {least} or more")
        return value

    return number


def positive(text: str) -> float:
    """A type for argparse: a finite number above zero."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text}; expected a number above 0")
    return value


class _OneLineErrorParser(HfArgumentParser):
    """Ends with one line instead of the usage of some 150 flags."""

    def error(self, message: str) -> NoReturn:
        raise TrainingError(message)


def parse_arguments(
    flags: Sequence[str] | None = None,
) -> tuple[ModelArguments, DataArguments, MusicTrainingArguments]:
    """Parse `--config FILE.yaml` and flags; flags win over the file.

    Args:
        flags: the command line without the program's name; `sys.argv` when None.

    Raises:
        TrainingError: one line that names the flag, key or file.
    """
    kinds = (ModelArguments, DataArguments, MusicTrainingArguments)
    return parse_as(kinds, "Train a symbolic music model from scratch.", flags)  # type: ignore[return-value]


def parse_as(kinds: Sequence[type], description: str, flags: Sequence[str] | None = None) -> tuple[Any, ...]:
    """Parse `--config FILE.yaml` and flags, which win over the file, as dataclasses.

    Args:
        kinds: the dataclasses whose fields are the flags.
        description: what the script does, for `--help`.
        flags: the command line without the program's name; `sys.argv` when None.

    Raises:
        TrainingError: one line that names the flag, key or file.
    """
    flags = list(sys.argv[1:] if flags is None else flags)
    parser = _OneLineErrorParser(list(kinds), description=description, allow_abbrev=False)  # type: ignore[arg-type]
    parser.add_argument("--config", help="YAML file whose keys are these flags' names; flags win over it.")
    known, _ = parser.parse_known_args(flags)
    if known.config is not None:
        flags = [*_flags_of_file(Path(known.config), parser), *flags]
    _, unknown = parser.parse_known_args(flags)
    if unknown:
        raise TrainingError(f"unknown flags: {' '.join(unknown)} (see --help)")
    return parser.parse_args_into_dataclasses(flags, look_for_args_file=False)[: len(kinds)]


def _flags_of_file(path: Path, parser: HfArgumentParser) -> list[str]:
    """A YAML file as flags, so that its values pass the same checks as the command line's."""
    content = read_mapping(path, "one mapping of flags to values", TrainingError)
    names = {action.dest for action in parser._actions} - {"help", "config"}
    flags = []
    for key, value in content.items():
        if key not in names:
            raise TrainingError(unknown_key(path, key, sorted(names)))
        if value is not None:
            flags += [f"--{key}", *(str(item) for item in (value if isinstance(value, list) else [value]))]
    return flags
