"""The Music Transformer: a decoder-only, pre-norm Transformer with a key/value cache.

It maps token ids to logits and knows nothing else: neither what a token means nor which token may follow which.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import GenerationConfig, GenerationMixin, PreTrainedModel
from transformers import initialization as init
from transformers.cache_utils import Cache, DynamicCache
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import slice_logits_to_keep
from transformers.utils import can_return_tuple
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .cache_music_transformer import GrowingCache
from .configuration_music_transformer import MusicTransformerConfig
from .layers_music_transformer import (
    MusicTransformerAttention,
    MusicTransformerDecoderLayer,
    MusicTransformerResidualLinear,
    MusicTransformerScaledEmbedding,
    position_ids_from_mask,
    rotary_positions,
    sinusoidal_positions,
)

# Standard deviation of a token's vector as it enters the first block, at the start and at any width; learned positions
# start at the same. The usual table for scaled embeddings (hidden_size ** -0.5, as in tensor2tensor and fairseq) gives
# 1: on a par with the positions, but a tied head then starts out sure that every token repeats, since the logit of the
# token just read is about sqrt(hidden_size). GPT-2's 0.02 depends on the width: 0.11 at 32, 0.64 at 1024. One half is
# still on a par with positions that are added, and one quarter is enough where none are.
# Measured (4 tied layers, 1,734 ids, 512 tokens a step, AdamW at 1e-3; first loss and mean of the last 20 steps;
# ln 1734 = 7.46): sinusoidal, width 512, 160 steps: 17.7 -> 4.43 with 1, 7.7 -> 4.05 with 0.5, 7.6 -> 4.08 with
# GPT-2's; width 192, 200 steps: 4.30 with 1, 4.05 with 0.5, 4.36 with GPT-2's (0.28); width 256, 120 steps: 4.63 with
# 0.5, 5.39 with 0.25; rotary there: 8.5 -> 4.40 with 0.5, 7.5 -> 4.18 with 0.25.
EMBEDDED_STD = {"sinusoidal": 0.5, "learned": 0.5, "rotary": 0.25}


class PositionOutOfRangeError(ValueError):
    """A position lies beyond the table of learned positions, which has no formula to go on."""


class MusicTransformerPreTrainedModel(PreTrainedModel):
    """What both models share: what they support, and how their weights start."""

    config: MusicTransformerConfig
    config_class = MusicTransformerConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["MusicTransformerDecoderLayer"]  # noqa: RUF012
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_compile_fullgraph = True
    _can_record_outputs = {  # noqa: RUF012
        "hidden_states": MusicTransformerDecoderLayer,
        "attentions": MusicTransformerAttention,
    }

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> "MusicTransformerPreTrainedModel":  # type: ignore[override]
        """As in transformers; where no `dtype` is asked for and there is no GPU, in float32.

        Weights are stored in bf16, and few CPUs compute in it: sampling would be twice as slow.
        """
        asked = kwargs.get("dtype") or kwargs.get("torch_dtype")
        if asked is None and not torch.cuda.is_available():
            kwargs["dtype"] = torch.float32
        return super().from_pretrained(*args, **kwargs)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Embeddings by `EMBEDDED_STD`, the rest as GPT-2.

        The two projections that write to the residual stream are divided by `sqrt(2 * num_hidden_layers)`, so that
        its variance does not grow with depth (Radford et al. 2019, section 2.3).
        """
        if isinstance(module, nn.Embedding):
            scale = module.embed_scale if isinstance(module, MusicTransformerScaledEmbedding) else 1.0
            init.normal_(module.weight, mean=0.0, std=EMBEDDED_STD[self.config.position_encoding] / scale)
        elif isinstance(module, MusicTransformerResidualLinear):
            std = self.config.initializer_range / math.sqrt(2 * self.config.num_hidden_layers)
            init.normal_(module.weight, mean=0.0, std=std)
        else:
            super()._init_weights(module)


class MusicTransformerModel(MusicTransformerPreTrainedModel):
    """The blocks without a head: ids to hidden states."""

    def __init__(self, config: MusicTransformerConfig):
        super().__init__(config)
        self.embed_tokens = MusicTransformerScaledEmbedding(config.vocab_size, config.hidden_size)
        if config.position_encoding == "learned":
            self.embed_positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            MusicTransformerDecoderLayer(config, layer_idx) for layer_idx in range(config.num_hidden_layers)
        )
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.gradient_checkpointing = False
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Run the blocks.

        Args:
            input_ids: (batch, length); give either this or `inputs_embeds`.
            attention_mask: (batch, past + length), 1 for real tokens, or a prepared 4-dimensional mask. Leave it out
                when nothing is padded: SDPA then needs no mask tensor.
            position_ids: (batch, length); derived from `attention_mask` when left out, so that padding on the left
                changes nothing.
            past_key_values: cache of an earlier call.
            inputs_embeds: (batch, length, hidden_size), as `get_input_embeddings()` gives them.
            use_cache: whether to return a cache; the config's value when left out.

        Returns:
            `last_hidden_state` (batch, length, hidden_size), after the last LayerNorm, and `past_key_values`.

        Raises:
            ValueError: when both or neither of `input_ids` and `inputs_embeds` are given.
            PositionOutOfRangeError: when learned positions run out.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give exactly one of input_ids and inputs_embeds")
        if inputs_embeds is None:
            inputs_embeds = self.embed_tokens(input_ids)
        if use_cache and past_key_values is None:
            past_key_values = GrowingCache(self.config)

        causal_mask = create_causal_mask(
            config=self.config,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            past_key_values=past_key_values,
            # Only a caller's own positions may mean packed sequences; ours never do, and reading them would cost a
            # mask under torch.compile.
            position_ids=position_ids,
        )
        if position_ids is None:
            position_ids = self._position_ids(inputs_embeds, attention_mask, past_key_values)

        hidden_states = self.dropout(self._add_positions(inputs_embeds, position_ids))
        rotary = self._rotary(position_ids)
        for decoder_layer in self.layers:
            hidden_states = decoder_layer(
                hidden_states,
                attention_mask=causal_mask,
                rotary=rotary,
                position_ids=position_ids,
                past_key_values=past_key_values,
                use_cache=use_cache,
                **kwargs,
            )
        return BaseModelOutputWithPast(
            last_hidden_state=self.norm(hidden_states),
            past_key_values=past_key_values if use_cache else None,
        )

    @staticmethod
    def _position_ids(
        inputs_embeds: torch.Tensor, attention_mask: torch.Tensor | None, past_key_values: Cache | None
    ) -> torch.Tensor:
        """(batch or 1, length): real tokens counted from 0, the cached ones included."""
        length = inputs_embeds.shape[1]
        if attention_mask is not None and attention_mask.ndim == 2:
            return position_ids_from_mask(attention_mask, length)
        past_length = past_key_values.get_seq_length() if past_key_values is not None else 0
        return (torch.arange(length, device=inputs_embeds.device) + past_length)[None]

    def _add_positions(self, inputs_embeds: torch.Tensor, position_ids: torch.Tensor) -> torch.Tensor:
        """Add sinusoidal or learned positions; rotary ones act inside the attention instead."""
        if self.config.position_encoding == "rotary":
            return inputs_embeds
        if self.config.position_encoding == "learned":
            self._check_position_range(position_ids)
            return inputs_embeds + self.embed_positions(position_ids)
        positions = sinusoidal_positions(position_ids, self.config.hidden_size, self.config.position_base)
        return inputs_embeds + positions.to(inputs_embeds.dtype)

    def _rotary(self, position_ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
        if self.config.position_encoding != "rotary":
            return None
        return rotary_positions(position_ids, self.config.head_dim, self.config.position_base)

    def _check_position_range(self, position_ids: torch.Tensor) -> None:
        # Reading a value would break a compiled graph; there, the lookup's own bounds check is left.
        if torch.compiler.is_compiling():
            return
        last_position = int(position_ids.max())
        if last_position >= self.config.max_position_embeddings:
            raise PositionOutOfRangeError(
                f"position {last_position} is beyond max_position_embeddings "
                f"({self.config.max_position_embeddings}); learned positions cannot be extended: "
                "shorten the input or train with position_encoding='sinusoidal' or 'rotary'"
            )


class MusicTransformerForCausalLM(MusicTransformerPreTrainedModel, GenerationMixin):
    """The Music Transformer with a head that gives the next token's logits."""

    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}  # noqa: RUF012
    # Where it is set, `generate()` samples by it: called with the model, transformers' own loop, and its arguments.
    decode_with: Callable | None = None

    def __init__(self, config: MusicTransformerConfig):
        super().__init__(config)
        self.model = MusicTransformerModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def _prepare_cache_for_generation(  # type: ignore[override]
        self, generation_config: GenerationConfig, model_kwargs: dict[str, Any], *args: Any
    ) -> None:
        """As the base class; where it would make a plain dynamic cache, one that grows in place is made."""
        given = model_kwargs.get("past_key_values")
        super()._prepare_cache_for_generation(generation_config, model_kwargs, *args)  # type: ignore[misc]
        made = model_kwargs.get("past_key_values")
        if given is None and type(made) is DynamicCache and not made.offloading:
            model_kwargs["past_key_values"] = GrowingCache(self.config)

    def _sample(self, input_ids: torch.Tensor, **kwargs: Any) -> Any:  # type: ignore[override]
        """Sampling and greedy decoding: transformers' loop, or what stands in its place."""
        decode: Callable | None = type(self).decode_with
        loop: Callable = super()._sample  # type: ignore[misc]
        return loop(input_ids, **kwargs) if decode is None else decode(self, loop, input_ids, **kwargs)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Run the model; the arguments are `MusicTransformerModel.forward`'s and these.

        Args:
            labels: (batch, length) ids, not shifted; -100 is left out of the loss.
            logits_to_keep: number of last positions to compute logits for (0: all), or their indices.
            kwargs: `num_items_in_batch` divides the summed loss by that number instead of averaging it, which makes
                gradient accumulation equal one large batch.

        Returns:
            `loss` (mean cross-entropy in nats per token), `logits` (batch, kept length, vocab_size) and
            `past_key_values`.
        """
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )
        logits = self.lm_head(slice_logits_to_keep(outputs.last_hidden_state, logits_to_keep))
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


__all__ = [
    "MusicTransformerForCausalLM",
    "MusicTransformerModel",
    "MusicTransformerPreTrainedModel",
    "PositionOutOfRangeError",
]
