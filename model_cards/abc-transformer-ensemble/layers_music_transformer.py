"""The layers of the Music Transformer: positions, attention, feed-forward and the block of both.

They map vectors to vectors. Attention goes through transformers' attention interface, so that `attn_implementation`
chooses the kernel.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers.activations import ACT2FN
from transformers.cache_utils import Cache
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration_music_transformer import MusicTransformerConfig


def position_angles(position_ids: torch.Tensor, dim: int, base: float) -> torch.Tensor:
    """Angles `position / base^(2i / dim)` shared by sinusoidal and rotary positions.

    Computed where they are used, in float32: there is no table to outgrow, to save, or to refill after loading.

    Args:
        position_ids: (batch or 1, length).
        dim: even width that the sines and cosines will fill.
        base: base of the wavelengths.

    Returns:
        (batch or 1, length, dim / 2), float32.
    """
    exponents = torch.arange(0, dim, 2, device=position_ids.device, dtype=torch.float32) / dim
    return position_ids[..., None].float() * torch.pow(base, -exponents)


def sinusoidal_positions(position_ids: torch.Tensor, dim: int, base: float) -> torch.Tensor:
    """Sinusoidal position vectors (Vaswani et al. 2017, section 3.5), the sines first and then the cosines.

    The paper interleaves them; as a permutation of the dimensions that makes no difference to the model.

    Returns:
        (batch or 1, length, dim), float32.
    """
    angles = position_angles(position_ids, dim, base)
    return torch.cat((angles.sin(), angles.cos()), dim=-1)


def rotary_positions(position_ids: torch.Tensor, dim: int, base: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines for `apply_rotary_positions`, each (batch or 1, 1, length, dim), float32."""
    angles = position_angles(position_ids, dim, base)
    angles = torch.cat((angles, angles), dim=-1)[:, None]
    return angles.cos(), angles.sin()


def rotate_half(states: torch.Tensor) -> torch.Tensor:
    """Turn each pair (x_i, x_{i + dim/2}) by a right angle."""
    first, second = states.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def apply_rotary_positions(states: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Turn queries or keys by their position's angles (Su et al. 2021, equation 34).

    Args:
        states: (batch, heads, length, head_dim).
        cosines, sines: (batch or 1, 1, length, head_dim).
    """
    rotated = states.float() * cosines + rotate_half(states.float()) * sines
    return rotated.to(states.dtype)


def position_ids_from_mask(attention_mask: torch.Tensor, query_length: int) -> torch.Tensor:
    """Positions that count real tokens only, so that padding on the left does not shift a sequence.

    Args:
        attention_mask: (batch, past + query_length), 1 for real tokens.
        query_length: number of tokens in this call.

    Returns:
        (batch, query_length); the positions of padding are clamped to 0, and are masked anyway.
    """
    return (attention_mask.long().cumsum(-1) - 1).clamp(min=0)[:, -query_length:]


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention written out (Vaswani et al. 2017, equation 1): the reference, and the one that returns its weights.

    Args:
        query, key, value: (batch, heads, length, head_dim).
        attention_mask: additive, (batch, 1, query length, key length).

    Returns:
        output (batch, query length, heads, head_dim) and weights (batch, heads, query length, key length).
    """
    attention_weights = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        attention_weights = attention_weights + attention_mask
    attention_weights = nn.functional.softmax(attention_weights, dim=-1, dtype=torch.float32).to(query.dtype)
    attention_weights = nn.functional.dropout(attention_weights, p=dropout, training=module.training)
    attention_output = torch.matmul(attention_weights, value)
    return attention_output.transpose(1, 2).contiguous(), attention_weights


class MusicTransformerScaledEmbedding(nn.Embedding):
    """Token embeddings times `sqrt(hidden_size)` (Vaswani et al. 2017, section 3.4).

    The scale is applied here, not in the model's forward, so that `get_input_embeddings()(ids)` is a valid
    `inputs_embeds`; PEFT finds it by the name `embed_scale`.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int):
        super().__init__(num_embeddings, embedding_dim)
        self.embed_scale = math.sqrt(embedding_dim)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """(batch, length) ids to (batch, length, hidden_size)."""
        return super().forward(input_ids) * self.embed_scale


class MusicTransformerResidualLinear(nn.Linear):
    """A projection that writes to the residual stream; a class of its own because it starts smaller."""


class MusicTransformerAttention(nn.Module):
    """Causal multi-head self-attention with one fused projection for queries, keys and values."""

    def __init__(self, config: MusicTransformerConfig, layer_idx: int):
        super().__init__()
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.head_dim
        self.scaling = self.head_dim**-0.5
        self.attention_dropout = config.attention_dropout
        self.is_causal = True
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=False)
        self.o_proj = MusicTransformerResidualLinear(config.hidden_size, config.hidden_size, bias=False)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        rotary: tuple[torch.Tensor, torch.Tensor] | None = None,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(batch, length, hidden_size) to the same, and the attention weights where the kernel gives them."""
        input_shape = hidden_states.shape[:-1]
        qkv_states = self.qkv_proj(hidden_states).view(*input_shape, 3, -1, self.head_dim)
        query_states, key_states, value_states = qkv_states.transpose(1, 3).unbind(2)
        if rotary is not None:
            query_states = apply_rotary_positions(query_states, *rotary)
            key_states = apply_rotary_positions(key_states, *rotary)
        if past_key_values is not None:
            key_states, value_states = past_key_values.update(key_states, value_states, self.layer_idx)

        attention_interface: Callable = ALL_ATTENTION_FUNCTIONS.get_interface(
            self.config._attn_implementation, eager_attention_forward
        )
        attention_output, attention_weights = attention_interface(
            self,
            query_states,
            key_states,
            value_states,
            attention_mask,
            dropout=self.attention_dropout if self.training else 0.0,
            scaling=self.scaling,
            **kwargs,
        )
        attention_output = self.o_proj(attention_output.reshape(*input_shape, -1))
        return attention_output, attention_weights


class MusicTransformerMLP(nn.Module):
    """The position-wise feed-forward layer."""

    def __init__(self, config: MusicTransformerConfig):
        super().__init__()
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = MusicTransformerResidualLinear(config.intermediate_size, config.hidden_size, bias=False)
        self.act_fn = ACT2FN[config.hidden_act]

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """(batch, length, hidden_size) to the same."""
        return self.down_proj(self.act_fn(self.up_proj(hidden_states)))


class MusicTransformerDecoderLayer(GradientCheckpointingLayer):
    """One block: attention and feed-forward, each normalised before and added to the residual stream after.

    Normalising first keeps the residual path free of LayerNorm, which trains without warm-up tricks (Xiong et al.
    2020, section 3).
    """

    def __init__(self, config: MusicTransformerConfig, layer_idx: int):
        super().__init__()
        self.self_attn = MusicTransformerAttention(config, layer_idx)
        self.mlp = MusicTransformerMLP(config)
        self.input_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        rotary: tuple[torch.Tensor, torch.Tensor] | None = None,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """(batch, length, hidden_size) to the same."""
        attention_output, _ = self.self_attn(
            self.input_layernorm(hidden_states),
            attention_mask=attention_mask,
            rotary=rotary,
            past_key_values=past_key_values,
            **kwargs,
        )
        hidden_states = hidden_states + self.dropout(attention_output)
        return hidden_states + self.dropout(self.mlp(self.post_attention_layernorm(hidden_states)))
