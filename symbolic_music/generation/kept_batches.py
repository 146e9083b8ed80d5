"""Batches of samples, kept as they come in a file of JSON lines, so that sampling that was cut short goes on.

Knows a file and what was asked for; a batch may be anything that JSON holds.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class KeptBatchesError(ValueError):
    """A file holds batches of something else; the message is one line that names it."""


def kept_batches(
    path: Path,
    asked: dict[str, Any],
    num_samples: int,
    batch_size: int,
    make: Callable[[int, int], dict[str, Any]],
    on_batch: Callable[[int], Any] | None = None,
) -> list[dict[str, Any]]:
    """Make batches, or read those that are there.

    Args:
        path: the file; its first line says what was asked for.
        asked: what the batches are of; must say all that they depend on.
        num_samples: of all batches together.
        batch_size: of each but the last.
        make: called with a batch's number, from 0, and its size.
        on_batch: called with its size for each batch, made or read.

    Raises:
        KeptBatchesError: when the file's first line is another.
    """
    asked = {"num_samples": num_samples, "batch_size": batch_size, **asked}
    batches = _read(path, asked)
    if not batches:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asked) + "\n", encoding="utf-8")
    for number in range(-(-num_samples // batch_size)):
        count = min(batch_size, num_samples - number * batch_size)
        if number >= len(batches):
            batches.append(make(number, count))
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(batches[-1]) + "\n")
        if on_batch is not None:
            on_batch(count)
    return batches


def _read(path: Path, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole lines of a file but its first; a last one that was cut short is taken away."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        path.write_text("".join(whole), encoding="utf-8")
    if whole and json.loads(whole[0]) != asked:
        raise KeptBatchesError(f"{path} holds samples of other options: {whole[0].strip()}; give another --output")
    return [json.loads(line) for line in whole[1:]]
