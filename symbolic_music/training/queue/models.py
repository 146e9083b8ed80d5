"""The model of a job with fresh weights, what its predictions cost, its optimizer, and how its blocks are compiled."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, PreTrainedModel

from symbolic_music.models import auto
from symbolic_music.training.optimization.losses import IGNORED_LABEL
from symbolic_music.training.optimization.muon import MuonAdamW, decayed_parameters, muon_groups
from symbolic_music.training.queue.data.epochs import EventTokenizer
from symbolic_music.training.queue.data.packed import QueueError
from symbolic_music.training.queue.jobs import Job

auto.register_configs()
auto.register_models()


def blocks_of_model(model: nn.Module) -> list[nn.Module]:
    """The blocks of a Transformer's stacks."""
    return [block for stack in model.modules() if isinstance(stack, nn.ModuleList) for block in stack]


def compile_blocks(model: nn.Module) -> bool:
    """Let each block be compiled when it is first called, once for all blocks of a kind; whether there is any.

    A whole model takes as many times longer to compile as it has blocks, and minutes count.
    """
    blocks = blocks_of_model(model)
    for block in blocks:
        block.compile()
    return bool(blocks)


def build_model(job: Job, tokenizer: EventTokenizer, infills: bool) -> PreTrainedModel:
    """A model with fresh weights for a job's data.

    Raises:
        QueueError: when the family is unknown, its sizes contradict each other or it is of the wrong kind.
    """
    settings = dict(job.model)
    model_type = settings.pop("model_type")
    ids: dict[str, int | None] = {
        "pad_token_id": tokenizer.pad,
        "bos_token_id": tokenizer.bos,
        "eos_token_id": tokenizer.eos,
    }
    if infills:
        ids |= {"decoder_start_token_id": tokenizer.bos, "forced_eos_token_id": None}
    try:
        config = AutoConfig.for_model(
            model_type,
            vocab_size=tokenizer.vocab_size,
            max_position_embeddings=job.context,
            **ids,
            **settings,
        )
        if bool(config.is_encoder_decoder) != infills:
            purpose = "an encoder-decoder" if infills else "causal models"
            raise ValueError(f"data {job.data} is for {purpose}")
        kind = AutoModelForSeq2SeqLM if infills else AutoModelForCausalLM
        return kind.from_config(config)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise QueueError(f"job {job.name}: no {model_type} of these settings ({short_line(error)})") from error


def build_optimizer(model: PreTrainedModel, job: Job) -> torch.optim.Optimizer:
    """Muon and AdamW, or AdamW alone."""
    betas = (0.9, job.adam_beta2)
    if job.muon:
        return MuonAdamW(muon_groups(model, model, job.weight_decay), lr=job.learning_rate, betas=betas)
    decayed = set(decayed_parameters(model))
    groups = [
        {
            "params": [weight for name, weight in model.named_parameters() if (name in decayed) == kind],
            "weight_decay": job.weight_decay * kind,
        }
        for kind in (True, False)
    ]
    return torch.optim.AdamW(groups, lr=job.learning_rate, betas=betas)


def logits_of(model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    """Of a batch, (B, T, V)."""
    return model(**inputs, use_cache=False).logits


def total_nats(logits: Tensor, labels: Tensor) -> Tensor:
    """Nats of all labels together."""
    logits = logits.flatten(0, 1).float()
    return F.cross_entropy(logits, labels.flatten(), ignore_index=IGNORED_LABEL, reduction="sum")


def short_line(error: Exception) -> str:
    """What an error says, in one line that is not too long."""
    return " ".join(str(error).split())[:300]
