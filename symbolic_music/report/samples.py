"""Pieces sampled from a model, kept batch by batch, so that a report that was cut short goes on where it was.

Knows a model, a processor and a file; judges nothing.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from symbolic_music.generation.compose import Composition, SamplingOptions, compose, composition_of
from symbolic_music.report.errors import ReportError
from symbolic_music.tokenization.processing_music import MusicProcessor


@dataclass(frozen=True)
class SampledPieces:
    """What was sampled, and what it took.

    Attributes:
        pieces: in the order of their seeds.
        seconds: of sampling, loading left out.
    """

    pieces: list[Composition]
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """New tokens of all pieces."""
        return sum(len(piece.ids) - piece.num_prompt_tokens for piece in self.pieces) / self.seconds

    @property
    def notes_per_second(self) -> float:
        """Notes of all pieces: unlike tokens, the same for every tokenizer."""
        return sum(piece.num_notes for piece in self.pieces) / self.seconds


def sample_pieces(
    model: PreTrainedModel,
    processor: MusicProcessor,
    num_samples: int,
    options: SamplingOptions,
    path: Path,
    on_batch: Callable[[int], Any] | None = None,
) -> SampledPieces:
    """Sample pieces from nothing, a batch at a time, each kept as a line of a file; batches that are there are read.

    Args:
        model: a causal model.
        processor: of the model.
        num_samples: how many.
        options: how; batch k has seed `options.seed + k`, as in `compose`.
        path: JSON lines; the first says what was asked for.
        on_batch: called with the number of pieces after each batch.

    Raises:
        ReportError: when the file holds samples of other options.
    """
    asked = {"num_samples": num_samples, **asdict(options)}
    batches = _read_batches(path, asked)
    if not batches:
        path.write_text(json.dumps(asked) + "\n", encoding="utf-8")
    pieces = [composition_of(processor, ids, 1) for batch in batches for ids in batch["ids"]]
    seconds = sum(batch["seconds"] for batch in batches)
    if on_batch is not None and pieces:
        on_batch(len(pieces))
    for number in range(len(batches), -(-num_samples // options.batch_size)):
        count = min(options.batch_size, num_samples - number * options.batch_size)
        started = time.perf_counter()
        new = compose(model, processor, count, options=replace(options, seed=options.seed + number))
        took = time.perf_counter() - started
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"seconds": took, "ids": [piece.ids for piece in new]}) + "\n")
        pieces, seconds = pieces + new, seconds + took
        if on_batch is not None:
            on_batch(count)
    return SampledPieces(pieces, seconds)


def _read_batches(path: Path, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole lines of a file of samples; a last one that was cut short is taken away."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    if len(whole) < len(lines):
        path.write_text("".join(whole), encoding="utf-8")
    if whole and json.loads(whole[0]) != asked:
        raise ReportError(f"{path} holds samples of other options: {whole[0].strip()}; give another --output")
    return [json.loads(line) for line in whole[1:]]
