"""The music LSTM: token embeddings, layers of LSTM and a head, with the state as a cache.

It maps token ids to logits and knows nothing else: neither what a token means nor which token may follow which.
Every layer is a one-layer `nn.LSTM`, so that cuDNN's and oneDNN's kernels run over the whole sequence.
"""

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedModel
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import slice_logits_to_keep
from transformers.utils import can_return_tuple, logging
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from .cache_music_lstm import MusicLSTMCache
from .configuration_music_lstm import MusicLSTMConfig
from .kernel_music_lstm import NUM_GATES, State, has_cpu_kernel, run_one_step, run_padded

# Standard deviation of the token vectors at the start, where they are not tied to the head.
EMBEDDED_STD = 1.0
# The head's standard deviation at the start, times `sqrt(embedding_size)`: at any width the logits then start with
# about the same spread. A state is small (its values lie within one, most of them near zero), so a head as small as a
# Transformer's (0.02, after a LayerNorm) hears next to nothing of it, and sends next to nothing back.
# Measured (2 layers of 224, token vectors of 96, untied head, 1,024 tokens a step, Muon at 2e-3; mean loss of steps
# 101-120; ln V = 6.93): 3.51 with vectors at 0.5, head and projection at 0.02; 2.18 with these two at 0.1, which is a
# scale of 1; 1.97 with a scale of 1, vectors at 1 and the projection after Glorot; 1.82 with a scale of 2 and an
# orthogonal projection. After 300 steps: 1.253 with a scale of 2, 1.245 with 4; 1.251 with 2 and no forget-gate bias.
HEAD_SCALE = 4.0
# Its place among the matrices that nn.LSTM stacks.
FORGET_GATE = 1

logger = logging.get_logger(__name__)


class MusicLSTMLayer(GradientCheckpointingLayer):
    """One layer over a whole sequence, with dropout of its output."""

    def __init__(self, config: MusicLSTMConfig, layer_idx: int):
        super().__init__()
        self.layer_idx = layer_idx
        input_size = config.embedding_size if layer_idx == 0 else config.hidden_size
        self.lstm = nn.LSTM(input_size, config.hidden_size, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        hidden_states: torch.Tensor,
        mask: torch.Tensor | None = None,
        past_key_values: MusicLSTMCache | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Run the layer, from the cache's state where there is one, and leave the state there.

        Args:
            hidden_states: (batch, length, width).
            mask: (batch, length), True for real tokens; None when nothing is padded.
            past_key_values: the cache.

        Returns:
            (batch, length, hidden_size).
        """
        state = self._initial_state(hidden_states, past_key_values)
        if past_key_values is not None and past_key_values.is_recording_past(self.layer_idx):
            outputs = self._run_step_by_step(hidden_states, mask, state, past_key_values)
        else:
            outputs, state = self._run(hidden_states, mask, state)
            self._store(past_key_values, state, hidden_states.shape[1])
        return self.dropout(outputs)

    def _run(self, hidden_states: torch.Tensor, mask: torch.Tensor | None, state: State) -> tuple[torch.Tensor, State]:
        """Run the layer in the kernel that its device has."""
        weights = next(self.lstm.parameters()).dtype
        autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
        if hidden_states.device.type != "cpu" or has_cpu_kernel(weights, autocast):
            return self._run_kernel(hidden_states, mask, state)
        hidden, cell = state
        own_kernel = nullcontext() if has_cpu_kernel(weights, None) else torch.backends.mkldnn.flags(enabled=False)
        with torch.autocast("cpu", enabled=False), own_kernel:
            return self._run_kernel(hidden_states.to(weights), mask, (hidden.to(weights), cell.to(weights)))

    def _run_kernel(
        self, hidden_states: torch.Tensor, mask: torch.Tensor | None, state: State
    ) -> tuple[torch.Tensor, State]:
        if hidden_states.shape[1] == 1:
            return run_one_step(self.lstm, hidden_states, mask, state)
        if mask is None:
            return self.lstm(hidden_states, state)
        return run_padded(self.lstm, hidden_states, mask, state)

    def _run_step_by_step(
        self, hidden_states: torch.Tensor, mask: torch.Tensor | None, state: State, past_key_values: MusicLSTMCache
    ) -> torch.Tensor:
        """Token by token, so that the cache records the state before each."""
        outputs = []
        for step in range(hidden_states.shape[1]):
            here = slice(step, step + 1)
            output, state = self._run(hidden_states[:, here], None if mask is None else mask[:, here], state)
            self._store(past_key_values, state, 1)
            outputs.append(output)
        return torch.cat(outputs, dim=1)

    def _initial_state(self, hidden_states: torch.Tensor, past_key_values: MusicLSTMCache | None) -> State:
        """The cache's state, or zeros; each (1, batch, hidden_size)."""
        state = past_key_values.state(self.layer_idx) if past_key_values is not None else None
        if state is None:
            zeros = hidden_states.new_zeros(1, hidden_states.shape[0], self.lstm.hidden_size)
            return zeros, zeros
        hidden, cell = state
        return hidden[None], cell[None]

    def _store(self, past_key_values: MusicLSTMCache | None, state: State, num_tokens: int) -> None:
        if past_key_values is not None:
            hidden, cell = state
            past_key_values.update(hidden[0], cell[0], self.layer_idx, num_tokens=num_tokens)


class MusicLSTMHeadProjection(nn.Linear):
    """From the last layer's width to the token vectors'; a class of its own because it starts differently."""


class MusicLSTMPreTrainedModel(PreTrainedModel):
    """What both models share: what they support, and how their weights start."""

    config: MusicLSTMConfig
    config_class = MusicLSTMConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["MusicLSTMLayer"]  # noqa: RUF012
    _skip_keys_device_placement = ["past_key_values"]  # noqa: RUF012
    _can_record_outputs = {"hidden_states": MusicLSTMLayer}  # noqa: RUF012

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> "MusicLSTMPreTrainedModel":  # type: ignore[override]
        """As in transformers; where no `dtype` is asked for and there is no GPU, in float32.

        Weights are stored in bf16, and few CPUs compute in it: sampling would be twice as slow.
        """
        asked = kwargs.get("dtype") or kwargs.get("torch_dtype")
        if asked is None and not torch.cuda.is_available():
            kwargs["dtype"] = torch.float32
        return super().from_pretrained(*args, **kwargs)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Token vectors by `EMBEDDED_STD`, the head by `HEAD_SCALE`, LSTMs by `_init_lstm`.

        The projection to the head is uniform after Glorot & Bengio (2010), as are an LSTM's input matrices.
        """
        head_std = HEAD_SCALE / math.sqrt(self.config.embedding_size)
        if isinstance(module, nn.LSTM):
            self._init_lstm(module)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=head_std if self.config.tie_word_embeddings else EMBEDDED_STD)
        elif isinstance(module, MusicLSTMHeadProjection):
            init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.Linear):
            init.normal_(module.weight, std=head_std)
        else:
            super()._init_weights(module)

    @staticmethod
    def _init_lstm(lstm: nn.LSTM) -> None:
        """Start each gate by itself, as if the four matrices were not stacked.

        Input matrices uniform after Glorot & Bengio (2010), recurrent matrices orthogonal, so that the state neither
        fades nor explodes (Saxe et al. 2014), and biases zero but the forget gate's, which is one, so that the cell
        remembers from the start (Gers et al. 2000; Jozefowicz et al. 2015). nn.LSTM adds two biases to every gate;
        only the first gets the one.
        """
        for name, parameter in lstm.named_parameters():
            start = torch.zeros_like(parameter)
            for gate, matrix in enumerate(start.chunk(NUM_GATES)):
                if name.startswith("weight_ih"):
                    init.xavier_uniform_(matrix)
                elif name.startswith("weight_hh"):
                    init.orthogonal_(matrix)
                elif name.startswith("bias_ih") and gate == FORGET_GATE:
                    init.ones_(matrix)
            # The last word is init's, which leaves parameters alone that were loaded.
            init.copy_(parameter, start)


class MusicLSTMModel(MusicLSTMPreTrainedModel):
    """The layers without a head: ids to hidden states."""

    def __init__(self, config: MusicLSTMConfig):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.embedding_size)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(MusicLSTMLayer(config, layer_idx) for layer_idx in range(config.num_hidden_layers))
        self.gradient_checkpointing = False
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Run the layers.

        Args:
            input_ids: (batch, length); give either this or `inputs_embeds`.
            attention_mask: (batch, past + length), 1 for real tokens; padding never enters the state. Leave it out
                when nothing is padded.
            past_key_values: cache of an earlier call, a `MusicLSTMCache`.
            inputs_embeds: (batch, length, embedding_size), as `get_input_embeddings()` gives them.
            use_cache: whether to return a cache; the config's value when left out.

        Returns:
            `last_hidden_state` (batch, length, hidden_size) and `past_key_values`.

        Raises:
            ValueError: when both or neither of `input_ids` and `inputs_embeds` are given, or when the mask is of
                another shape.
            TypeError: when the cache is of another kind.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give exactly one of input_ids and inputs_embeds")
        if past_key_values is not None and not isinstance(past_key_values, MusicLSTMCache):
            raise TypeError(f"past_key_values must be a MusicLSTMCache, got {type(past_key_values).__name__}")
        if inputs_embeds is None:
            inputs_embeds = self.embed_tokens(input_ids)
        if use_cache and past_key_values is None:
            past_key_values = MusicLSTMCache(self.config)

        mask = self._padding_mask(attention_mask, inputs_embeds.shape[1])
        hidden_states = self.dropout(inputs_embeds)
        for layer in self.layers:
            hidden_states = layer(hidden_states, mask=mask, past_key_values=past_key_values, use_cache=use_cache)
        return BaseModelOutputWithPast(
            last_hidden_state=hidden_states,
            past_key_values=past_key_values if use_cache else None,
        )

    @staticmethod
    def _padding_mask(attention_mask: torch.Tensor | None, length: int) -> torch.Tensor | None:
        """(batch, length) of this call's tokens, True for real ones; None when all are real."""
        if attention_mask is None:
            return None
        if attention_mask.ndim != 2 or attention_mask.shape[1] < length:
            raise ValueError(
                f"attention_mask must be (batch, length) with at least {length} columns, "
                f"got shape {tuple(attention_mask.shape)}; a state can leave padding out and nothing else"
            )
        mask = attention_mask[:, -length:].bool()
        return None if mask.all() else mask


class MusicLSTMForCausalLM(MusicLSTMPreTrainedModel, GenerationMixin):
    """The music LSTM with a head that gives the next token's logits."""

    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}  # noqa: RUF012
    # What decodes in the place of transformers' own loop, given the model, that loop and its arguments; None is the
    # loop. The package sets it to its engine.
    decode_with: Callable | None = None

    def __init__(self, config: MusicLSTMConfig):
        super().__init__(config)
        self.model = MusicLSTMModel(config)
        self.head_projection: nn.Module = nn.Identity()
        if config.embedding_size != config.hidden_size:
            self.head_projection = MusicLSTMHeadProjection(config.hidden_size, config.embedding_size, bias=False)
        self.lm_head = nn.Linear(config.embedding_size, config.vocab_size, bias=False)
        self.post_init()

    def _prepare_cache_for_generation(  # type: ignore[override]
        self, generation_config: Any, model_kwargs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> None:
        """Let `generate()` begin with our cache; its own choice would be one of keys and values.

        Raises:
            ValueError: when another kind of cache is asked for.
        """
        if generation_config.use_cache is not False and model_kwargs.get("past_key_values") is None:
            if generation_config.cache_implementation not in (None, "dynamic"):
                raise ValueError(
                    f"cache_implementation={generation_config.cache_implementation!r} is for keys and values; "
                    "an LSTM carries its state, leave it out"
                )
            model_kwargs["past_key_values"] = MusicLSTMCache(self.config)
            if generation_config.is_assistant:
                model_kwargs["past_key_values"].activate_past_recording()
            return
        super()._prepare_cache_for_generation(generation_config, model_kwargs, *args, **kwargs)  # type: ignore[misc]

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
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Run the model; the arguments are `MusicLSTMModel.forward`'s and these.

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
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )
        hidden_states = slice_logits_to_keep(outputs.last_hidden_state, logits_to_keep)
        logits = self.lm_head(self.head_projection(hidden_states))
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
        )


__all__ = ["MusicLSTMForCausalLM", "MusicLSTMModel", "MusicLSTMPreTrainedModel"]
