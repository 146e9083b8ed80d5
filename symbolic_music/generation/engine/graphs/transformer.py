"""The step of a Music Transformer.

Attention with its cache and the rotary positions are ONNX Runtime's own operators (`com.microsoft`), which run on its
CPUs, on GPUs and in the browser.
"""

import math

import numpy as np

from symbolic_music.generation.engine.graphs.builder import GraphBuilder, StepGraph, divide_queries
from symbolic_music.generation.engine.graphs.nodes import Source, UnsupportedModelError

# GroupQueryAttention turns heads of such widths alone.
_ROTARY_STEP = 16


def transformer_graph(source: Source, max_length: int) -> StepGraph:
    """The step of a Music Transformer.

    Args:
        source: a Music Transformer.
        max_length: longest sequence.

    Raises:
        UnsupportedModelError: for an activation or a width of heads that has no operator here, or layers that are not
            as they were made.
        MissingExtraError: when onnx is not installed.
    """
    config = source.config
    if config.position_encoding == "rotary" and config.head_dim % _ROTARY_STEP:
        raise UnsupportedModelError(f"its heads are {config.head_dim} wide, no multiple of {_ROTARY_STEP}")
    builder = GraphBuilder(source, max_length)
    hidden, turns = _embed(builder)
    epsilon = config.layer_norm_eps
    normed = builder.norm(hidden, "normed", "model.layers.0.input_layernorm", epsilon)
    for layer in range(config.num_hidden_layers):
        normed, hidden = _layer(builder, layer, normed, hidden, turns)
    builder.head(builder.last(normed), "lm_head.weight", "model.embed_tokens.weight")
    return builder.finish()


def _embed(builder: GraphBuilder) -> tuple[str, list[str]]:
    """Scaled token vectors, with positions where they are added; and the tables that turn heads, where they do."""
    config = builder.source.config
    scale = np.float32(math.sqrt(config.hidden_size))
    table = builder.table("embeddings", builder.weight("model.embed_tokens.weight") * scale)
    hidden = builder.node("Gather", [table, "input_ids"], ["embedded"])
    places = np.arange(builder.max_length, dtype=np.float32)
    if config.position_encoding == "rotary":
        angles = places[:, None] * _frequencies(config.hidden_size // config.num_attention_heads, config.position_base)
        return hidden, [builder.table("cosines", np.cos(angles)), builder.table("sines", np.sin(angles))]
    if config.position_encoding == "learned":
        positions = builder.weight("model.embed_positions.weight")[: builder.max_length]
    else:
        angles = places[:, None] * _frequencies(config.hidden_size, config.position_base)
        positions = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    placed = builder.node(
        "Gather", [builder.table("position_table", positions), builder.place("positions")], ["placed"]
    )
    return builder.node("Add", [hidden, placed], ["hidden"]), []


def _layer(builder: GraphBuilder, layer: int, normed: str, hidden: str, turns: list[str]) -> tuple[str, str]:
    """One block; returns the normed input of what follows, and the residual stream."""
    config, prefix = builder.source.config, f"model.layers.{layer}"
    following = "model.norm" if layer == config.num_hidden_layers - 1 else f"model.layers.{layer + 1}.input_layernorm"

    def matrix(part: str) -> np.ndarray:
        return builder.weight(f"{prefix}.{part}.weight").T

    def linear(states: str, part: str) -> str:
        return builder.linear(states, f"{part}_{layer}", matrix(part))

    qkv_matrix = divide_queries(matrix("self_attn.qkv_proj"), config.head_dim)
    qkv = builder.linear(normed, f"qkv_{layer}", qkv_matrix)
    attended = builder.attention(qkv, layer, config.num_attention_heads, config.head_dim, turns)
    mixed = linear(attended, "self_attn.o_proj")
    normed, hidden = builder.add_and_norm(
        mixed, hidden, f"middle_{layer}", f"{prefix}.post_attention_layernorm", config.layer_norm_eps
    )
    active = builder.activation(linear(normed, "mlp.up_proj"), f"active_{layer}", config.hidden_act)
    down = linear(active, "mlp.down_proj")
    return builder.add_and_norm(down, hidden, f"after_{layer}", following, config.layer_norm_eps)


def _frequencies(dim: int, base: float) -> np.ndarray:
    """(dim / 2,) float32: the angle by which each pair of numbers turns from one position to the next."""
    exponents = np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim)
    return (base ** -exponents.astype(np.float64)).astype(np.float32)
