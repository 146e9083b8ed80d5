"""Batches of examples of like length, in random order. Knows lengths only."""

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler


class LengthBatchSampler(Sampler[int]):
    """The numbers of examples, so that those of a batch are about equally long and batches follow at random.

    Examples are shuffled, sorted within pools of some batches, and the batches shuffled. (`transformers` leaves each
    pool sorted; a model then sees its long batches one after the other, and forgets the short ones meanwhile.)

    Args:
        lengths: of the examples.
        batch_size: of each batch.
        pool_batches: batches that are sorted together: the more, the less padding, and the less chance.
        seed: of the order, which is another one in every epoch.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, pool_batches: int = 50, seed: int = 0):
        self.lengths = torch.as_tensor(lengths)
        self.batch_size = batch_size
        self.pool = batch_size * pool_batches
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        random = torch.Generator().manual_seed(self.seed + self.epoch)
        shuffled = torch.randperm(len(self.lengths), generator=random)
        pools = [pool[self.lengths[pool].argsort(stable=True)] for pool in shuffled.split(self.pool)]
        batches = [batch for pool in pools for batch in pool.split(self.batch_size)]
        whole = [batch for batch in batches if len(batch) == self.batch_size]
        order = torch.randperm(len(whole), generator=random).tolist()
        # Short batches, of which only the last may be one, come last, or all behind them would be cut elsewhere.
        rest = [batch for batch in batches if len(batch) < self.batch_size]
        for batch in [*(whole[number] for number in order), *rest]:
            yield from batch.tolist()
