"""Both halves of a BART or an mBART: what reads a source, and the step that writes.

The encoder gives the keys and values that the decoder's layers look at, so that no step computes them again. It reads
one source; all sequences of a step look at it.
"""

import math
from dataclasses import dataclass

import numpy as np

from symbolic_music.generation.engine.graphs.builder import GraphBuilder, StepGraph, divide_queries
from symbolic_music.generation.engine.graphs.nodes import MICROSOFT, Nodes, Source

# torch's own, of every LayerNorm of these models.
_EPSILON = 1e-5
# Their tables of positions begin with two rows that stand for nothing.
_OFFSET = 2
_SHARED = "model.shared.weight"


def bart_graph(source: Source, max_length: int) -> StepGraph:
    """Both halves of a BART.

    Args:
        source: a BART or mBART.
        max_length: longest sequence, at most the model's positions.

    Raises:
        UnsupportedModelError: for an activation that has no operator here, or wrapped layers.
        MissingExtraError: when onnx is not installed.
    """
    encoder, heard = _encoder(source, max_length)
    builder = GraphBuilder(source, max_length)
    side = _Side(builder, "decoder", source.config.decoder_attention_heads)
    hidden = side.embed(builder.place("positions"))
    for layer in range(source.config.decoder_layers):
        hidden = _decoder_layer(builder, side, layer, hidden)
    builder.head(builder.last(side.end(hidden)), "lm_head.weight", _SHARED, "final_logits_bias")
    return builder.finish(encoder, heard)


@dataclass(frozen=True)
class _Side:
    """The encoder or the decoder.

    Attributes:
        nodes: of its graph.
        name: "encoder" or "decoder".
        heads: of its attention.
    """

    nodes: Nodes
    name: str
    heads: int

    @property
    def prefix(self) -> str:
        """Of its weights' names."""
        return f"model.{self.name}"

    @property
    def norms_first(self) -> bool:
        """Whether norms stand before sublayers, as in an mBART, not behind them."""
        return f"{self.prefix}.layer_norm.weight" in self.nodes.weights

    @property
    def head_size(self) -> int:
        """Numbers of a head."""
        return self.nodes.source.config.d_model // self.heads

    def embed(self, positions: str) -> str:
        """Token vectors with their positions, normed."""
        nodes, config = self.nodes, self.nodes.source.config
        scale = np.float32(math.sqrt(config.d_model) if config.scale_embedding else 1)
        own = f"{self.prefix}.embed_tokens.weight"  # a checkpoint holds what is tied once
        tokens = nodes.table("tokens", nodes.weight(own if own in nodes.weights else _SHARED) * scale)
        table = nodes.weight(f"{self.prefix}.embed_positions.weight")[_OFFSET : _OFFSET + nodes.max_length]
        embedded = nodes.node("Gather", [tokens, "input_ids"], ["embedded"])
        placed = nodes.node("Gather", [nodes.table("position_table", table), positions], ["placed"])
        added = nodes.node("Add", [embedded, placed], ["added"])
        return nodes.norm(added, "hidden", f"{self.prefix}.layernorm_embedding", _EPSILON)

    def end(self, hidden: str) -> str:
        """What the last layer leaves, normed where no layer did it."""
        if not self.norms_first:
            return hidden
        return self.nodes.norm(hidden, "ended", f"{self.prefix}.layer_norm", _EPSILON)

    def before(self, hidden: str, layer: int, norm: str) -> str:
        """What a sublayer reads."""
        if not self.norms_first:
            return hidden
        return self.nodes.norm(hidden, f"{norm}_{layer}", self._layer(layer, norm), _EPSILON)

    def behind(self, hidden: str, change: str, layer: int, norm: str) -> str:
        """The residual stream with what a sublayer gave."""
        added = self.nodes.node("Add", [hidden, change], [f"{norm}_{layer}.sum"])
        if self.norms_first:
            return added
        return self.nodes.norm(added, f"{norm}_{layer}", self._layer(layer, norm), _EPSILON)

    def linear(self, states: str, layer: int, part: str, scale: float = 1.0) -> str:
        """A linear layer, times a number."""
        matrix, bias = (weights * np.float32(scale) for weights in self._weights(layer, part))
        return self.nodes.linear(states, f"{part}_{layer}", matrix, bias)

    def qkv(self, states: str, layer: int) -> str:
        """Queries, keys and values of self-attention side by side, as `GraphBuilder.attention` takes them."""
        parts = [self._weights(layer, f"self_attn.{part}_proj") for part in "qkv"]
        matrix, bias = (
            divide_queries(np.concatenate(kind, axis=-1), self.head_size) for kind in zip(*parts, strict=True)
        )
        return self.nodes.linear(states, f"self_attn.qkv_{layer}", matrix, bias)

    def feed_forward(self, hidden: str, layer: int) -> str:
        """The last sublayer of a layer."""
        wide = self.linear(self.before(hidden, layer, "final_layer_norm"), layer, "fc1")
        kind = self.nodes.source.config.activation_function
        active = self.nodes.activation(wide, f"active_{layer}", kind)
        return self.behind(hidden, self.linear(active, layer, "fc2"), layer, "final_layer_norm")

    def split(self, states: str, name: str) -> str:
        """(B, S, width) as (B, heads, S, head size)."""
        shape = self.nodes.table(f"{name}.shape", np.array([0, 0, self.heads, self.head_size]))
        parted = self.nodes.node("Reshape", [states, shape], [f"{name}.parted"])
        return self.nodes.node("Transpose", [parted], [name], perm=[0, 2, 1, 3])

    def _weights(self, layer: int, part: str) -> tuple[np.ndarray, np.ndarray]:
        """A linear layer's matrix (in, out) and bias."""
        weight, bias = (self.nodes.weight(f"{self._layer(layer, part)}.{kind}") for kind in ("weight", "bias"))
        return weight.T, bias

    def _layer(self, layer: int, part: str) -> str:
        return f"{self.prefix}.layers.{layer}.{part}"


def _encoder(source: Source, max_length: int) -> tuple[bytes, tuple[str, ...]]:
    """The graph that reads a source, and the names of what it gives."""
    nodes = Nodes(source, max_length)
    nodes.read("input_ids", "INT64", ["sources", "source_length"])
    side = _Side(nodes, "encoder", source.config.encoder_attention_heads)
    hidden = side.embed(_numbers(nodes))
    for layer in range(source.config.encoder_layers):
        normed = side.before(hidden, layer, "self_attn_layer_norm")
        qkv = [side.linear(normed, layer, f"self_attn.{part}_proj") for part in "qkv"]
        attended = nodes.node("MultiHeadAttention", qkv, [f"attended_{layer}"], domain=MICROSOFT, num_heads=side.heads)
        mixed = side.linear(attended, layer, "self_attn.out_proj")
        hidden = side.behind(hidden, mixed, layer, "self_attn_layer_norm")
        hidden = side.feed_forward(hidden, layer)
    read = side.end(hidden)
    decoder = _Side(nodes, "decoder", source.config.decoder_attention_heads)
    heard = []
    for layer in range(source.config.decoder_layers):
        keys = decoder.split(decoder.linear(read, layer, "encoder_attn.k_proj"), f"keys_{layer}")
        turned = nodes.node("Transpose", [keys], [f"heard_key_{layer}"], perm=[0, 1, 3, 2])
        values = decoder.split(decoder.linear(read, layer, "encoder_attn.v_proj"), f"heard_value_{layer}")
        for name, shape in zip((turned, values), _heard_shapes(decoder), strict=True):
            heard.append(nodes.give(name, "FLOAT", shape))
    return nodes.serialise("encoder"), tuple(heard)


def _heard_shapes(decoder: _Side) -> tuple[list[int | str], list[int | str]]:
    """Of what a decoder's layer looks at: keys, turned for the product, and values."""
    size = decoder.head_size
    return ["sources", decoder.heads, size, "source_length"], ["sources", decoder.heads, "source_length", size]


def _numbers(nodes: Nodes) -> str:
    """(T,) int64: 0, 1, 2 ... for T tokens read."""
    shape = nodes.node("Shape", ["input_ids"], ["length"], start=1, end=2)
    length = nodes.node("Squeeze", [shape], ["length.number"])
    begin, step = nodes.table("zero", np.array(0)), nodes.table("one", np.array(1))
    return nodes.node("Range", [begin, length, step], ["numbers"])


def _decoder_layer(builder: GraphBuilder, side: _Side, layer: int, hidden: str) -> str:
    """Attention to what is written, attention to what was read, and the feed-forward layer."""
    normed = side.before(hidden, layer, "self_attn_layer_norm")
    attended = builder.attention(side.qkv(normed, layer), layer, side.heads, side.head_size)
    mixed = side.linear(attended, layer, "self_attn.out_proj")
    hidden = side.behind(hidden, mixed, layer, "self_attn_layer_norm")
    hidden = side.behind(hidden, _look_at_source(builder, side, layer, hidden), layer, "encoder_attn_layer_norm")
    return side.feed_forward(hidden, layer)


def _look_at_source(builder: GraphBuilder, side: _Side, layer: int, hidden: str) -> str:
    """Attention to what the encoder gave."""
    normed = side.before(hidden, layer, "encoder_attn_layer_norm")
    asked = side.linear(normed, layer, "encoder_attn.q_proj", scale=side.head_size**-0.5)
    queries = side.split(asked, f"queries_{layer}")
    names = [f"heard_{part}_{layer}" for part in ("key", "value")]
    for name, shape in zip(names, _heard_shapes(side), strict=True):
        builder.read(name, "FLOAT", shape)
    fits = builder.node("MatMul", [queries, names[0]], [f"fits_{layer}"])
    shares = builder.node("Softmax", [fits], [f"shares_{layer}"], axis=-1)
    found = builder.node("MatMul", [shares, names[1]], [f"found_{layer}"])
    by_token = builder.node("Transpose", [found], [f"found_{layer}.by_token"], perm=[0, 2, 1, 3])
    width = builder.table(f"found_{layer}.shape", np.array([0, 0, side.heads * side.head_size]))
    joined = builder.node("Reshape", [by_token, width], [f"found_{layer}.joined"])
    return side.linear(joined, layer, "encoder_attn.out_proj")
