"""Sampling and greedy decoding with a `Decoder`, in the place of transformers' own loop: same call, same results.

`generate()` prepares everything as always (limits, logits processors, stopping criteria). Then `decode` steps the
model elsewhere and leaves the rest as it is; what it does not cover goes to transformers' loop.
"""

import importlib.util
import logging
import weakref
from collections.abc import Callable
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessorList, PreTrainedModel, StoppingCriteriaList

from symbolic_music.generation.engine.decoder import Decoder
from symbolic_music.generation.engine.graph import UnsupportedModelError
from symbolic_music.models import auto
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM

_LOG = logging.getLogger(__name__)
# Decoders keep a copy of the weights, and serve every later call for the same model.
_DECODERS: "weakref.WeakKeyDictionary[PreTrainedModel, tuple[Any, Decoder]]" = weakref.WeakKeyDictionary()
_TOLD: set[str] = set()


def register_models() -> None:
    """Let the Auto classes know the models, and these decode by what is fastest here."""
    auto.register_models()
    MusicTransformerForCausalLM.decode_with = staticmethod(decode)


@torch.no_grad()
def decode(model: PreTrainedModel, loop: Callable[..., Any], input_ids: torch.LongTensor, **kwargs: Any) -> Any:
    """Sampling or greedy decoding for `generate()`. Why a call goes to transformers' loop is said once, as INFO.

    Args:
        model: a Music Transformer.
        loop: transformers' own.
        input_ids: (B, T) prompts.
        kwargs: of transformers' `_sample`.

    Returns:
        (B, up to the limit) ids, padded behind their end; or whatever transformers' loop returns.
    """
    reason = _why_not(model, kwargs)
    if reason is None:
        try:
            decoder = _decoder_of(model, kwargs["stopping_criteria"].max_length)
            return _decode(decoder, input_ids, **kwargs)
        except UnsupportedModelError as error:
            reason = str(error)
    if reason not in _TOLD:
        _TOLD.add(reason)
        _LOG.info("decoding goes by transformers' own loop: %s", reason)
    return loop(input_ids, **kwargs)


def _why_not(model: PreTrainedModel, kwargs: dict[str, Any]) -> str | None:
    """Why a call is not covered: ids alone are wanted, of prompts without padding, from their beginning."""
    config, mask, past = (kwargs.get(name) for name in ("generation_config", "attention_mask", "past_key_values"))
    reasons = {
        f"the model is on {model.device}": model.device.type != "cpu",
        "the weights are not float32": any(weight.dtype != torch.float32 for weight in model.parameters()),
        "the model is in training": model.training,
        "more than ids is asked for": config is None or config.return_dict_in_generate,
        "prompts are padded": mask is not None and not bool(mask.all()),
        "there is a past": past is not None and past.get_seq_length() > 0,
        "embeddings are given": kwargs.get("inputs_embeds") is not None,
        "onnx and onnxruntime are not installed (pip extra 'fast')": not _is_installed(),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _is_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def _decode(
    decoder: Decoder,
    input_ids: torch.Tensor,
    logits_processor: LogitsProcessorList,
    stopping_criteria: StoppingCriteriaList,
    generation_config: GenerationConfig,
    streamer: Any = None,
    **_: Any,
) -> torch.Tensor:
    """The loop itself, which draws the same numbers as transformers' own."""
    decoder.start(len(input_ids))
    pad = generation_config._pad_token_tensor
    unfinished = torch.ones(len(input_ids), dtype=torch.long)
    read = input_ids
    while True:
        scores = decoder.step(read.contiguous()).clone()
        for process in logits_processor:  # the list's own call inspects each one's signature at every step
            scores = process(input_ids, scores)  # type: ignore[assignment, arg-type]
        if generation_config.do_sample:
            tokens = torch.multinomial(scores.softmax(dim=-1), num_samples=1).squeeze(1)
        else:
            tokens = scores.argmax(dim=-1)
        if pad is not None:
            tokens = tokens * unfinished + pad * (1 - unfinished)
        input_ids = torch.cat([input_ids, tokens[:, None]], dim=1)
        if streamer is not None:
            streamer.put(tokens)
        unfinished &= ~stopping_criteria(input_ids, None).to(torch.bool)  # type: ignore[arg-type]
        if not bool(unfinished.any()):
            break
        read = input_ids[:, -1:]
    if streamer is not None:
        streamer.end()
    return input_ids


def _decoder_of(model: PreTrainedModel, max_length: int | None) -> Decoder:
    """The model's decoder, made again when its weights have changed or more room is needed."""
    stamp = [(weight.data_ptr(), 0 if weight.is_inference() else weight._version) for weight in model.parameters()]
    most = max(max_length or 0, model.config.max_position_embeddings)
    kept = _DECODERS.get(model)
    if kept is None or kept[0] != stamp or kept[1].max_length < most:
        kept = _DECODERS[model] = (stamp, Decoder(model, most, torch.get_num_threads()))  # type: ignore[arg-type]
    return kept[1]
