"""The batches that a job is validated on: the first ones of the split, whatever the seed and the fraction."""

from collections.abc import Iterator

import numpy as np
import torch

from symbolic_music.training.queue.data.batches import Batch, BatchSettings, BlockBatches, ExampleBatches, blocks_of
from symbolic_music.training.queue.data.epochs import Epoch


def validation_batches(epoch: Epoch, settings: BatchSettings, most: int, device: torch.device) -> Iterator[Batch]:
    """The first batches of the validation split.

    Args:
        epoch: of the split, untransposed.
        settings: of the training's batches.
        most: tokens of all batches.
        device: that they are moved to.
    """
    settings = BatchSettings(settings.context, settings.tokens, settings.pad)
    order = np.arange(len(epoch.ids))
    if epoch.sources is not None:
        sizes = np.cumsum(epoch.ids.lengths + epoch.sources.lengths)
        kept = order[: max(1, int(np.searchsorted(sizes, most, side="right")))]
        return iter(ExampleBatches(epoch, settings, device, kept, scored_only=True))
    blocks = blocks_of(epoch, settings, order, whole=False)[: max(1, most // settings.context)]
    batches = BlockBatches(blocks, settings, device)
    rows = batches.rows
    return (batches.batch(batches.blocks[first : first + rows]) for first in range(0, len(blocks), rows))
