"""Decoders of models: who has one, who has none and why; each is made once."""

import importlib.util
import logging
import weakref
from typing import TYPE_CHECKING, Any

from symbolic_music.generation.engine.decoder import Decoder
from symbolic_music.generation.engine.graphs.families import step_graph
from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_LOG = logging.getLogger(__name__)
# Decoders keep a copy of the weights, and serve every later call for the same model.
_DECODERS: "weakref.WeakKeyDictionary[PreTrainedModel, tuple[Any, Decoder]]" = weakref.WeakKeyDictionary()
_TOLD: set[str] = set()


def decoder_of(model: "PreTrainedModel", max_length: int) -> Decoder:
    """The model's decoder, made again when its weights have changed or more room is needed.

    Args:
        model: any.
        max_length: longest sequence in tokens.

    Raises:
        UnsupportedModelError: when it has none; the message says why.
    """
    import torch  # whoever has such a model has imported it

    reasons = {
        f"the model is on {model.device}": model.device.type != "cpu",
        "the weights are not float32": any(weight.dtype != torch.float32 for weight in model.parameters()),
        "the model is in training": model.training,
        "onnx and onnxruntime are not installed (pip extra 'fast')": not _is_installed(),
    }
    reason = next((reason for reason, holds in reasons.items() if holds), None)
    if reason is not None:
        raise UnsupportedModelError(reason)
    stamp = [(weight.data_ptr(), 0 if weight.is_inference() else weight._version) for weight in model.parameters()]
    threads, most = torch.get_num_threads(), max(max_length, model.config.max_position_embeddings)
    kept = _DECODERS.get(model)
    if kept is None or kept[0] != (stamp, threads) or kept[1].graph.max_length < most:
        kept = _DECODERS[model] = ((stamp, threads), Decoder(step_graph(model, most), threads))
    return kept[1]


def tell_once(reason: str) -> None:
    """Say, as INFO and the first time only, why a model is stepped by transformers' own loop."""
    if reason not in _TOLD:
        _TOLD.add(reason)
        _LOG.info("decoding goes by transformers' own loop: %s", reason)


def _is_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxruntime"))
