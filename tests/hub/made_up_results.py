"""What training and evaluation scripts write, with figures that nobody measured, and a model of random weights."""

import json

from tiny_model import save_checkpoint

from symbolic_music.hub.model_card import ModelFacts
from symbolic_music.hub.publish import FACT_FILES

INTERVAL = {"low": 3.11, "high": 3.97}
STATISTICS = {"notes per bar": {"mean": 7.123, "low": 6.891, "high": 7.456}}
TRAINING = {
    "pieces": {"train": 1234, "validation": 56},
    "split_hash": "5p11th45h",
    "tokens_seen": 7_654_321,
    "training_seconds": 2520.0,
    "machine": "2 cores of something",
    "label_smoothing": 0.125,
    "structural_loss_weight": 0.375,
    "seed": 41,
}
EVALUATION = {
    "split": "test",
    "pieces": 321,
    "groups": 287,
    "notes": 98_765,
    "bits_per_note": 3.456,
    "bits_per_note_interval": INTERVAL,
    "bits_per_bar": 27.89,
    "nats_per_token": 1.2345,
    "perplexity_per_token": 3.4367,
    "allowed_mass": 0.98765,
    "bits_per_note_by_bar": {
        "1-4": {"notes": 10, "bits_per_note": 5.678},
        "5-8": {"notes": 0, "bits_per_note": 0.0},
    },
    "split_hash": "5p11th45h",
    "tokenizer_hash": "70k3n",
    "per_piece": [{"name": "of one piece", "bits": 1.0}],
}
SAMPLING = {
    "temperature": 0.95,
    "max_length": 777,
    "human_pieces": 222,
    "with_grammar": {
        "pieces": 1000, "valid": 999, "share": 0.999, "interval": {"low": 0.994, "high": 0.9998}, "reasons": {}
    },
    "without_grammar": {
        "pieces": 1000, "valid": 613, "share": 0.613, "interval": {"low": 0.582, "high": 0.643},
        "reasons": {"broken": 300, "unfinished": 87},
    },
    "statistics": {"sampled": STATISTICS, "human": {"notes per bar": {"mean": 8.321, "low": 8.012, "high": 8.654}}},
}  # fmt: skip
FACTS = ModelFacts(
    title="Tiny Walker",
    repository="someone/tiny-walker",
    description="A model that walks.",
    data="Walks.",
    data_licence="The walks are free.",
    limits=["It only walks."],
    commands=["python train/pretrain.py --seed 41"],
    baseline={"trigram": 4.321},
)
ADAPTATION = {
    "base": "user/walker",
    "command": "python train/finetune_lora.py --model user/walker",
    "split_hash": "5p11th45h",
    "pieces": {"train": 80, "validation": 10, "test": 10},
    "before": EVALUATION,
    "after": EVALUATION,
    "validation": [{"step": step, "epoch": step / 10, "bits_per_note": 4.0 - step / 10} for step in (0, 10)],
    "best": {"step": 10, "epoch": 1.0, "bits_per_note": 3.0},
    "parameters": {"trained": 10, "all": 1000},
    "rank": 2,
    "training_minutes": 1.5,
    "machine": "2 cores of something",
    "license": "none",
    "seed": 41,
}


def save_trained(folder):
    """A folder that `assemble_model` takes."""
    save_checkpoint(folder)
    for name, content in zip(FACT_FILES, (TRAINING, EVALUATION, SAMPLING), strict=True):
        (folder / name).write_text(json.dumps(content))
    return folder
