"""Sampling and greedy decoding with a `Decoder`, in the place of transformers' own loop: same call, same results.

`generate()` prepares everything as always (limits, logits processors, stopping criteria). Then `decode` steps the
model elsewhere. Logits processors that it knows become a `Rule`, by which each sequence goes on in a few operations
of numpy; with others, the processors and criteria are called as they are. What it does not cover at all goes to
transformers' loop.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from transformers import (
    EosTokenCriteria,
    GenerationConfig,
    LogitsProcessorList,
    MaxLengthCriteria,
    PreTrainedModel,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from symbolic_music.generation.engine.decoder import Decoder
from symbolic_music.generation.engine.decoders import decoder_of, tell_once
from symbolic_music.generation.engine.draw import Draw, Exponentials, FromUniform
from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError
from symbolic_music.generation.engine.pieces import Piece, Rule
from symbolic_music.generation.engine.rows import RowGrammar
from symbolic_music.generation.grammar_processor import BehindContext, GrammarLogitsProcessor
from symbolic_music.generation.header_processor import HeaderLogitsProcessor
from symbolic_music.models import auto
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM


def register_models() -> None:
    """Let the Auto classes know the models, and these decode by what is fastest here."""
    auto.register_models()
    MusicTransformerForCausalLM.decode_with = staticmethod(decode)
    MusicLSTMForCausalLM.decode_with = staticmethod(decode)


@torch.no_grad()
def decode(model: PreTrainedModel, loop: Callable[..., Any], input_ids: torch.LongTensor, **kwargs: Any) -> Any:
    """Sampling or greedy decoding for `generate()`. Why a call goes to transformers' loop is said once, as INFO.

    Args:
        model: any.
        loop: transformers' own.
        input_ids: (B, T) prompts.
        kwargs: of transformers' `_sample`.

    Returns:
        (B, up to the limit) ids, padded behind their end; or whatever transformers' loop returns.
    """
    try:
        _check_call(input_ids, kwargs)
        decoder = decoder_of(model, kwargs["stopping_criteria"].max_length)
    except UnsupportedModelError as error:
        tell_once(str(error))
        return loop(input_ids, **kwargs)
    return _decode(decoder, input_ids, **kwargs)


def _check_call(input_ids: torch.Tensor, kwargs: dict[str, Any]) -> None:
    """Whether a call is covered: ids alone are wanted, of prompts without padding, from their beginning."""
    config, mask, past = (kwargs.get(name) for name in ("generation_config", "attention_mask", "past_key_values"))
    reasons = {
        "more than ids is asked for": config is None or config.return_dict_in_generate,
        "there is no longest length": kwargs["stopping_criteria"].max_length is None,
        "the prompt is empty": input_ids.shape[1] == 0,
        "prompts are padded": mask is not None and not bool(mask.all()),
        "there is a past": past is not None and past.get_seq_length() > 0,
        "embeddings are given": kwargs.get("inputs_embeds") is not None,
    }
    reason = next((reason for reason, holds in reasons.items() if holds), None)
    if reason is not None:
        raise UnsupportedModelError(reason)


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
    rule = _rule_of(logits_processor, generation_config)
    ends = _ends_of(stopping_criteria)
    choose: _ByRule | _ByProcessors
    if rule is None or ends is None:
        choose = _ByProcessors(logits_processor, stopping_criteria, generation_config)
    else:
        choose = _ByRule(rule, input_ids, ends, stopping_criteria.max_length, generation_config)  # type: ignore[arg-type]
    batch, length = input_ids.shape
    written = torch.empty(batch, stopping_criteria.max_length, dtype=torch.long)  # type: ignore[arg-type]
    written[:, :length] = input_ids
    logits = _read(decoder, input_ids)
    while True:
        tokens = choose(written[:, :length], logits)
        written[:, length] = tokens
        length += 1
        if streamer is not None:
            streamer.put(tokens)
        if choose.is_over(written[:, :length]):
            break
        logits = decoder.step(tokens.numpy())
    if streamer is not None:
        streamer.end()
    return written[:, :length].clone()


def _read(decoder: Decoder, input_ids: torch.Tensor) -> np.ndarray:
    """Begin a sequence behind each prompt; (B, V) logits of what comes next."""
    decoder.open(len(input_ids))
    read = {}
    for place, ids in enumerate(input_ids.numpy()):
        key = ids.tobytes()
        if key not in read:
            read[key] = decoder.read(ids)
        decoder.put(place, read[key])
    return np.stack([read[ids.tobytes()].logits for ids in input_ids.numpy()])


class _ByProcessors:
    """Tokens by logits processors and stopping criteria as they are."""

    def __init__(
        self, processors: LogitsProcessorList, criteria: StoppingCriteriaList, generation_config: GenerationConfig
    ):
        self._processors, self._criteria = processors, criteria
        self._is_random, self._pad = generation_config.do_sample, generation_config._pad_token_tensor
        self._unfinished: torch.Tensor | None = None

    def __call__(self, ids: torch.Tensor, logits: np.ndarray) -> torch.Tensor:
        """(B,) tokens behind (B, T) ids."""
        scores = torch.from_numpy(logits).clone()
        for process in self._processors:  # the list's own call inspects each one's signature at every step
            scores = process(ids, scores)  # type: ignore[assignment, arg-type]
        if self._is_random:
            tokens = torch.multinomial(scores.softmax(dim=-1), num_samples=1).squeeze(1)
        else:
            tokens = scores.argmax(dim=-1)
        if self._unfinished is not None and self._pad is not None:
            tokens = torch.where(self._unfinished, tokens, self._pad)
        return tokens

    def is_over(self, ids: torch.Tensor) -> bool:
        """Whether no sequence goes on behind (B, T) ids."""
        ended = self._criteria(ids, None).bool()  # type: ignore[arg-type]
        self._unfinished = ~ended if self._unfinished is None else self._unfinished & ~ended
        return not bool(self._unfinished.any())


class _ByRule:
    """Tokens by a rule, one sequence after the other."""

    def __init__(
        self,
        rule: Rule,
        input_ids: torch.Tensor,
        ends: frozenset[int],
        max_length: int,
        generation_config: GenerationConfig,
    ):
        self._pieces = [Piece(rule, ids, number=number) for number, ids in enumerate(input_ids.tolist())]
        self._is_random, self._ends, self._max_length = rule.draw.is_random, ends, max_length
        pad = generation_config._pad_token_tensor
        self._pad = None if pad is None else int(pad)
        self._ended = [False] * len(input_ids)

    def __call__(self, ids: torch.Tensor, logits: np.ndarray) -> torch.Tensor:
        """(B,) tokens."""
        noise = _exponentials(*logits.shape) if self._is_random else None
        tokens = []
        for number, piece in enumerate(self._pieces):
            if self._ended[number] and self._pad is not None:
                tokens.append(self._pad)
                continue
            token = piece.take(logits[number], None if noise is None else noise[number])
            self._ended[number] = token in self._ends
            tokens.append(token)
        return torch.tensor(tokens)

    def is_over(self, ids: torch.Tensor) -> bool:
        """Whether no sequence goes on behind (B, T) ids."""
        return ids.shape[1] >= self._max_length or all(self._ended)


def _exponentials(sequences: int, vocab_size: int) -> Sequence[Exponentials]:
    """Numbers as `torch.multinomial` draws them, for sequences that are over too."""
    if not _inverts_uniform():
        return list(torch.empty(sequences, vocab_size).exponential_().numpy())
    return [FromUniform(row) for row in torch.empty(sequences, vocab_size, dtype=torch.double).uniform_().numpy()]


@cache
def _inverts_uniform() -> bool:
    """Whether this torch makes its exponentials of uniform numbers, four fifths of whose time are logarithms."""
    generator, ids = torch.Generator(), np.arange(100)
    exponentials = torch.empty(len(ids)).exponential_(generator=generator.manual_seed(0)).numpy()
    uniform = torch.empty(len(ids), dtype=torch.double).uniform_(generator=generator.manual_seed(0)).numpy()
    return np.allclose(FromUniform(uniform)[ids], exponentials, rtol=1e-6, atol=0)


def _rule_of(processors: LogitsProcessorList, generation_config: GenerationConfig) -> Rule | None:
    """What logits processors come to, or None when there are others, or others' order."""
    left = list(processors)

    def take(kind: type) -> Any:
        return left.pop(0) if left and type(left[0]) is kind else None

    header = take(HeaderLogitsProcessor)
    behind = take(BehindContext)
    masker = behind.inner if behind is not None else take(GrammarLogitsProcessor)
    temperature, nucleus = take(TemperatureLogitsWarper), take(TopPLogitsWarper)
    if left or (masker is not None and type(masker) is not GrammarLogitsProcessor):
        return None
    if nucleus is not None and (nucleus.min_tokens_to_keep != 1 or nucleus.filter_value != -float("inf")):
        return None
    draw = Draw(
        bool(generation_config.do_sample),
        1.0 if temperature is None else float(temperature.temperature),
        1.0 if nucleus is None else float(nucleus.top_p),
    )
    grammar = None if masker is None else RowGrammar(masker.grammar, masker.max_length, masker.num_bars)
    return Rule(
        draw, grammar, header.header if header is not None else None, behind.start if behind is not None else 0
    )


def _ends_of(criteria: StoppingCriteriaList) -> frozenset[int] | None:
    """Tokens that end a sequence, or None when other things do, besides the longest length."""
    ends: set[int] = set()
    for criterion in criteria:
        if type(criterion) is EosTokenCriteria:
            ends |= set(criterion.eos_token_id.tolist())
        elif type(criterion) is not MaxLengthCriteria:
            return None
    return frozenset(ends)
