"""Training tokens per second: a plain float32 loop against the package's model and recipe, optimizer step included.

The baseline is what a textbook or a first nanoGPT-style script does: separate query, key and value projections,
attention as a masked softmax, no compiler, no autocast, AdamW as it comes. Ours is the fused projection, SDPA without
a mask tensor, `torch.compile`, fused AdamW, and bf16 autocast where the processor computes bf16 (nowhere else: an
AVX2 processor emulates it, many times slower). Both have the same sizes, the same optimizer settings and take the
same batches, in turns, so that a busy machine slows both alike; what counts is the ratio of each pair.

The last columns say how far each is from the machine's limit: GFLOP/s of the whole step, counted as in the PaLM
paper's appendix B (6 per weight and token, plus 12 · layers · width · context for attention, no discount for the
causal half), beside the GFLOP/s of plain matrix products of the model's own sizes measured in the same rounds.

Three times as fast needs bf16 units (AMX: 3 to 3.6 times was measured). In float32 the products bound the ratio from
above: on a shared AMD Zen 3 with one thread the plain loop already ran at 41 to 53 GFLOP/s of the 70 to 76 that a
matrix product reached, so no float32 step there can be 3 times as fast; the ratios were 1.2 to 1.5 (6 x 192) and 1.25
(12 x 384). Tried there and no faster: eager attention under the compiler, tanh GELU, max-autotune. On a Xeon with
AVX-512 and no AMX: 1.49 and 1.29, where products reached 272 and 306 GFLOP/s and the plain loop 123 and 179, so that
1.7 is the most that float32 allows at 12 x 384; bf16 and float16 products were no faster there, and neither were huge
pages (THP_MEM_ALLOC_ENABLE).

    python tests/benchmarks/bench_training_speed.py
    python tests/benchmarks/bench_training_speed.py --sizes 6x192x6 --rounds 3 --steps 2
"""

import argparse
import math
import statistics
import time
from pathlib import Path

import torch
from _report import report
from torch import nn
from torch.nn import functional as F

from symbolic_music import MusicTransformerConfig, MusicTransformerForCausalLM
from symbolic_music.models.device_precision import fast_bf16_available

GOAL = 3.0
OPTIMIZER = {"lr": 3e-4, "betas": (0.9, 0.95), "weight_decay": 0.1}


class PlainAttention(nn.Module):
    """Causal attention written out."""

    def __init__(self, width, heads, context):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.register_buffer("mask", torch.tril(torch.ones(context, context)).view(1, 1, context, context))

    def forward(self, x):
        batch, length, width = x.shape
        query, key, value = (
            projection(x).view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(-2, -1)) / math.sqrt(key.shape[-1])
        weights = weights.masked_fill(self.mask[:, :, :length, :length] == 0, float("-inf"))
        mixed = F.softmax(weights, dim=-1) @ value
        return self.out(mixed.transpose(1, 2).contiguous().view(batch, length, width))


class PlainBlock(nn.Module):
    """A pre-norm block."""

    def __init__(self, width, heads, context):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = PlainAttention(width, heads, context)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class PlainTransformer(nn.Module):
    """The baseline: a decoder-only Transformer with learned positions and a tied head."""

    def __init__(self, layers, width, heads, vocab_size, context):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab_size, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(PlainBlock(width, heads, context) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab_size, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1], device=ids.device))
        logits = self.head(self.norm(self.blocks(x)))
        return F.cross_entropy(logits[:, :-1].reshape(-1, logits.shape[-1]), ids[:, 1:].reshape(-1))


def plain_step(model):
    optimizer = torch.optim.AdamW(model.parameters(), **OPTIMIZER)

    def step(ids):
        loss = model(ids)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    return step


def our_step(model, device, compiler_mode):
    optimizer = torch.optim.AdamW(model.parameters(), fused=True, **OPTIMIZER)
    compiled = torch.compile(model, mode=compiler_mode) if compiler_mode != "off" else model
    bf16 = fast_bf16_available(device)

    def step(ids):
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=bf16):
            loss = compiled(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    return step


def build_steps(size, arguments):
    layers, width, heads = size
    torch.manual_seed(0)
    plain = PlainTransformer(layers, width, heads, arguments.vocab_size, arguments.context).to(arguments.device)
    config = MusicTransformerConfig(
        vocab_size=arguments.vocab_size,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=arguments.context,
        dropout=0.0,
    )
    ours = MusicTransformerForCausalLM(config).to(arguments.device).train()
    return plain_step(plain), our_step(ours, arguments.device, arguments.compiler_mode), ours.num_parameters()


def seconds_of(step, batches):
    started = time.perf_counter()
    for ids in batches:
        loss = step(ids)
    loss.item()  # waits for an accelerator
    return time.perf_counter() - started


def matmul_gflops(rows, width, device, repeats=3):
    """GFLOP/s of float32 products of the feed-forward layer's size, (rows, width) x (width, 4 width)."""
    left, right = torch.randn(rows, width, device=device), torch.randn(4 * width, width, device=device)
    F.linear(left, right).sum().item()
    started = time.perf_counter()
    for _ in range(repeats):
        product = F.linear(left, right)
    product[0, 0].item()
    return 2e-9 * repeats * left.shape[0] * right.numel() / (time.perf_counter() - started)


def flops_per_token(size, parameters, context):
    """Forward and backward (Chowdhery et al. 2022, appendix B)."""
    layers, width, _ = size
    return 6 * parameters + 12 * layers * width * context


def measure(size, arguments):
    plain, ours, parameters = build_steps(size, arguments)
    shape = (arguments.batch_size, arguments.context)
    generator = torch.Generator().manual_seed(0)
    batches = [
        torch.randint(0, arguments.vocab_size, shape, generator=generator).to(arguments.device)
        for _ in range(arguments.steps)
    ]
    for step in (plain, ours):  # warm-up: allocations, and the compiler
        seconds_of(step, batches[:1])
        seconds_of(step, batches[:1])
    rounds = []
    for index in range(arguments.rounds):
        times = {}
        for name in ("plain", "ours") if index % 2 == 0 else ("ours", "plain"):
            times[name] = seconds_of(plain if name == "plain" else ours, batches)
        peak = matmul_gflops(arguments.batch_size * arguments.context, size[1], arguments.device)
        rounds.append((times["plain"], times["ours"], times["plain"] / times["ours"], peak))
    return summarise(size, parameters, rounds, arguments)


def summarise(size, parameters, rounds, arguments):
    plain_seconds, our_seconds, ratio, peak = (statistics.median(column) for column in zip(*rounds, strict=True))
    tokens = arguments.batch_size * arguments.context * arguments.steps
    flops = flops_per_token(size, parameters, arguments.context)
    return {
        "model": f"{size[0]} x {size[1]}",
        "parameters": parameters,
        "plain tokens/s": tokens / plain_seconds,
        "ours tokens/s": tokens / our_seconds,
        "ratio": ratio,
        "lowest ratio": min(r[2] for r in rounds),
        "highest ratio": max(r[2] for r in rounds),
        "plain GFLOP/s": 1e-9 * flops * tokens / plain_seconds,
        "ours GFLOP/s": 1e-9 * flops * tokens / our_seconds,
        "matmul GFLOP/s": peak,
    }


def parse_size(text):
    layers, width, heads = (int(part) for part in text.split("x"))
    return layers, width, heads


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=parse_size, default=[(6, 192, 6), (12, 384, 12)])
    parser.add_argument("--vocab-size", type=int, default=1734)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3, help="steps per round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, help="1 gives the steadiest ratios on a machine that others use")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--compiler-mode", default="default", help="a mode of torch.compile, or 'off'")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    # Numbers too small to matter otherwise take a slow path in the processor.
    torch.set_flush_denormal(True)
    rows = [measure(size, arguments) for size in arguments.sizes]
    report(
        "bench_training_speed",
        rows,
        arguments.output,
        batch=f"{arguments.batch_size} x {arguments.context}",
        compiler_mode=arguments.compiler_mode,
        bf16_autocast=fast_bf16_available(arguments.device),
        goal=f"ratio >= {GOAL:g}",
        reached=all(row["ratio"] >= GOAL for row in rows),
    )


if __name__ == "__main__":
    main()
