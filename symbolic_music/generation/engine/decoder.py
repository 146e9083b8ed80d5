"""A model's step in ONNX Runtime for several sequences at once, each at its own place; their states stay put."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symbolic_music._extras import require
from symbolic_music.generation.engine.cache import Cache
from symbolic_music.generation.engine.graphs.builder import StepGraph


@dataclass(frozen=True)
class Reading:
    """A prompt that was read.

    Attributes:
        states: by name, what it left behind, without a dimension for sequences.
        length: its tokens.
        logits: (V,) of what comes next.
    """

    states: dict[str, np.ndarray]
    length: int
    logits: np.ndarray


class Decoder:
    """A model's step on this machine's CPU.

    Sequences have places from 0 on. `open` makes room, `put` begins a sequence at a place, `step` lets the first
    so many go on by one token each.

    Args:
        graph: of the model, not a portable one.
        num_threads: of the matrix products.
    """

    def __init__(self, graph: StepGraph, num_threads: int):
        runtime = require("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = num_threads, 1
        # A thread that waits by spinning takes the core from the sampling between two steps.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._runtime, self.graph = runtime, graph

        def session(content: bytes) -> Any:
            return runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

        self._session = session(graph.model)
        self._encoder = None if graph.encoder is None else session(graph.encoder)
        self._source: list[int] | None = None
        self._heard: dict[str, np.ndarray] = {}
        self._cache = Cache(graph.states, 0, graph.max_length)
        self._bound: _Bound | None = None

    def open(self, places: int) -> None:
        """Forget all sequences, and make room for so many."""
        if len(self._cache.lengths) == places:
            self._cache.forget()
        else:
            self._cache = Cache(self.graph.states, places, self.graph.max_length)
        self._bound = None

    def listen(self, source: list[int]) -> None:
        """Let the encoder read what all sequences are to look at; only a graph with an encoder can.

        Args:
            source: its ids, at least one.
        """
        if source == self._source:
            return
        assert self._encoder is not None
        heard = self._encoder.run(list(self.graph.heard), {"input_ids": np.array([source])})
        self._source, self._heard, self._bound = source, dict(zip(self.graph.heard, heard, strict=True)), None

    def read(self, ids: np.ndarray) -> Reading:
        """Read a prompt from its beginning; no place is touched.

        Args:
            ids: (T,) int64, at least one.
        """
        length = len(ids)
        cache = Cache(self.graph.states, 1, length)
        cache.fit(length, 1)
        bound = self._bind(
            cache, 1, np.where(np.tri(length, dtype=bool), np.float32(0), np.float32(-np.inf))[None, None]
        )
        self._run(bound, ids[None], cache.lengths)
        return Reading({name: bound.outputs[name][0] for name in cache.arrays}, length, bound.logits[0])

    def put(self, place: int, reading: Reading) -> None:
        """Let a sequence begin at a place, behind a prompt."""
        if self._cache.put(place, reading.states, reading.length):
            self._bound = None

    def keep(self, place: int, logits: np.ndarray) -> Reading:
        """The sequence of a place, to be put at others later.

        Args:
            place: of the sequence.
            logits: (V,) that its last step gave.
        """
        return Reading(self._cache.keep(place), int(self._cache.lengths[place]), logits.copy())

    def move(self, source: int, target: int) -> None:
        """Put the sequence of one place at another."""
        self._cache.move(source, target)

    def step(self, tokens: np.ndarray) -> np.ndarray:
        """Read one more token of each of the first sequences.

        Args:
            tokens: (B,) int64.

        Returns:
            (B, V) float32, the logits of what comes next; the next step writes into the same memory.
        """
        cache, count = self._cache, len(tokens)
        lengths = cache.lengths[:count]
        moved = cache.fit(int(lengths.max()) + 1, count)
        if moved or self._bound is None or self._bound.count != count:
            self._bound = self._bind(cache, count, cache.bias[:count])
        self._bound.bias[self._bound.rows, 0, 0, lengths] = 0
        self._run(self._bound, tokens[:, None], lengths)
        for state in self.graph.states:
            if not state.grows:
                cache.arrays[state.name][:count] = self._bound.outputs[state.name]
        lengths += 1
        return self._bound.logits

    def _run(self, bound: "_Bound", ids: np.ndarray, past: np.ndarray) -> None:
        """A step of (B, S) ids behind (B,) tokens."""
        bound.ids[:] = ids
        if self.graph.inputs:
            places = bound.positions
            np.add(past[:, None], np.arange(ids.shape[1]), out=places)
            bound.slots[..., 2] = places[..., None]
        self._session.run_with_iobinding(bound.binding)

    def _bind(self, cache: Cache, count: int, bias: np.ndarray) -> "_Bound":
        """A step for the first sequences of a cache, of as many tokens as a bias is for."""
        binding, values = self._session.io_binding(), []

        def value(array: np.ndarray) -> Any:
            values.append(self._runtime.OrtValue.ortvalue_from_numpy(array))  # shares the array's memory
            return values[-1]

        length = bias.shape[2]
        heads = next((state.shape[0] for state in self.graph.states if state.grows), 0)
        slots = np.zeros((count, length, heads, 3), np.int64)
        slots[..., 0], slots[..., 1] = np.arange(count)[:, None, None], np.arange(heads)
        bound = _Bound(
            binding,
            count,
            np.zeros((count, length), np.int64),
            np.zeros((count, length), np.int64),
            slots,
            bias,
            np.zeros((count, self.graph.vocab_size), np.float32),
            {},
            np.arange(count),
            values,
        )
        places = {"positions": bound.positions, "slots": slots, "bias": bias}
        given = {"input_ids": bound.ids, **{name: places[name] for name in self.graph.inputs}, **self._heard}
        for name, array in given.items():
            binding.bind_ortvalue_input(name, value(array))
        binding.bind_ortvalue_output("logits", value(bound.logits))
        for state in self.graph.states:
            past = cache.arrays[state.name][:count]
            bound.outputs[state.name] = past if state.grows else np.zeros_like(past)
            before = after = value(past)  # what grows is written in place
            if not state.grows:
                after = value(bound.outputs[state.name])
            binding.bind_ortvalue_input(f"past_{state.name}", before)
            binding.bind_ortvalue_output(state.name, after)
        return bound


@dataclass(frozen=True)
class _Bound:
    """A step with its inputs and outputs in place, for B sequences and S tokens of each.

    Attributes:
        binding: ONNX Runtime's.
        count: B.
        ids: (B, S) int64.
        positions: (B, S) int64.
        slots: (B, S, heads, 3) int64; see `StepGraph.inputs`.
        bias: (B, 1, S, capacity) float32.
        logits: (B, V), written by each step.
        outputs: by state, what a step writes.
        rows: (B,), 0, 1, 2 ...
        values: keep the memory.
    """

    binding: Any
    count: int
    ids: np.ndarray
    positions: np.ndarray
    slots: np.ndarray
    bias: np.ndarray
    logits: np.ndarray
    outputs: dict[str, np.ndarray]
    rows: np.ndarray
    values: list[Any]
