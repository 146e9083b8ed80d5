"""Lines of a study's log as `train/studies/scaling_study.py` writes them, with losses from a known law."""

import numpy as np

from symbolic_music.scaling.fits.laws import Law

SIZES = {"tiny": 3.4e6, "small": 7.3e6, "medium": 22.7e6, "large": 52.4e6}
LAWS = {
    "transformer": {"E": 1.2, "A": 60.0, "alpha": 0.3, "B": 400.0, "beta": 0.35},
    "lstm": {"E": 1.3, "A": 30.0, "alpha": 0.22, "B": 500.0, "beta": 0.35},
}
ALL_TOKENS = 4_096_000


def line(family, size, fraction, seed, rng, noise=0.002):
    parameters, tokens = int(SIZES[size]), int(ALL_TOKENS * fraction)
    law = Law("size_tokens", LAWS[family])
    loss = float(law.predict(parameters, tokens) * np.exp(rng.normal(0, noise)))
    flops = 6.0 * parameters * tokens
    return {
        "run": f"{family}-{size}-f{fraction:g}-s{seed}",
        "family": family,
        "size": size,
        "fraction": fraction,
        "seed": seed,
        "model": {"hidden_size": 64},
        "parameters": parameters,
        "parameters_without_embeddings": parameters - 300_000,
        "flops_per_token": 6.0 * parameters,
        "flops": flops,
        "context": 256,
        "blocks": tokens // 256,
        "blocks_left_out": 0,
        "settings_hash": "0" * 16,
        "steps": tokens // 4096,
        "batch_tokens": 4096,
        "curve": [
            {"step": step, "tokens": step * 4096, "nats_per_token": 8.0 * step**-0.3}
            for step in range(1, tokens // 4096 + 1, 50)
        ],
        "train_seconds": flops / 1e12,
        "tokens_per_second": tokens / (flops / 1e12),
        "validation_nats_per_token": loss,
        "validation_bits_per_note": 3 * loss,
        "validation_bits_per_bar": 20 * loss,
        "validation_tokens": 10_000,
        "learning_rate": 3e-3,
        "optimizer": "muon",
        "num_processes": 1,
        "bf16": False,
        "compiled": False,
        "commit": "c" * 40,
        "command": "python train/studies/scaling_study.py",
        "machine": "a processor, 2 cores",
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "tokens": tokens,
        "unique_tokens": tokens,
        "order_hash": f"order of {fraction} and {seed}",
        "peak_memory_bytes": 900 * 2**20 + 16 * parameters,
        "memory_before_bytes": 900 * 2**20,
        "memory_kind": "resident, during the run",
        "wall_seconds": flops / 1e12 + 3,
        "data_hash": "d" * 64,
        "tokenizer_hash": "e" * 64,
    }


def study(sizes=SIZES, fractions=(0.25, 0.5, 1.0), seeds=(0, 1), families=LAWS):
    rng = np.random.default_rng(0)
    return [
        line(family, size, fraction, seed, rng)
        for size in sizes
        for fraction in fractions
        for seed in seeds
        for family in families
    ]
