"""A `LogitsProcessor` that makes a header say what was asked for."""

import torch
from transformers import LogitsProcessor

from symbolic_music.generation.writing.header import Header


class HeaderLogitsProcessor(LogitsProcessor):
    """Leaves, at each place behind BOS that was asked for, only what was asked for.

    Args:
        header: what was.
    """

    def __init__(self, header: Header):
        self.header = header

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:  # type: ignore[override]
        """Scores (B, V) behind `input_ids` (B, T), each with one BOS."""
        places = input_ids.shape[1] - 1 - input_ids.eq(self.header.bos_token_id).int().argmax(dim=1)
        if int(places.min()) >= len(self.header.choices):
            return scores
        kept = scores.clone()
        for row, place in enumerate(places.tolist()):
            ids = self.header.choices[place] if place < len(self.header.choices) else None
            if ids is not None:
                kept[row] = float("-inf")
                kept[row, list(ids)] = scores[row, list(ids)]
        return kept
