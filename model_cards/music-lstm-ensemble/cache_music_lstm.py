"""The state of an LSTM as a transformers `Cache`, so that `generate()` can carry, repeat, reorder and take it back.

An attention cache grows with every token; this one holds one pair of vectors per layer and sequence, whatever the
length. It knows states and how many tokens went into them, not how they are computed.
"""

from collections.abc import Callable
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

from .configuration_music_lstm import MusicLSTMConfig


class StateNotRecordedError(RuntimeError):
    """A state was asked for that is over, and that nobody recorded."""


class MusicLSTMStateLayer(CacheLayerMixin):
    """The state of one layer: hidden state as `keys` and cell state as `values`, each (batch, hidden_size).

    A state cannot be cut back to fewer tokens, as keys and values can. Assisted decoding does cut back, so between
    `activate_past_recording()` and `crop()` the earlier states are kept.
    """

    is_croppable = True
    supports_early_init = False  # `Cache.early_initialization` would give it the shape of keys

    def __init__(self) -> None:
        super().__init__()
        self.num_tokens = 0
        self.record_past = False
        # By the number of tokens that had gone into them.
        self.history: dict[int, tuple[torch.Tensor | None, torch.Tensor | None]] = {}

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Note where the first state lives; there is nothing to allocate."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self.is_initialized = True

    def update(  # type: ignore[override]
        self, key_states: torch.Tensor, value_states: torch.Tensor, num_tokens: int = 1, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the state after `num_tokens` more tokens (padding counted) in the place of the one before them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        if self.record_past:
            self.history[self.num_tokens] = (self.keys, self.values)
        else:
            self.history.clear()
        self.keys, self.values = key_states, value_states
        self.num_tokens += num_tokens
        return key_states, value_states

    def activate_past_recording(self) -> None:
        """From now on, keep the state before every update until the next `crop`."""
        self.record_past = True

    def crop(self, tokens_to_remove: int) -> None:
        """Go back to the state before the last tokens, and forget the older ones.

        Args:
            tokens_to_remove: minus the number of tokens, as everywhere in transformers.

        Raises:
            StateNotRecordedError: when the state at that point was not recorded.
        """
        if tokens_to_remove > 0:
            raise ValueError(f"crop takes minus the number of tokens to remove, got {tokens_to_remove}")
        target = self.num_tokens + tokens_to_remove
        if target != self.num_tokens:
            if target not in self.history:
                raise StateNotRecordedError(
                    f"the state after {target} tokens, {-tokens_to_remove} ago, was not recorded: "
                    "call activate_past_recording() on the cache before the tokens that crop() shall remove"
                )
            self.keys, self.values = self.history[target]
            self.num_tokens, self.is_initialized = target, self.keys is not None
        self.history.clear()

    def get_seq_length(self) -> int:
        """Number of tokens that went into the state, padding counted."""
        return self.num_tokens

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset of the mask that `generate()` keeps for all tokens so far."""
        return self.num_tokens + query_length, 0

    def get_max_length(self) -> int:
        """-1: a state has no maximum length."""
        return -1

    @property
    def batch_size(self) -> int:
        """Number of sequences; an AttributeError before the first update, as `Cache.batch_size` expects."""
        if self.keys is None:
            raise AttributeError("batch_size: no state yet")
        return self.keys.shape[0]

    def reset(self) -> None:
        """Back to no state at all."""
        self.keys = self.values = None
        self.num_tokens, self.is_initialized = 0, False
        self.history.clear()

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """Give each beam the state of the beam that it continues."""
        self._change_batch(lambda state: state.index_select(0, beam_idx.to(state.device)))

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeat each sequence's state."""
        self._change_batch(lambda state: state.repeat_interleave(repeats, dim=0))

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep some sequences' states."""
        self._change_batch(lambda state: state[indices])

    def _change_batch(self, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
        if self.keys is None or self.values is None:
            return
        self.keys, self.values = change(self.keys), change(self.values)
        self.history = {
            num_tokens: (None if keys is None else change(keys), None if values is None else change(values))
            for num_tokens, (keys, values) in self.history.items()
        }


class MusicLSTMCache(Cache):
    """One `MusicLSTMStateLayer` per layer of the model.

    Args:
        config: the model's; its number of layers counts.
    """

    def __init__(self, config: MusicLSTMConfig):
        super().__init__(layers=[MusicLSTMStateLayer() for _ in range(config.num_hidden_layers)])

    def state(self, layer_idx: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Hidden and cell state of a layer, each (batch, hidden_size); None before the first token."""
        layer: Any = self.layers[layer_idx]
        return (layer.keys, layer.values) if layer.is_initialized else None


__all__ = ["MusicLSTMCache", "MusicLSTMStateLayer", "StateNotRecordedError"]
