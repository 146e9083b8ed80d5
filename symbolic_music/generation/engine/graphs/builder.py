"""What the graphs of all families are made of: nodes, weights, inputs, outputs and states.

Every graph reads `input_ids` (B, S) int64 and gives `logits` (B, V) float32 of the last position. What a sequence
carries from one step to the next are its states: an input `past_<name>` and an output `<name>` each. Inputs that say
where a step is (`before`, `total`, `positions`) are there where the family needs them.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symbolic_music.generation.engine.graphs.nodes import MICROSOFT, Nodes


@dataclass(frozen=True)
class State:
    """What a sequence carries from step to step.

    Attributes:
        name: of the output; the input is `past_<name>`.
        shape: of one sequence; for keys and values (heads, tokens, head size), with 0 in the place of the tokens.
    """

    name: str
    shape: tuple[int, ...]

    @property
    def grows(self) -> bool:
        """Whether it holds something for each token."""
        return 0 in self.shape


@dataclass(frozen=True)
class StepGraph:
    """A model's step.

    Attributes:
        model: the graph, serialised.
        states: all that a sequence carries.
        inputs: names of those inputs that say where a step is: `before` (B,) int32, the tokens in front of the last
            one; `total` (1,) int32, the tokens of past and S together in the longest sequence; `positions` (B, S)
            int64.
        vocab_size: V.
        max_length: longest sequence.
        encoder: the graph of what reads a source, serialised; None where there is none. It reads `input_ids` (1, T)
            int64.
        heard: what the encoder gives, and each step reads.
    """

    model: bytes
    states: tuple[State, ...]
    inputs: tuple[str, ...]
    vocab_size: int
    max_length: int
    encoder: bytes | None = None
    heard: tuple[str, ...] = ()


@dataclass
class GraphBuilder(Nodes):
    """Gathers the nodes and weights of one model's step."""

    states: list[State] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__post_init__()
        self.vocab_size = self.source.config.vocab_size
        self.read("input_ids", "INT64", ["batch", "length"])
        self.give("logits", "FLOAT", ["batch", self.vocab_size])

    def finish(self, encoder: bytes | None = None, heard: tuple[str, ...] = ()) -> StepGraph:
        """All of it; for the rest see `StepGraph`."""
        step = self.serialise("step")
        return StepGraph(
            step, tuple(self.states), tuple(self.places), self.vocab_size, self.max_length, encoder, heard
        )

    def place(self, name: str) -> str:
        """An input that says where a step is; see `StepGraph`."""
        known: dict[str, tuple[str, list[Any]]] = {
            "before": ("INT32", ["batch"]),
            "total": ("INT32", [1]),
            "positions": ("INT64", ["batch", "length"]),
        }
        kind, shape = known[name]
        if name not in self.places:
            self.places.append(name)
            self.read(name, kind, shape)
        return name

    def state(self, name: str, shape: tuple[int, ...]) -> tuple[str, str]:
        """Names of a state's input and output."""
        self.states.append(State(name, shape))
        dims = ["batch", *("capacity" if size == 0 else size for size in shape)]
        return self.read(f"past_{name}", "FLOAT", dims), self.give(name, "FLOAT", dims)

    def head(self, row: str, name: str, tied_to: str, bias: str | None = None) -> None:
        """Logits of (B, width), by the weights of a name, or by those they are tied to, and a bias."""
        matrix = self.weights[name] if name in self.weights else self.weight(tied_to)
        product = self.node("MatMul", [row, self.table("head", matrix.T)], ["logits" if bias is None else "fits"])
        if bias is not None:
            self.node("Add", [product, self.table("head.bias", self.weight(bias))], ["logits"])

    def attention(self, qkv: str, layer: int, heads: int, size: int, turns: list[str] | None = None) -> str:
        """Attention of S new tokens (B, S, 3 heads size) to themselves and the past.

        Outputs may be bound to the memory of the inputs: the new keys and values are then written in place.

        Args:
            qkv: queries, keys and values side by side.
            layer: its number.
            heads: of each.
            size: of a head.
            turns: tables of cosines and sines that turn queries and keys.
        """
        key, key_out = self.state(f"key_{layer}", (heads, 0, size))
        value, value_out = self.state(f"value_{layer}", (heads, 0, size))
        places = [self.place("before"), self.place("total")]
        return self.node(
            "GroupQueryAttention",
            [qkv, "", "", key, value, *places, *(turns or [])],
            [f"attended_{layer}", key_out, value_out],
            domain=MICROSOFT,
            num_heads=heads,
            kv_num_heads=heads,
            do_rotary=int(bool(turns)),
            rotary_interleaved=0,
            scale=size**-0.5,
        )

    def last(self, hidden: str) -> str:
        """(B, width) of (B, S, width): of a prompt, the logits of the other positions would be most of the work."""
        ends = [self.table("last", np.array([-1])), self.table("end", np.array([np.iinfo(np.int64).max]))]
        row = self.node("Slice", [hidden, *ends, self.table("axis", np.array([1]))], ["last_position"])
        return self.node("Squeeze", [row, "axis"], ["last_row"])
