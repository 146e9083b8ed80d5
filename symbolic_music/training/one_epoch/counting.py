"""Which training blocks were handed out, how often and in which order, and the check that each was seen once."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset

from symbolic_music.data.blocks.collate import BlockCollator

BLOCK_COLUMN = "block"


class CountingCollator:
    """A `BlockCollator` that counts how often each training block was handed out, and in which order.

    Rows without the column `block` (validation's) are not counted.

    Args:
        collator: does the work.
        num_blocks: training blocks.
    """

    def __init__(self, collator: BlockCollator, num_blocks: int):
        self.collator = collator
        self.counts = np.zeros(num_blocks, dtype=np.int64)
        self.order: list[int] = []

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Count, and collate."""
        blocks = [row[BLOCK_COLUMN] for row in rows if BLOCK_COLUMN in row]
        np.add.at(self.counts, blocks, 1)
        self.order += blocks
        return self.collator(rows)

    def resume(self, order: np.ndarray) -> None:
        """Count what was handed out up to a checkpoint: its blocks in their order."""
        self.order = order.tolist()
        self.counts = np.bincount(order, minlength=len(self.counts))

    def order_hash(self) -> str:
        """SHA-256 of the blocks in the order they were handed out, shortened."""
        return hashlib.sha256(np.array(self.order, dtype="<i8").tobytes()).hexdigest()[:16]


def check_one_epoch(counts: np.ndarray, steps: int, blocks_per_step: int, tokens_seen: int, context: int) -> None:
    """Check that each training block was seen exactly once.

    Args:
        counts: (blocks,) how often each was handed out, by all processes together.
        steps: optimizer steps taken.
        blocks_per_step: of all processes together.
        tokens_seen: as the Trainer counts them, padding included.
        context: tokens per block.

    Raises:
        RuntimeError: otherwise; the run's figures would be no figures of one epoch.
    """
    if not (counts == 1).all():
        wrong = np.flatnonzero(counts != 1)
        raise RuntimeError(
            f"{len(wrong)} of {len(counts)} blocks were not seen once, block {wrong[0]} {counts[wrong[0]]} times"
        )
    if steps * blocks_per_step != len(counts):
        raise RuntimeError(f"{steps} steps of {blocks_per_step} blocks are not {len(counts)} blocks")
    if tokens_seen != len(counts) * context:
        raise RuntimeError(f"{tokens_seen} tokens seen, expected {len(counts)} blocks of {context}")


def count_tokens(blocks: Dataset, pad_token_id: int) -> int:
    """Ids of the blocks that are no padding."""
    ids = blocks.with_format("numpy")
    return sum(int((batch["input_ids"] != pad_token_id).sum()) for batch in ids.iter(batch_size=1024))
