"""Blocks of ids to batches of tensors with the grammar's state before every token. Knows nothing of losses."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from symbolic_music.tokenization.processing_music import MusicProcessor

IGNORED_LABEL = -100


class BlockCollator:
    """Collates rows of `pack_split`.

    `grammar_states[:, t]` holds the states before token t, so it says which tokens were allowed at t, which the logits
    at t - 1 predict. A packed block holds the ends and beginnings of several pieces: each BOS starts the grammar anew.

    Args:
        processor: whose ids the blocks hold.
    """

    def __init__(self, processor: MusicProcessor):
        self.grammar = processor.grammar()
        self.pad_token_id = processor.tokenizer.pad_token_id
        self.bos_token_id = processor.tokenizer.bos_token_id

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Collate B rows of T ids.

        Returns:
            `input_ids` (B, T) int64, `labels` (B, T) int64, IGNORED_LABEL where padded, and `grammar_states` (B, T, A)
            int16, -1 where the grammar has been left.
        """
        ids = np.array([row["input_ids"] for row in rows], dtype=np.int64)
        first_states = np.array([row["grammar_state"] for row in rows], dtype=np.int16)
        return {
            "input_ids": torch.from_numpy(ids),
            "labels": torch.from_numpy(np.where(ids == self.pad_token_id, IGNORED_LABEL, ids)),
            "grammar_states": torch.from_numpy(self._states_before(ids, first_states)),
        }

    def _states_before(self, ids: np.ndarray, states: np.ndarray) -> np.ndarray:
        """States before each token: ids (B, T) and first states (B, A) to (B, T, A) int16."""
        before = np.empty((*ids.shape, states.shape[1]), dtype=np.int16)
        begins = ids == self.bos_token_id
        for step in range(ids.shape[1]):
            states = np.where(begins[:, step, None], self.grammar.initial_state, states)
            before[:, step] = states
            states = self.grammar.advance(states, ids[:, step])
        return before
