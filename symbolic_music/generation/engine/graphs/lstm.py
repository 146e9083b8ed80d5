"""The step of a music LSTM."""

import numpy as np

from symbolic_music.generation.engine.graphs.builder import GraphBuilder, StepGraph
from symbolic_music.generation.engine.graphs.nodes import Source

# torch stacks the gates as input, forget, cell, output; ONNX as input, output, forget, cell.
_GATES = [0, 3, 1, 2]


def lstm_graph(source: Source, max_length: int) -> StepGraph:
    """The step of a music LSTM: its state has the same size after any number of tokens.

    Args:
        source: a music LSTM.
        max_length: longest sequence.

    Raises:
        UnsupportedModelError: for layers that are not as they were made.
        MissingExtraError: when onnx is not installed.
    """
    builder = GraphBuilder(source, max_length)
    table = builder.table("embeddings", builder.weight("model.embed_tokens.weight"))
    embedded = builder.node("Gather", [table, "input_ids"], ["embedded"])
    # ONNX's LSTM reads (S, B, width).
    hidden = builder.node("Transpose", [embedded], ["by_time"], perm=[1, 0, 2])
    builder.table("front", np.array([0]))
    for layer in range(source.config.num_hidden_layers):
        hidden = _layer(builder, layer, hidden)
    # The last layer's state is its output at the last position.
    row = f"hidden_{source.config.num_hidden_layers - 1}"
    if "head_projection.weight" in builder.weights:
        row = builder.linear(row, "head_projection", builder.weight("head_projection.weight").T)
    builder.head(row, "lm_head.weight", "model.embed_tokens.weight")
    return builder.finish()


def _layer(builder: GraphBuilder, layer: int, hidden: str) -> str:
    """One layer; returns its outputs (S, B, hidden size)."""
    width, prefix = builder.source.config.hidden_size, f"model.layers.{layer}.lstm"

    def gates(kind: str) -> np.ndarray:
        stacked = builder.weight(f"{prefix}.{kind}_l0")
        return np.concatenate([stacked.reshape(4, width, *stacked.shape[1:])[gate] for gate in _GATES])

    weights = [builder.table(f"{kind}_{layer}", gates(kind)[None]) for kind in ("weight_ih", "weight_hh")]
    biases = np.concatenate([gates("bias_ih"), gates("bias_hh")])
    (past, now), (past_cell, cell) = (builder.state(f"{part}_{layer}", (width,)) for part in ("hidden", "cell"))
    begins = [
        builder.node("Unsqueeze", [name, "front"], [f"{name}.before"])  # one direction
        for name in (past, past_cell)
    ]
    builder.node(
        "LSTM",
        [hidden, *weights, builder.table(f"bias_{layer}", biases[None]), "", *begins],
        [f"outputs_{layer}", f"{now}.after", f"{cell}.after"],
        hidden_size=width,
    )
    for name in (now, cell):
        builder.node("Squeeze", [f"{name}.after", "front"], [name])
    outputs = builder.table(f"direction_{layer}", np.array([1]))
    return builder.node("Squeeze", [f"outputs_{layer}", outputs], [f"hidden_states_{layer}"])
