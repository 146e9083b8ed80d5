"""Low-rank adapters (LoRA; Hu et al. 2021) on a language model: which matrices they go to, saving and merging.

Knows models by their type; knows nothing of data or the training loop.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from symbolic_music._extras import require
from symbolic_music.hub.contents import ADAPTER_FOLDER
from symbolic_music.models.hub_code import saving_code
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import TrainingError

# The matrices of attention and of the feed-forward layers, by type of model.
_TARGET_MODULES = {
    "music_transformer": ["qkv_proj", "o_proj", "up_proj", "down_proj"],
    "gpt2": ["c_attn", "c_proj", "c_fc"],
    "bart": ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"],
    "mbart": ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"],
    "llama": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
}
# PEFT's word for every linear layer but the head, for a model that is not in the table.
_EVERY_LINEAR_LAYER = "all-linear"
_WITHOUT_LINEAR_LAYERS = ("music_lstm",)


def add_adapter(
    model: PreTrainedModel,
    rank: int,
    alpha: float | None = None,
    dropout: float = 0.0,
    trained_rows: Sequence[int] = (),
) -> Any:
    """The model with adapters on attention and feed-forward layers, the rest frozen.

    Args:
        model: a causal model, or one with encoder and decoder; its layers are changed in place.
        rank: of each adapter.
        alpha: an adapter's product is scaled by `alpha / rank`; twice the rank when left out.
        dropout: of what goes into an adapter.
        trained_rows: ids whose rows in embeddings and head are trained whole: those of a vocabulary that has grown, or
            that of a small model's files.

    Returns:
        A `peft.PeftModel`.

    Raises:
        TrainingError: when the model has no layers that LoRA can adapt, or a number is out of range.
        MissingExtraError: when peft is not installed.
    """
    peft = require("peft")
    kind = model.config.model_type
    if kind in _WITHOUT_LINEAR_LAYERS:
        raise TrainingError(f"LoRA adapts linear layers, and a {kind} has none: fine-tune a Transformer")
    if rank < 1:
        raise TrainingError(f"--rank must be at least 1: {rank}")
    if not 0 <= dropout < 1:
        raise TrainingError(f"--lora_dropout must be in [0, 1): {dropout}")
    alpha = 2.0 * rank if alpha is None else alpha
    if not 0 < alpha < math.inf:
        raise TrainingError(f"--alpha must be above 0: {alpha}")
    config = peft.LoraConfig(
        task_type="SEQ_2_SEQ_LM" if model.config.is_encoder_decoder else "CAUSAL_LM",
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=_TARGET_MODULES.get(kind, _EVERY_LINEAR_LAYER),
        fan_in_fan_out=kind == "gpt2",  # its matrices are stored transposed
        trainable_token_indices=_rows_by_table(model, trained_rows),
    )
    return peft.get_peft_model(model, config)


def _rows_by_table(model: PreTrainedModel, rows: Sequence[int]) -> dict[str, list[int]] | None:
    """The same rows of the embeddings and, where it is not tied to them, of the head, by the ends of their names."""
    if not rows:
        return None
    embeddings, head = model.get_input_embeddings(), model.get_output_embeddings()
    tables = [embeddings] if head.weight is embeddings.weight else [embeddings, head]
    names = {id(module): name for name, module in model.named_modules()}
    return {names[id(table)].rpartition(".")[2]: list(rows) for table in tables}


def count_parameters(model: Any) -> dict[str, int]:
    """How many parameters a model has, and how many of them are trained."""
    parameters = list(model.parameters())
    return {
        "all": sum(parameter.numel() for parameter in parameters),
        "trained": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
    }


def save_adapted(model: Any, processor: MusicProcessor, folder: Path, base: str) -> PreTrainedModel:
    """Save the merged model and its processor into a folder, and the adapter alone below it.

    Args:
        model: of `add_adapter`; merged afterwards, and of no more use.
        processor: saved beside both.
        folder: loads with `AutoModelForCausalLM`, its `adapter/` with `AutoPeftModelForCausalLM`.
        base: folder or Hub id that the adapter says it belongs to.

    Returns:
        The merged model.
    """
    adapter = folder / ADAPTER_FOLDER
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(adapter, save_embedding_layers=False)
    processor.save_pretrained(adapter)
    merged = model.merge_and_unload()
    with saving_code(merged):
        merged.save_pretrained(folder)
    processor.save_pretrained(folder)
    return merged
