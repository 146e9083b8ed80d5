"""Pieces sampled from a model, kept as they come, so that a report that was cut short goes on where it was.

Knows a model, a processor and a file; judges nothing.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from symbolic_music.generation.compose import Composition, SamplingOptions, compose, composition_of
from symbolic_music.generation.kept_batches import kept_batches
from symbolic_music.tokenization.processing_music import MusicProcessor

# Pieces are sampled so many batches at a time: only at the end of these are there fewer than a batch.
_BATCHES_IN_A_LINE = 4


@dataclass(frozen=True)
class SampledPieces:
    """What was sampled, and what it took.

    Attributes:
        pieces: in the order of their numbers.
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
    """Sample pieces from nothing, some at a time, which are kept as a line of a file; what is there is read.

    Args:
        model: a causal model.
        processor: of the model.
        num_samples: how many.
        options: how.
        path: the file of batches; see `generation.kept_batches`.
        on_batch: called with how many pieces are there since the last call.

    Raises:
        KeptBatchesError: when the file holds samples of other options.
    """

    size = _BATCHES_IN_A_LINE * options.batch_size
    told: list[int] = []

    def tell(count: int) -> None:
        if told:  # piece by piece, while they were made
            told.pop()
        elif on_batch is not None:
            on_batch(count)

    def make(number: int, count: int) -> dict[str, Any]:
        started = time.perf_counter()
        pieces = compose(model, processor, count, options=options, on_batch=on_batch, first=number * size)
        told.append(count)
        return {"seconds": time.perf_counter() - started, "ids": [piece.ids for piece in pieces]}

    batches = kept_batches(path, asdict(options), num_samples, size, make, tell)
    pieces = [composition_of(processor, ids, 1) for batch in batches for ids in batch["ids"]]
    return SampledPieces(pieces, sum(batch["seconds"] for batch in batches))
