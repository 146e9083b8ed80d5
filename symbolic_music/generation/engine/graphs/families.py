"""The graph of whatever model. The one file here that knows all families."""

from collections.abc import Callable
from typing import Any

from transformers import GPT2LMHeadModel, PreTrainedModel

from symbolic_music.generation.engine.graphs.builder import StepGraph, UnsupportedModelError
from symbolic_music.generation.engine.graphs.gpt2 import gpt2_graph
from symbolic_music.generation.engine.graphs.lstm import lstm_graph
from symbolic_music.generation.engine.graphs.transformer import transformer_graph
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM

_FAMILIES: dict[type, Callable[[Any, int], StepGraph]] = {
    MusicTransformerForCausalLM: transformer_graph,
    MusicLSTMForCausalLM: lstm_graph,
    GPT2LMHeadModel: gpt2_graph,
}

# Protocol buffers, which a graph is written as, end at 2 GiB; a tied embedding is in it twice.
_MOST_PARAMETERS = 400_000_000


def step_graph(model: PreTrainedModel, max_length: int) -> StepGraph:
    """The step of a model.

    Args:
        model: of a family that has a graph.
        max_length: longest sequence.

    Raises:
        UnsupportedModelError: when it has none.
        MissingExtraError: when onnx is not installed.
    """
    for family, build in _FAMILIES.items():
        if type(model) is family:
            if model.num_parameters() > _MOST_PARAMETERS:
                raise UnsupportedModelError(f"its {model.num_parameters():,} weights do not fit into one graph")
            return build(model, max_length)
    raise UnsupportedModelError(f"there is no graph of a {type(model).__name__}")
