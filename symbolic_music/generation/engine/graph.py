"""The step of a Music Transformer as an ONNX graph, built from its weights without tracing.

Inputs: `input_ids` (B, S) int64; `before` (B,) int32, the tokens in front of the last one; `total` (1,) int32, those
of past and S together; for each layer `past_key_i` and `past_value_i` (B, H, capacity, head size); with added
positions `positions` (S,) int64. Outputs: `logits` (B, V) of the last position; `key_i` and `value_i`, which may be
bound to the memory of the past: attention then writes the new keys and values in place.

Attention with its cache, the rotary positions and the normalisation of a sum are ONNX Runtime's own operators
(`com.microsoft`: GroupQueryAttention, SkipLayerNormalization), which run on its CPUs, on GPUs and in the browser.
"""

import math
from typing import Any

import numpy as np
import torch

from symbolic_music._extras import require
from symbolic_music.models.music_transformer.modeling_music_transformer import (
    MusicTransformerForCausalLM,
    position_angles,
    sinusoidal_positions,
)

_MICROSOFT = "com.microsoft"
_OPSET, _IR_VERSION = 20, 10
# GroupQueryAttention turns heads of such widths alone.
_ROTARY_STEP = 16


class UnsupportedModelError(ValueError):
    """A model whose step has no graph; the message says why."""


def transformer_graph(model: MusicTransformerForCausalLM, max_length: int) -> bytes:
    """The graph, serialised.

    Args:
        model: in float32.
        max_length: longest sequence, for the tables of positions.

    Raises:
        UnsupportedModelError: for an activation or a width of heads that has no operator here, or layers that are not
            as they were made.
        MissingExtraError: when onnx is not installed.
    """
    if model.config.hidden_act != "gelu":
        raise UnsupportedModelError(f"its activation is {model.config.hidden_act}, and the graph knows gelu")
    if model.config.position_encoding == "rotary" and model.config.head_dim % _ROTARY_STEP:
        raise UnsupportedModelError(f"its heads are {model.config.head_dim} wide, no multiple of {_ROTARY_STEP}")
    return _Builder(model, max_length).build()


class _Builder:
    """Gathers nodes and weights."""

    def __init__(self, model: MusicTransformerForCausalLM, max_length: int):
        self.onnx = require("onnx")
        self.config, self.max_length = model.config, max_length
        self.weights = {name: value.detach().float().cpu().numpy() for name, value in model.state_dict().items()}
        self.head = model.lm_head.weight.detach().float().cpu().numpy()
        self.nodes: list[Any] = []
        self.tables: list[Any] = []
        self.inputs = [self._value("input_ids", "INT64", ["batch", "length"])]
        self.inputs += [self._value("before", "INT32", ["batch"]), self._value("total", "INT32", [1])]
        self.outputs = [self._value("logits", "FLOAT", ["batch", self.config.vocab_size])]

    def build(self) -> bytes:
        hidden = self._embed()
        normed = self._node(
            "LayerNormalization",
            [hidden, *self._norm("model.layers.0.input_layernorm")],
            ["normed_0"],
            axis=-1,
            epsilon=self.config.layer_norm_eps,
        )
        layers = self.config.num_hidden_layers
        for layer in range(layers):
            last = layer == layers - 1
            following = "model.norm" if last else f"model.layers.{layer + 1}.input_layernorm"
            normed, hidden = self._layer(layer, normed, hidden, following)
        # Only the last position's logits are wanted: of a prompt, the others are most of the work.
        ends = [self._table("last", np.array([-1])), self._table("end", np.array([np.iinfo(np.int64).max]))]
        final = self._node("Slice", [normed, *ends, self._table("axis", np.array([1]))], ["final"])
        final = self._node("Squeeze", [final, "axis"], ["final_row"])
        self._node("MatMul", [final, self._table("head", self.head.T)], ["logits"])
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, "music_transformer_step", self.inputs, self.outputs, self.tables)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION).SerializeToString()

    def _embed(self) -> str:
        scale = math.sqrt(self.config.hidden_size)
        table = self._table("embeddings", self.weights["model.embed_tokens.weight"] * np.float32(scale))
        hidden = self._node("Gather", [table, "input_ids"], ["embedded"])
        if self.config.position_encoding == "rotary":
            angles = position_angles(self._places(), self.config.head_dim, self.config.position_base)[0]
            self._table("cosines", angles.cos().numpy())
            self._table("sines", angles.sin().numpy())
            return hidden
        self.inputs.append(self._value("positions", "INT64", ["length"]))
        added = self._node("Gather", [self._table("position_table", self._positions()), "positions"], ["placed"])
        return self._node("Add", [hidden, added], ["hidden_0"])

    def _positions(self) -> np.ndarray:
        """(max_length, hidden size): what is added at each position."""
        if self.config.position_encoding == "learned":
            return self.weights["model.embed_positions.weight"][: self.max_length]
        return sinusoidal_positions(self._places(), self.config.hidden_size, self.config.position_base)[0].numpy()

    def _places(self) -> torch.Tensor:
        return torch.arange(self.max_length)[None]

    def _layer(self, layer: int, normed: str, hidden: str, following: str) -> tuple[str, str]:
        """One block; returns the normed input of the next and the residual stream."""
        attended = self._attention(layer, normed)
        normed, hidden = self._add_and_norm(
            attended, hidden, f"model.layers.{layer}.post_attention_layernorm", f"middle_{layer}"
        )
        up = self._linear(normed, f"model.layers.{layer}.mlp.up_proj.weight", f"up_{layer}")
        active = self._node("Gelu", [up], [f"active_{layer}"], domain=_MICROSOFT)
        down = self._linear(active, f"model.layers.{layer}.mlp.down_proj.weight", f"down_{layer}")
        return self._add_and_norm(down, hidden, following, f"after_{layer}")

    def _attention(self, layer: int, normed: str) -> str:
        heads, size = self.config.num_attention_heads, self.config.head_dim
        shape = ["batch", heads, "capacity", size]
        names = [f"{kind}_{layer}" for kind in ("key", "value")]
        self.inputs += [self._value(f"past_{name}", "FLOAT", shape) for name in names]
        self.outputs += [self._value(name, "FLOAT", shape) for name in names]
        qkv = self._linear(normed, f"model.layers.{layer}.self_attn.qkv_proj.weight", f"qkv_{layer}")
        turns = ["cosines", "sines"] if self.config.position_encoding == "rotary" else []
        attended = self._node(
            "GroupQueryAttention",
            [qkv, "", "", *(f"past_{name}" for name in names), "before", "total", *turns],
            [f"attended_{layer}", *names],
            domain=_MICROSOFT,
            num_heads=heads,
            kv_num_heads=heads,
            do_rotary=int(bool(turns)),
            rotary_interleaved=0,
            scale=size**-0.5,
        )
        return self._linear(attended, f"model.layers.{layer}.self_attn.o_proj.weight", f"mixed_{layer}")

    def _add_and_norm(self, added: str, hidden: str, norm: str, name: str) -> tuple[str, str]:
        outputs = [f"normed_{name}", "", "", f"hidden_{name}"]
        epsilon = self.config.layer_norm_eps
        self._node(
            "SkipLayerNormalization",
            [added, hidden, *self._norm(norm)],
            outputs,
            domain=_MICROSOFT,
            epsilon=epsilon,
        )
        return outputs[0], outputs[3]

    def _norm(self, name: str) -> list[str]:
        return [self._table(f"{name}.{part}", self.weights[f"{name}.{part}"]) for part in ("weight", "bias")]

    def _linear(self, states: str, weight: str, name: str) -> str:
        if weight not in self.weights:  # PEFT, for one, wraps layers
            raise UnsupportedModelError(f"it has no weights {weight}")
        return self._node("MatMul", [states, self._table(weight, self.weights[weight].T)], [name])

    def _node(self, kind: str, inputs: list[str], outputs: list[str], domain: str = "", **settings: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, outputs, domain=domain, **settings))
        return outputs[0]

    def _table(self, name: str, values: np.ndarray) -> str:
        self.tables.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _value(self, name: str, kind: str, shape: list[Any]) -> Any:
        return self.onnx.helper.make_tensor_value_info(name, getattr(self.onnx.TensorProto, kind), shape)
