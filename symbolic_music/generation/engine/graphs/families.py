"""The graph of whatever model. The one file here that knows all families: by their names, for imports take seconds."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from symbolic_music.generation.engine.graphs.bart import bart_graph
from symbolic_music.generation.engine.graphs.builder import StepGraph
from symbolic_music.generation.engine.graphs.gpt2 import gpt2_graph
from symbolic_music.generation.engine.graphs.lstm import lstm_graph
from symbolic_music.generation.engine.graphs.nodes import Source, UnsupportedModelError
from symbolic_music.generation.engine.graphs.transformer import transformer_graph

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FAMILIES: dict[str, Callable[[Source, int], StepGraph]] = {
    "MusicTransformerForCausalLM": transformer_graph,
    "MusicLSTMForCausalLM": lstm_graph,
    "GPT2LMHeadModel": gpt2_graph,
    "BartForConditionalGeneration": bart_graph,
    "MBartForConditionalGeneration": bart_graph,
}
"""By the name of a model's class."""
# Protocol buffers, which a graph is written as, end at 2 GiB; a tied embedding is in it twice.
_MOST_PARAMETERS = 400_000_000


def step_graph(model: "PreTrainedModel", max_length: int, portable: bool = False) -> StepGraph:
    """The step of a model.

    Args:
        model: any; the graph computes in float32.
        max_length: longest sequence.
        portable: whether other runtimes than this package's are to step the graph; see `StepGraph.inputs`.

    Raises:
        UnsupportedModelError: when it has none.
        MissingExtraError: when onnx is not installed.
    """
    name = type(model).__name__
    if name not in FAMILIES:
        raise UnsupportedModelError(f"there is no graph of a {name}")
    if model.num_parameters() > _MOST_PARAMETERS:
        raise UnsupportedModelError(f"its {model.num_parameters():,} weights do not fit into one graph")
    weights = {name: weight.detach().float().cpu().numpy() for name, weight in model.state_dict().items()}
    return FAMILIES[name](Source(model.config, weights, portable), max_length)
