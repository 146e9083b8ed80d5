"""A model that is to fill masked bars, begun with the weights of one that reads track text from left to right.

Knows models by their layers and tokens by their names; knows nothing of data or steps.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    MBartConfig,
    MBartForConditionalGeneration,
    PreTrainedModel,
)

from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.adaptation.vocabulary import embedding_tables

# Of the spread of the known rows, so that tokens that are new begin apart.
_NOISE = 0.1
# Rows before the first position of a BART.
_OFFSET = 2


@torch.no_grad()
def causal_from(reader: PreTrainedModel, read: MusicProcessor, processor: MusicProcessor) -> PreTrainedModel:
    """A causal model of the reader's family and sizes for the tokens of a processor.

    On the tokens that both know, and as long as no token that is new has probability, it says what the reader says.

    Args:
        reader: a causal model.
        read: its processor.
        processor: of the model that is made; tokens are matched by name.
    """
    config = copy.deepcopy(reader.config)
    config.update({"vocab_size": len(processor.tokenizer)})
    model = AutoModelForCausalLM.from_config(config)
    tables, known = embedding_tables(model), dict(reader.named_parameters())
    for name, weight in model.named_parameters():
        if not any(weight is table for table in tables):
            weight.copy_(known[name])
    for table, rows in zip(tables, embedding_tables(reader), strict=True):
        table.copy_(rows_by_name(rows, read, processor))
    return model


@torch.no_grad()
def bart_from(
    reader: GPT2LMHeadModel,
    read: MusicProcessor,
    processor: MusicProcessor,
    special_ids: dict[str, Any],
    encoder_layers: int | None = None,
) -> MBartForConditionalGeneration:
    """A BART with its layer norms before the sublayers, both of whose halves are a GPT-2's layers.

    As Rothe, Narayan and Severyn (2020, "Leveraging Pre-trained Checkpoints for Sequence Generation Tasks",
    arXiv:1907.12461) begin encoder and decoder with one pretrained stack. The attention from decoder to encoder is
    new and adds nothing at first, so that the decoder begins as the GPT-2. Other than a GPT-2, this BART normalises
    embeddings before its first layer: they begin with the size that the GPT-2's have on average.

    Args:
        reader: a GPT-2.
        read: its processor.
        processor: of the model that is made; tokens are matched by name.
        special_ids: of the configuration.
        encoder_layers: of the encoder, the GPT-2's first ones; all when None.
    """
    gpt2 = reader.config
    model = MBartForConditionalGeneration(_bart_config(gpt2, len(processor.tokenizer), special_ids, encoder_layers))
    rows = rows_by_name(reader.transformer.wte.weight, read, processor)
    model.model.shared.weight.copy_(rows)
    positions = reader.transformer.wpe.weight
    size = torch.stack([(row + positions).std(dim=1, correction=0).mean() for row in rows]).mean()
    for half in (model.model.encoder, model.model.decoder):
        half.embed_positions.weight[_OFFSET:].copy_(positions)
        half.layernorm_embedding.weight.fill_(size)
        for layer, block in zip(half.layers, reader.transformer.h, strict=False):
            _copy_block(layer, block)
        _copy_affine(half.layer_norm, reader.transformer.ln_f)
    for layer in model.model.decoder.layers:
        nn.init.zeros_(layer.encoder_attn.out_proj.weight)
    return model


def rows_by_name(rows: Tensor, read: MusicProcessor, processor: MusicProcessor, seed: int = 0) -> Tensor:
    """A table (V, D) for a processor's tokens: a row (of U, D) for each that has the same name, and for each other
    the mean of all rows with a little noise (Hewitt 2021, "Initializing New Word Embeddings for Pretrained Language
    Models").

    Args:
        rows: of the tokens of `read`, by id.
        read: whose names `rows` has.
        processor: whose names are asked for.
        seed: of the noise.
    """
    old, new = read.tokenizer.get_vocab(), processor.tokenizer.get_vocab()
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(new), rows.shape[1], generator=generator) * _NOISE
    table = rows.mean(dim=0) + noise * rows.std(dim=0)
    both = sorted(new.keys() & old.keys())
    table[[new[name] for name in both]] = rows[[old[name] for name in both]]
    return table


def _bart_config(
    gpt2: GPT2Config, vocab_size: int, special_ids: dict[str, Any], encoder_layers: int | None
) -> MBartConfig:
    sides: dict[str, Any] = {"encoder_layers": encoder_layers or gpt2.n_layer, "decoder_layers": gpt2.n_layer}
    for side in ("encoder", "decoder"):
        sides |= {f"{side}_attention_heads": gpt2.n_head, f"{side}_ffn_dim": gpt2.n_inner or 4 * gpt2.n_embd}
    return MBartConfig(
        vocab_size=vocab_size,
        max_position_embeddings=gpt2.n_positions,
        d_model=gpt2.n_embd,
        dropout=gpt2.resid_pdrop,
        activation_function=gpt2.activation_function,
        scale_embedding=False,
        **special_ids,
        **sides,
    )


def _copy_block(layer: Any, block: Any) -> None:
    """A GPT-2's block into a layer of either half; its projections are stored turned, query, key and value in one."""
    weights = block.attn.c_attn.weight.T.chunk(3)
    biases = block.attn.c_attn.bias.chunk(3)
    projections = (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj)
    for projection, weight, bias in zip(projections, weights, biases, strict=True):
        projection.weight.copy_(weight)
        projection.bias.copy_(bias)
    for linear, turned in (
        (layer.self_attn.out_proj, block.attn.c_proj),
        (layer.fc1, block.mlp.c_fc),
        (layer.fc2, block.mlp.c_proj),
    ):
        linear.weight.copy_(turned.weight.T)
        linear.bias.copy_(turned.bias)
    _copy_affine(layer.self_attn_layer_norm, block.ln_1)
    _copy_affine(layer.final_layer_norm, block.ln_2)


def _copy_affine(norm: Any, other: Any) -> None:
    norm.weight.copy_(other.weight)
    norm.bias.copy_(other.bias)
