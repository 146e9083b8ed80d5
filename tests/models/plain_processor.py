"""Every model family through training, generation and saving on this processor; one line of JSON for each.

Run by `test_plain_processor.py` in a process of its own, with instruction sets masked: torch and oneDNN read the masks
once, when they are loaded.
"""

import contextlib
import json
import tempfile

import torch

from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM
from symbolic_music.training.optimization.muon import MuonAdamW

SIZE = {"vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 2, "dropout": 0.0}
FAMILIES = {
    "music_transformer": (MusicTransformerForCausalLM, MusicTransformerConfig, {"num_attention_heads": 2}),
    "music_lstm": (MusicLSTMForCausalLM, MusicLSTMConfig, {"embedding_size": 16}),
}


def padded_batch():
    ids = torch.randint(3, 61, (2, 12), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[0, :5] = 0
    return ids.masked_fill(mask == 0, 0), mask


def in_precision(dtype):
    return torch.autocast("cpu", dtype=dtype) if dtype != torch.float32 else contextlib.nullcontext()


def training_losses(model, dtype):
    """Losses of three steps, padded and not, and whether every gradient was finite."""
    ids, mask = padded_batch()
    groups = [
        {"params": [p for p in model.parameters() if (p.ndim == 2) == is_matrix], "orthogonalise": is_matrix}
        for is_matrix in (True, False)
    ]
    optimizer = MuonAdamW(groups, lr=1e-3)
    losses, finite = [], True
    for step_mask in (None, mask, None):
        with in_precision(dtype):
            loss = model(ids, attention_mask=step_mask, labels=ids, use_cache=False).loss
        loss.backward()
        finite &= all(p.grad.isfinite().all().item() for p in model.parameters())
        optimizer.step()
        model.zero_grad()
        losses.append(loss.item())
    return losses, finite


def generated(model, dtype, **options):
    ids, mask = padded_batch()
    with in_precision(dtype):
        return model.generate(
            ids, attention_mask=mask, do_sample=False, max_new_tokens=6, eos_token_id=None, **options
        ).tolist()


def facts(name):
    model_class, config_class, sizes = FAMILIES[name]
    torch.manual_seed(0)
    model = model_class(config_class(**SIZE, **sizes))
    start = {key: value.clone() for key, value in model.state_dict().items()}
    result = {"family": name, "random": torch.rand(1).item()}
    for dtype in (torch.float32, torch.bfloat16):
        model.load_state_dict(start)
        model.train()
        losses, finite = training_losses(model, dtype)
        model.eval()
        cached, uncached = generated(model, dtype), generated(model, dtype, use_cache=False)
        result[str(dtype)] = {"losses": losses, "finite": finite, "cache": cached == uncached}
        result[f"{dtype} beams"] = len(generated(model, dtype, num_beams=2)[0])
    with tempfile.TemporaryDirectory() as folder:
        model.to(torch.bfloat16).save_pretrained(folder)
        result["alone"] = str(type(model).from_pretrained(folder).dtype)
        loaded = type(model).from_pretrained(folder, dtype="auto").eval()
        ids, mask = padded_batch()
        logits, expected = (m(ids, attention_mask=mask).logits for m in (loaded, model))
        result["saved"] = {"dtype": str(loaded.dtype), "equal": torch.equal(logits, expected)}
        result["saved"]["generated"] = len(generated(loaded, torch.float32)[0])
    return result


if __name__ == "__main__":
    print(json.dumps({"capability": torch.backends.cpu.get_cpu_capability()}))
    for family in FAMILIES:
        print(json.dumps(facts(family)))
