"""One step of a model after the other in ONNX Runtime, keys and values staying where they are."""

from typing import Any

import numpy as np
import torch

from symbolic_music._extras import require
from symbolic_music.generation.engine.graph import transformer_graph
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM

# Tokens that the buffers hold at first; they are doubled when they are full.
_FIRST_CAPACITY = 256


class Decoder:
    """A model's step on this machine's CPU.

    Args:
        model: in float32.
        max_length: longest sequence.
        num_threads: of the matrix products.
    """

    def __init__(self, model: MusicTransformerForCausalLM, max_length: int, num_threads: int):
        runtime = require("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
        # A thread that waits by spinning takes the core from the sampling between two steps.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._runtime, self.max_length = runtime, max_length
        self._session = runtime.InferenceSession(
            transformer_graph(model, max_length), options, providers=["CPUExecutionProvider"]
        )
        config = model.config
        self._names = [f"{kind}_{layer}" for layer in range(config.num_hidden_layers) for kind in ("key", "value")]
        self._heads, self._head_size, self._vocabulary = (
            config.num_attention_heads,
            config.head_dim,
            config.vocab_size,
        )
        self._has_positions = config.position_encoding != "rotary"

    def start(self, batch: int) -> None:
        """Forget all sequences, and begin so many."""
        self._past, self._capacity = 0, 0
        self._batch = batch
        self._cache: dict[str, Any] = {}
        self._binding = self._session.io_binding()
        self._logits = self._value(np.zeros((batch, self._vocabulary), np.float32))
        self._binding.bind_ortvalue_output("logits", self._logits)

    def step(self, ids: torch.Tensor) -> torch.Tensor:
        """Read the next tokens of every sequence.

        Args:
            ids: (B, S) int64.

        Returns:
            (B, V) float32, the logits of what comes next; the next step writes into the same memory.
        """
        length = ids.shape[1]
        total = self._past + length
        self._make_room(total)
        binding = self._binding
        binding.bind_cpu_input("input_ids", ids.numpy())
        binding.bind_cpu_input("before", np.full(self._batch, total - 1, np.int32))
        binding.bind_cpu_input("total", np.array([total], np.int32))
        if self._has_positions:
            binding.bind_cpu_input("positions", np.arange(self._past, total))
        self._session.run_with_iobinding(binding)
        self._past = total
        return torch.from_numpy(self._logits.numpy())

    def _make_room(self, total: int) -> None:
        """Buffers for so many tokens; what they hold is kept."""
        if total <= self._capacity:
            return
        capacity = max(total, min(self.max_length, max(_FIRST_CAPACITY, 2 * self._capacity)))
        for name in self._names:
            grown = np.zeros((self._batch, self._heads, capacity, self._head_size), np.float32)
            if self._past:
                grown[:, :, : self._past] = self._cache[name].numpy()[:, :, : self._past]
            self._cache[name] = self._value(grown)
            self._binding.bind_ortvalue_input(f"past_{name}", self._cache[name])
            self._binding.bind_ortvalue_output(name, self._cache[name])
        self._capacity = capacity

    def _value(self, array: np.ndarray) -> Any:
        return self._runtime.OrtValue.ortvalue_from_numpy(array)
