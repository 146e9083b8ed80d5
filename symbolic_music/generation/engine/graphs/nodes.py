"""Nodes and weights that any graph is made of. Knows nothing of what a graph reads or gives."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symbolic_music._extras import require

MICROSOFT = "com.microsoft"
_OPSET, _IR_VERSION = 20, 10
# ONNX Runtime's names of transformers' activations.
_ACTIVATIONS = {"gelu_new": "FastGelu", "gelu": "Gelu"}


class UnsupportedModelError(ValueError):
    """A model whose step has no graph; the message says why."""


@dataclass(frozen=True)
class Source:
    """A model as a graph is built from it.

    Attributes:
        config: of the model.
        weights: by their names in the model, float32.
        portable: whether other runtimes than this package's are to step the graph; see `StepGraph.inputs`.
    """

    config: Any
    weights: dict[str, np.ndarray]
    portable: bool = False


@dataclass
class Nodes:
    """Gathers the nodes and weights of one graph.

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

    def __post_init__(self):
        self.onnx = require("onnx")
        self.weights = self.source.weights

    def serialise(self, name: str) -> bytes:
        """All of it as one graph."""
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.tables)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION).SerializeToString()

    def read(self, name: str, kind: str, shape: list[Any]) -> str:
        """An input: its ONNX type, and sizes, names where they are free."""
        self.inputs.append(self._value(name, kind, shape))
        return name

    def give(self, name: str, kind: str, shape: list[Any]) -> str:
        """An output."""
        self.outputs.append(self._value(name, kind, shape))
        return name

    def weight(self, name: str) -> np.ndarray:
        """A weight of the model, float32."""
        if name not in self.weights:  # PEFT, for one, wraps layers
            raise UnsupportedModelError(f"it has no weights {name}")
        return self.weights[name]

    def table(self, name: str, values: np.ndarray) -> str:
        """A constant."""
        self.tables.append(self.onnx.numpy_helper.from_array(np.asarray(values, order="C"), name))
        return name

    def node(self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **settings: Any) -> str:
        """A node; returns the name of its first output."""
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, outputs, domain=domain, **settings))
        return outputs[0]

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
        total = self.node("Add", [added, hidden], [f"{name}.sum"])
        return self.norm(total, f"{name}.normed", weight, epsilon), total

    def activation(self, states: str, name: str, kind: str) -> str:
        """An activation by transformers' name of it.

        Raises:
            UnsupportedModelError: for one that is no GELU.
        """
        if kind not in _ACTIVATIONS:
            known = " and ".join(_ACTIVATIONS)
            raise UnsupportedModelError(f"its activation is {kind}, and graphs know {known}")
        return self.node(_ACTIVATIONS[kind], [states], [name], domain=MICROSOFT)

    def _norm_tables(self, weight: str) -> list[str]:
        return [self.table(f"{weight}.{part}", self.weight(f"{weight}.{part}")) for part in ("weight", "bias")]

    def _value(self, name: str, kind: str, shape: list[Any]) -> Any:
        return self.onnx.helper.make_tensor_value_info(name, getattr(self.onnx.TensorProto, kind), shape)
