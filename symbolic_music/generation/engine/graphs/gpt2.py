"""The step of a stock GPT-2."""

import numpy as np

from symbolic_music.generation.engine.graphs.builder import GraphBuilder, StepGraph, divide_queries
from symbolic_music.generation.engine.graphs.nodes import Source, UnsupportedModelError


def gpt2_graph(source: Source, max_length: int) -> StepGraph:
    """The step of a GPT-2.

    Args:
        source: a GPT-2.
        max_length: longest sequence, at most the model's positions.

    Raises:
        UnsupportedModelError: for settings that no published GPT-2 has, or wrapped layers.
        MissingExtraError: when onnx is not installed.
    """
    config = source.config
    if config.scale_attn_by_inverse_layer_idx or not config.scale_attn_weights or config.add_cross_attention:
        raise UnsupportedModelError("its attention is not a GPT-2's own")
    builder = GraphBuilder(source, max_length)
    tokens = builder.node(
        "Gather", [builder.table("tokens", builder.weight("transformer.wte.weight")), "input_ids"], ["embedded"]
    )
    positions = builder.table("position_table", builder.weight("transformer.wpe.weight")[:max_length])
    placed = builder.node("Gather", [positions, builder.place("positions")], ["placed"])
    hidden = builder.node("Add", [tokens, placed], ["hidden"])
    normed = builder.norm(hidden, "normed", "transformer.h.0.ln_1", config.layer_norm_epsilon)
    for layer in range(config.n_layer):
        normed, hidden = _layer(builder, layer, normed, hidden)
    builder.head(builder.last(normed), "lm_head.weight", "transformer.wte.weight")
    return builder.finish()


def _layer(builder: GraphBuilder, layer: int, normed: str, hidden: str) -> tuple[str, str]:
    """One block; returns the normed input of what follows, and the residual stream."""
    config, prefix = builder.source.config, f"transformer.h.{layer}"
    following = "transformer.ln_f" if layer == config.n_layer - 1 else f"transformer.h.{layer + 1}.ln_1"

    def weights(part: str) -> list[np.ndarray]:  # a Conv1D: its matrix is (in, out) as it stands
        return [builder.weight(f"{prefix}.{part}.{name}") for name in ("weight", "bias")]

    def linear(states: str, part: str) -> str:
        return builder.linear(states, f"{part}_{layer}", *weights(part))

    size = config.n_embd // config.n_head
    matrix, bias = (divide_queries(part, size) for part in weights("attn.c_attn"))
    attended = builder.attention(builder.linear(normed, f"qkv_{layer}", matrix, bias), layer, config.n_head, size)
    mixed = linear(attended, "attn.c_proj")
    normed, hidden = builder.add_and_norm(
        mixed, hidden, f"middle_{layer}", f"{prefix}.ln_2", config.layer_norm_epsilon
    )
    active = builder.activation(linear(normed, "mlp.c_fc"), f"active_{layer}", config.activation_function)
    down = linear(active, "mlp.c_proj")
    return builder.add_and_norm(down, hidden, f"after_{layer}", following, config.layer_norm_epsilon)
