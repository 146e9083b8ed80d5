"""What the graphs of all families are made of: nodes, weights, inputs, outputs and states.

Every graph reads `input_ids` (B, S) int64 and gives `logits` (B, V) float32 of the last position. What a sequence
carries from one step to the next are its states: an input `past_<name>` and an output `<name>` each. Inputs that say
where a step is (`before`, `total`, `positions`) are there where the family needs them.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symbolic_music._extras import require

MICROSOFT = "com.microsoft"
_OPSET, _IR_VERSION = 20, 10


class UnsupportedModelError(ValueError):
    """A model whose step has no graph; the message says why."""


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
    """

    model: bytes
    states: tuple[State, ...]
    inputs: tuple[str, ...]
    vocab_size: int
    max_length: int


@dataclass(frozen=True)
class Source:
    """A model as a graph is built from it.

    Attributes:
        config: of the model.
        weights: by their names in the model, float32.
    """

    config: Any
    weights: dict[str, np.ndarray]


@dataclass
class GraphBuilder:
    """Gathers the nodes and weights of one model.

    Args:
        source: the model.
        max_length: longest sequence, for tables of positions.
    """

    source: Source
    max_length: int
    nodes: list[Any] = field(default_factory=list)
    tables: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    def __post_init__(self):
        self.onnx = require("onnx")
        self.weights = self.source.weights
        self.vocab_size = self.source.config.vocab_size
        self.inputs.append(self._value("input_ids", "INT64", ["batch", "length"]))
        self.outputs.append(self._value("logits", "FLOAT", ["batch", self.vocab_size]))

    def finish(self) -> StepGraph:
        """All of it as one graph."""
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, "step", self.inputs, self.outputs, self.tables)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION).SerializeToString()
        return StepGraph(model, tuple(self.states), tuple(self.places), self.vocab_size, self.max_length)

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
            self.inputs.append(self._value(name, kind, shape))
        return name

    def state(self, name: str, shape: tuple[int, ...]) -> tuple[str, str]:
        """Names of a state's input and output."""
        self.states.append(State(name, shape))
        dims = ["batch", *("capacity" if size == 0 else size for size in shape)]
        self.inputs.append(self._value(f"past_{name}", "FLOAT", dims))
        self.outputs.append(self._value(name, "FLOAT", dims))
        return f"past_{name}", name

    def weight(self, name: str) -> np.ndarray:
        """A weight of the model, float32."""
        if name not in self.weights:  # PEFT, for one, wraps layers
            raise UnsupportedModelError(f"it has no weights {name}")
        return self.weights[name]

    def table(self, name: str, values: np.ndarray) -> str:
        """A constant."""
        self.tables.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **settings: Any) -> str:
        """A node; returns the name of its first output."""
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, outputs, domain=domain, **settings))
        return outputs[0]

    def head(self, row: str, name: str, tied_to: str) -> None:
        """Logits of (B, width), by the weights of a name, or by those they are tied to."""
        matrix = self.weights[name] if name in self.weights else self.weight(tied_to)
        self.node("MatMul", [row, self.table("head", matrix.T)], ["logits"])

    def linear(self, states: str, name: str, matrix: np.ndarray, bias: np.ndarray | None = None) -> str:
        """`states @ matrix + bias`, with `matrix` (in, out)."""
        product = self.node("MatMul", [states, self.table(f"{name}.weight", matrix)], [f"{name}.product"])
        if bias is None:
            return product
        return self.node("Add", [product, self.table(f"{name}.bias", bias)], [f"{name}.sum"])

    def norm(self, hidden: str, name: str, weight: str, epsilon: float) -> str:
        """LayerNorm by the weights `weight.weight` and `weight.bias`."""
        return self.node("LayerNormalization", [hidden, *self._norm_tables(weight)], [name], axis=-1, epsilon=epsilon)

    def add_and_norm(self, added: str, hidden: str, name: str, weight: str, epsilon: float) -> tuple[str, str]:
        """LayerNorm of a sum; returns what it gives, and the sum."""
        outputs = [f"{name}.normed", "", "", f"{name}.sum"]
        tables = self._norm_tables(weight)
        self.node("SkipLayerNormalization", [added, hidden, *tables], outputs, domain=MICROSOFT, epsilon=epsilon)
        return outputs[0], outputs[3]

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

    def _norm_tables(self, weight: str) -> list[str]:
        return [self.table(f"{weight}.{part}", self.weight(f"{weight}.{part}")) for part in ("weight", "bias")]

    def _value(self, name: str, kind: str, shape: list[Any]) -> Any:
        return self.onnx.helper.make_tensor_value_info(name, getattr(self.onnx.TensorProto, kind), shape)
