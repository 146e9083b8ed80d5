"""A model's step in ONNX Runtime for several sequences at once, each at its own place; their states stay put."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from symbolic_music._extras import require
from symbolic_music.generation.engine.graphs.builder import StepGraph

# Tokens that the buffers hold at first; they are doubled when they are full.
_FIRST_CAPACITY = 256


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
        graph: of the model.
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
        self.open(0)

    def open(self, places: int) -> None:
        """Forget all sequences, and make room for so many."""
        self._lengths = np.zeros(places, np.int32)
        self._capacity, self._cache = 0, self._empty(places, 0)
        self._bound: Any = None

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
        length, start = len(ids), np.zeros(1, np.int32)
        cache = self._empty(1, length)
        bound = self._bind(cache, 1)
        self._run(bound, ids[None], start)
        return Reading({name: bound.outputs[name][0] for name in cache}, length, bound.logits[0])

    def put(self, place: int, reading: Reading) -> None:
        """Let a sequence begin at a place, behind a prompt."""
        self._make_room(reading.length)
        for state in self.graph.states:
            kept = self._cache[state.name][place]
            if state.grows:
                kept[:, : reading.length] = reading.states[state.name]
            else:
                kept[:] = reading.states[state.name]
        self._lengths[place] = reading.length

    def keep(self, place: int, logits: np.ndarray) -> Reading:
        """The sequence of a place, to be put at others later.

        Args:
            place: of the sequence.
            logits: (V,) that its last step gave.
        """
        length = int(self._lengths[place])
        states = {
            state.name: (self._cache[state.name][place, :, :length] if state.grows else self._cache[state.name][place])
            for state in self.graph.states
        }
        return Reading({name: kept.copy() for name, kept in states.items()}, length, logits.copy())

    def move(self, source: int, target: int) -> None:
        """Put the sequence of one place at another."""
        length = self._lengths[source]
        for state in self.graph.states:
            kept = self._cache[state.name]
            if state.grows:
                kept[target, :, :length] = kept[source, :, :length]
            else:
                kept[target] = kept[source]
        self._lengths[target] = length

    def step(self, tokens: np.ndarray) -> np.ndarray:
        """Read one more token of each of the first sequences.

        Args:
            tokens: (B,) int64.

        Returns:
            (B, V) float32, the logits of what comes next; the next step writes into the same memory.
        """
        count = len(tokens)
        lengths = self._lengths[:count]
        self._make_room(int(lengths.max()) + 1)
        if self._bound is None or self._bound.count != count:
            self._bound = self._bind(self._cache, count)
        self._run(self._bound, tokens[:, None], lengths)
        for state in self.graph.states:
            if not state.grows:
                self._cache[state.name][:count] = self._bound.outputs[state.name]
        lengths += 1
        return self._bound.logits

    def _run(self, bound: "_Bound", ids: np.ndarray, past: np.ndarray) -> None:
        """A step of (B, S) ids behind (B,) tokens."""
        length = ids.shape[1]
        places = {
            "before": lambda: past + np.int32(length - 1),
            "total": lambda: np.array([int(past.max()) + length], np.int32),
            "positions": lambda: past[:, None] + np.arange(length),
        }
        bound.binding.bind_cpu_input("input_ids", ids)
        for name in self.graph.inputs:
            bound.binding.bind_cpu_input(name, places[name]())
        self._session.run_with_iobinding(bound.binding)

    def _bind(self, cache: dict[str, np.ndarray], count: int) -> "_Bound":
        """A step for the first sequences of a cache. What grows is written where it lies."""
        binding, values = self._session.io_binding(), []

        def value(array: np.ndarray) -> Any:
            values.append(self._runtime.OrtValue.ortvalue_from_numpy(array))  # shares the array's memory
            return values[-1]

        logits = np.zeros((count, self.graph.vocab_size), np.float32)
        binding.bind_ortvalue_output("logits", value(logits))
        for name, given in self._heard.items():
            binding.bind_ortvalue_input(name, value(given))
        outputs = {}
        for state in self.graph.states:
            past = cache[state.name][:count]
            outputs[state.name] = past if state.grows else np.zeros_like(past)
            binding.bind_ortvalue_input(f"past_{state.name}", value(past))
            binding.bind_ortvalue_output(state.name, value(outputs[state.name]))
        return _Bound(binding, count, logits, outputs, values)

    def _make_room(self, length: int) -> None:
        """Buffers for so many tokens; what they hold is kept."""
        if length <= self._capacity:
            return
        capacity = max(length, min(self.graph.max_length, max(_FIRST_CAPACITY, 2 * self._capacity)))
        grown = self._empty(len(self._lengths), capacity)
        for state in self.graph.states:
            if state.grows:
                grown[state.name][:, :, : self._capacity] = self._cache[state.name]
            else:
                grown[state.name] = self._cache[state.name]
        self._cache, self._capacity, self._bound = grown, capacity, None

    def _empty(self, places: int, capacity: int) -> dict[str, np.ndarray]:
        return {
            state.name: np.zeros((places, *(size or capacity for size in state.shape)), np.float32)
            for state in self.graph.states
        }


@dataclass(frozen=True)
class _Bound:
    """A step with its inputs and outputs in place.

    Attributes:
        binding: ONNX Runtime's.
        count: sequences.
        logits: (B, V), written by each step.
        outputs: by state, what a step writes.
        values: keep the memory.
    """

    binding: Any
    count: int
    logits: np.ndarray
    outputs: dict[str, np.ndarray]
    values: list[Any]
