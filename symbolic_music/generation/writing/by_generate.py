"""Sequences written by `generate()`, for models that have no graph here, or are on a GPU."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from transformers import (
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)
from transformers.generation.streamers import BaseStreamer

from symbolic_music.generation.engine.pieces import Noise
from symbolic_music.generation.grammar_processor import BehindContext, GrammarLogitsProcessor
from symbolic_music.generation.header_processor import HeaderLogitsProcessor
from symbolic_music.generation.writing.request import Request, until_end


@torch.inference_mode()
def write_by_generate(
    model: PreTrainedModel,
    request: Request,
    numbers: range,
    noises: list[Noise | None],
    batch_size: int,
    on_token: Callable[[int, list[int]], Any] | None,
) -> Iterator[dict[int, list[int]]]:
    """Sequences by number, as batches of them are done; arguments are those of `write_sequences`."""
    for first in range(0, len(numbers), batch_size):
        batch = numbers[first : first + batch_size]
        processors = _processors(request, noises[first : first + batch_size])
        listener = None if on_token is None else _Listener(request, batch, on_token)
        begun = torch.tensor([request.prompt] * len(batch), device=model.device)
        given: dict[str, Any] = {"inputs": begun}
        if request.context is not None:
            given = {"inputs": torch.tensor([request.context] * len(batch), device=model.device)}
            # BART's own settings end every text in a way of their own.
            given |= {"decoder_input_ids": begun, "decoder_start_token_id": request.prompt[0]}
            given |= {"forced_bos_token_id": None, "forced_eos_token_id": None, "no_repeat_ngram_size": 0}
        output = model.generate(  # type: ignore[operator]
            attention_mask=torch.ones_like(given["inputs"]),
            max_length=request.max_length,
            num_beams=1,
            logits_processor=processors,
            streamer=listener,
            pad_token_id=request.pad,
            eos_token_id=request.eos,
            # The noise makes the likeliest token a random one.
            do_sample=False,
            temperature=1.0,
            top_p=1.0,
            top_k=50,
            **given,
        )
        yield dict(zip(batch, (until_end(ids, request.eos) for ids in output.tolist()), strict=True))


def _processors(request: Request, noises: list[Noise | None]) -> LogitsProcessorList:
    """All that stands between logits and the choice of the greatest."""
    processors = LogitsProcessorList()
    if request.header is not None:
        processors.append(HeaderLogitsProcessor(request.header))
    if request.grammar is not None:
        masker = GrammarLogitsProcessor(request.grammar, request.max_length - request.start, request.num_bars)
        processors.append(BehindContext(masker, request.start) if request.start else masker)
    drawn = [noise for noise in noises if noise is not None]
    if drawn:
        if request.draw.temperature != 1:
            processors.append(TemperatureLogitsWarper(request.draw.temperature))
        if request.draw.top_p < 1:
            processors.append(TopPLogitsWarper(request.draw.top_p))
        processors.append(_NoiseLogitsProcessor(drawn))
    return processors


class _NoiseLogitsProcessor(LogitsProcessor):
    """Makes the greatest score a random one, with the probabilities that the scores stand for.

    The index of the greatest of `p_i / E_i`, with E_i exponentially distributed, is i with probability `p_i`: an
    exponential race, the Gumbel-max trick (Gumbel 1954) in another form, and what `torch.multinomial` does.

    Args:
        noises: one for each sequence.
    """

    def __init__(self, noises: list[Noise]):
        self._noises = noises

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.Tensor:  # type: ignore[override]
        """Scores (B, V) behind `input_ids` (B, T)."""
        drawn = torch.from_numpy(np.stack([noise.draw() for noise in self._noises])).to(scores.device)
        return scores - drawn.log()


class _Listener(BaseStreamer):
    """Hands each token of a batch on."""

    def __init__(self, request: Request, numbers: range, on_token: Callable[[int, list[int]], Any]):
        self._eos, self._on_token = request.eos, on_token
        self._going = {place: (number, list(request.prompt)) for place, number in enumerate(numbers)}
        self._has_begun = False

    def put(self, value: torch.Tensor) -> None:
        """(B,) tokens; the first call brings the prompts."""
        if not self._has_begun:
            self._has_begun = True
            return
        tokens = value.tolist()
        for place, (number, ids) in list(self._going.items()):
            ids.append(tokens[place])
            self._on_token(number, ids)
            if tokens[place] == self._eos:
                del self._going[place]

    def end(self) -> None:
        """Nothing is left to say."""
