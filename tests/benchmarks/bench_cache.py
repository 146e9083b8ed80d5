"""How much the key/value cache saves: a token near 1,000 tokens of context, cached against re-running the context.

Both are measured in one run, in turns, so that a busy machine slows both alike. The goal is a ratio of 10 or more.

    python tests/benchmarks/bench_cache.py
    python tests/benchmarks/bench_cache.py --rounds 3 --layers 6 --hidden-size 192 --heads 6
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from _report import report

from symbolic_music import MusicTransformerConfig, MusicTransformerForCausalLM

GOAL = 10.0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--context", type=int, default=1000)
    parser.add_argument("--new-tokens", type=int, default=16, help="cached tokens timed per round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--hidden-size", type=int, default=192)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--vocab-size", type=int, default=1734)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def build_model(arguments):
    config = MusicTransformerConfig(
        vocab_size=arguments.vocab_size,
        hidden_size=arguments.hidden_size,
        num_hidden_layers=arguments.layers,
        num_attention_heads=arguments.heads,
        max_position_embeddings=arguments.context + arguments.new_tokens,
    )
    return MusicTransformerForCausalLM(config).eval()


def cached_seconds_per_token(model, ids, cache, new_tokens):
    """Decode on top of a cache that holds the context; afterwards the cache is cut back for the next round."""
    started = time.perf_counter()
    for _ in range(new_tokens):
        model(ids[:, -1:], past_key_values=cache, use_cache=True, logits_to_keep=1)
    seconds = (time.perf_counter() - started) / new_tokens
    cache.crop(-new_tokens)
    return seconds


def uncached_seconds_per_token(model, ids):
    started = time.perf_counter()
    model(ids, use_cache=False, logits_to_keep=1)
    return time.perf_counter() - started


@torch.inference_mode()
def main():
    arguments = parse_arguments()
    model = build_model(arguments)
    ids = torch.randint(3, arguments.vocab_size, (1, arguments.context), generator=torch.Generator().manual_seed(0))
    cache = model(ids, use_cache=True, logits_to_keep=1).past_key_values
    uncached_seconds_per_token(model, ids)  # warm-up
    rounds = []
    for _ in range(arguments.rounds):
        cached = cached_seconds_per_token(model, ids, cache, arguments.new_tokens)
        uncached = uncached_seconds_per_token(model, ids)
        rounds.append((cached, uncached, uncached / cached))
    cached, uncached, ratio = (statistics.median(column) for column in zip(*rounds, strict=True))
    row = {
        "model": f"{arguments.layers} x {arguments.hidden_size}",
        "context": arguments.context,
        "cached ms/token": 1000 * cached,
        "uncached ms/token": 1000 * uncached,
        "ratio": ratio,
        "lowest ratio": min(r[2] for r in rounds),
    }
    report("bench_cache", [row], arguments.output, goal=f"ratio >= {GOAL:g}", reached=ratio >= GOAL)


if __name__ == "__main__":
    main()
