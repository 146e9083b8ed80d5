"""Batches of an epoch: blocks of a stream of ids that lie on the device, or examples of like length, padded.

Knows ids and devices, nothing of models.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from symbolic_music.training.optimization.losses import IGNORED_LABEL
from symbolic_music.training.queue.data.epochs import Epoch
from symbolic_music.training.queue.data.packed import QueueError, Ragged

# Lengths are rounded up to a multiple, so that there are few shapes to compile for.
_LENGTH_STEP = 128


@dataclass(frozen=True)
class Batch:
    """What a forward pass is given.

    Args:
        inputs: of the model's forward: `input_ids`, and for an encoder-decoder `attention_mask` and
            `decoder_input_ids`.
        labels: (B, T) int64: what is predicted at each place, IGNORED_LABEL where nothing is.
        targets: tokens of what is predicted, padding left out.
        sources: tokens that an encoder reads, padding left out.
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    targets: int
    sources: int = 0


@dataclass(frozen=True)
class BatchSettings:
    """How batches are made.

    Args:
        context: tokens of a block, or of the longest source or target.
        tokens: of a batch, at most; one block or example at least.
        pad: the id that fills up.
        seed: of the order.
        fraction: of the blocks, from the beginning.
    """

    context: int
    tokens: int
    pad: int
    seed: int = 0
    fraction: float = 1.0


def blocks_of(epoch: Epoch, settings: BatchSettings, order: np.ndarray, whole: bool) -> np.ndarray:
    """Sequences joined in an order and cut into blocks (N, context); the rest is padded, or with `whole` left out.

    Raises:
        QueueError: when there is not one block.
    """
    sequences = epoch.ids.split()
    ids = np.concatenate([sequences[number] for number in order])
    ids = ids[: len(ids) - len(ids) % settings.context] if whole else ids
    ids = np.pad(ids, (0, -len(ids) % settings.context), constant_values=settings.pad)
    if not len(ids):
        raise QueueError(f"the data holds no whole block of {settings.context} tokens")
    return ids.reshape(-1, settings.context)


def epoch_order(count: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch's sequences."""
    return np.random.default_rng([seed, epoch]).permutation(count)


class BlockBatches:
    """Batches of blocks, all on the device at once: a stream of 40 million ids takes 160 MB there.

    Args:
        blocks: (N, context).
        settings: of batches.
        device: where the model is.
    """

    def __init__(self, blocks: np.ndarray, settings: BatchSettings, device: torch.device):
        kept = max(1, round(settings.fraction * len(blocks)))
        self.blocks = torch.from_numpy(blocks[:kept].astype(np.int32)).to(device)
        self.pad = settings.pad
        self.rows = max(1, settings.tokens // settings.context)

    def __len__(self) -> int:
        return len(self.blocks) // self.rows or 1

    def __iter__(self) -> Iterator[Batch]:
        for first in range(0, len(self) * self.rows, self.rows):
            yield self.batch(self.blocks[first : first + self.rows])

    def batch(self, ids: Tensor) -> Batch:
        """One from blocks (B, T); the first token of a block is not predicted."""
        ids = ids.long()
        labels = torch.full_like(ids, IGNORED_LABEL)
        labels[:, :-1] = ids[:, 1:].masked_fill(ids[:, 1:] == self.pad, IGNORED_LABEL)
        return Batch({"input_ids": ids}, labels, ids.numel())


class ExampleBatches:
    """Batches of examples of like length, in random order; the next is padded by a thread meanwhile.

    Args:
        epoch: with sources.
        settings: of batches.
        device: where the model is.
        order: of the examples.
        scored_only: whether only scored tokens are labels, as in validation.
    """

    def __init__(
        self,
        epoch: Epoch,
        settings: BatchSettings,
        device: torch.device,
        order: np.ndarray,
        scored_only: bool = False,
    ):
        assert epoch.sources is not None
        assert epoch.scored is not None
        self.ids, self.sources, self.scored = epoch.ids.split(), epoch.sources.split(), epoch.scored.split()
        self.settings = settings
        self.device = device
        self.scored_only = scored_only
        self.groups = self._groups(epoch.ids, epoch.sources, order)

    def _groups(self, ids: Ragged, sources: Ragged, order: np.ndarray) -> list[np.ndarray]:
        """Numbers of the examples of each batch."""
        longest = np.maximum(ids.lengths - 1, sources.lengths)
        fits = order[longest[order] <= self.settings.context]
        kept = fits[: max(1, round(self.settings.fraction * len(fits)))]
        if not len(kept):
            raise QueueError(f"no example fits a context of {self.settings.context} tokens")
        sizes = _rounded(longest[kept])
        groups = []
        for size in np.unique(sizes):
            rows = max(1, self.settings.tokens // (2 * int(size)))
            numbers = kept[sizes == size]
            groups += [numbers[first : first + rows] for first in range(0, len(numbers), rows)]
        mixed = np.random.default_rng(self.settings.seed).permutation(len(groups))
        return [groups[number] for number in mixed]

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Batch]:
        with ThreadPoolExecutor(max_workers=1) as thread:
            ahead = thread.submit(self.batch, self.groups[0])
            for group in [*self.groups[1:], None]:
                batch = ahead.result()
                if group is not None:
                    ahead = thread.submit(self.batch, group)
                yield batch

    def batch(self, group: np.ndarray) -> Batch:
        """The examples of these numbers, padded on the right to one length."""
        targets = [self.ids[number] for number in group]
        sources = [self.sources[number] for number in group]
        size = int(_rounded(np.array([max(map(len, sources)), max(map(len, targets)) - 1])).max())
        pad = self.settings.pad
        labels = _padded([target[1:] for target in targets], size, IGNORED_LABEL)
        if self.scored_only:
            scored = _padded([self.scored[number][1:] for number in group], size, 0).astype(bool)
            labels[~scored] = IGNORED_LABEL
        arrays = {
            "input_ids": _padded(sources, size, pad),
            "attention_mask": _padded([np.ones(len(source)) for source in sources], size, 0),
            "decoder_input_ids": _padded([target[:-1] for target in targets], size, pad),
        }
        inputs = {name: self._move(array) for name, array in arrays.items()}
        return Batch(inputs, self._move(labels), sum(map(len, targets)), sum(map(len, sources)))

    def _move(self, array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)


def _rounded(lengths: np.ndarray) -> np.ndarray:
    return -(-lengths // _LENGTH_STEP) * _LENGTH_STEP


def _padded(sequences: list[np.ndarray], size: int, value: int) -> np.ndarray:
    """(n, size) int64."""
    rows = np.full((len(sequences), size), value, np.int64)
    for row, sequence in zip(rows, sequences, strict=True):
        row[: len(sequence)] = sequence
    return rows
