"""What the graphs of all families are made of: nodes, weights, inputs, outputs and states.

Every graph reads `input_ids` (B, S) int64 and gives `logits` (B, V) float32 of the last position. What a sequence
carries from one step to the next are its states: an input `past_<name>` and an output `<name>` each. Inputs that say
where a step is (`before`, `total`, `positions`) are there where the family needs them.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symbolic_music.generation.engine.graphs.nodes import MICROSOFT, Nodes


def divide_queries(weights: np.ndarray, size: int) -> np.ndarray:
    """Weights or biases (..., 3 heads size) of queries, keys and values, whose queries need no factor any more.

    Scaled dot-product attention (Vaswani et al. 2017) divides the products by the square root of a head's size.
    """
    divided = np.array(weights, np.float32)
    divided[..., : weights.shape[-1] // 3] *= np.float32(size**-0.5)
    return divided


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
        inputs: names of those inputs that say where a step is: `positions` (B, S) int64; `slots` (B, S, heads, 3)
            int64, where keys and values of each new token go (sequence, head, place); `bias` (B, 1, S, capacity)
            float32, 0 where a token may look and minus infinity elsewhere. In portable graphs, instead of these two,
            `before` (B,) int32, the tokens in front of the last one, and `total` (1,) int32, the tokens of past and S
            together in the longest sequence.
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
            "slots": ("INT64", ["batch", "length", "heads", 3]),
            "bias": ("FLOAT", ["batch", 1, "length", "capacity"]),
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
            qkv: queries, keys and values side by side; the queries as `divide_queries` makes them, for products
                without a factor have a kernel of their own, twice as fast.
            layer: its number.
            heads: of each.
            size: of a head.
            turns: tables of cosines and sines that turn queries and keys.
        """
        past = [self.state(f"{part}_{layer}", (heads, 0, size)) for part in ("key", "value")]
        attend = self._attend_portably if self.source.portable else self._attend_to_all
        return attend(qkv, past, f"attended_{layer}", heads, size, turns or [])

    def _attend_portably(
        self, qkv: str, past: list[tuple[str, str]], name: str, heads: int, size: int, turns: list[str]
    ) -> str:
        """One operator, which other runtimes have too; it reads what is filled of a buffer with room to spare."""
        (key, key_out), (value, value_out) = past
        return self.node(
            "GroupQueryAttention",
            [qkv, "", "", key, value, self.place("before"), self.place("total"), *turns],
            [name, key_out, value_out],
            domain=MICROSOFT,
            num_heads=heads,
            kv_num_heads=heads,
            do_rotary=int(bool(turns)),
            rotary_interleaved=0,
            scale=1.0,
        )

    def _attend_to_all(
        self, qkv: str, past: list[tuple[str, str]], name: str, heads: int, size: int, turns: list[str]
    ) -> str:
        """The same as steps that read all of a buffer, from its beginning to its end.

        A processor fetches memory that is read without gaps about twice as fast as the filled part of each head's
        room; with many sequences that is most of a step's time.
        """
        width = heads * size
        if turns:
            both, values = self._split(qkv, [2 * width, width], name)
            both = self.node(
                "RotaryEmbedding",
                [both, self.place("positions"), *turns],
                [f"{name}.turned"],
                domain=MICROSOFT,
                num_heads=2 * heads,
            )
            queries, keys = self._split(both, [width, width], f"{name}.turned")
        else:
            queries, keys, values = self._split(qkv, [width] * 3, name)
        shape = self.table(f"{name}.heads", np.array([0, 0, heads, size]))
        for new, (before, after) in zip((keys, values), past, strict=True):
            by_head = self.node("Reshape", [new, shape], [f"{new}.by_head"])
            self.node("ScatterND", [before, self.place("slots"), by_head], [after])
        return self.node(
            "MultiHeadAttention",
            [queries, past[0][1], past[1][1], "", "", self.place("bias")],
            [name],
            domain=MICROSOFT,
            num_heads=heads,
            scale=1.0,
        )

    def _split(self, states: str, widths: list[int], name: str) -> list[str]:
        """Parts of (B, S, width)."""
        parts = [f"{name}.part_{number}" for number in range(len(widths))]
        self.node("Split", [states, self.table(f"{name}.widths", np.array(widths))], parts, axis=-1)
        return parts

    def last(self, hidden: str) -> str:
        """(B, width) of (B, S, width): of a prompt, the logits of the other positions would be most of the work."""
        ends = [self.table("last", np.array([-1])), self.table("end", np.array([np.iinfo(np.int64).max]))]
        row = self.node("Slice", [hidden, *ends, self.table("axis", np.array([1]))], ["last_position"])
        return self.node("Squeeze", [row, "axis"], ["last_row"])
