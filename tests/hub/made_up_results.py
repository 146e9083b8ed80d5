"""What training and evaluation scripts write, with figures that nobody measured, and a model of random weights."""

import json
from pathlib import Path
from typing import Any

from tiny_model import save_checkpoint

from symbolic_music.hub.assembly.composer import TRAINING_FILE
from symbolic_music.hub.cards.composer import ModelFacts
from symbolic_music.hub.cards.sections import PLOTS, REPORT_FILE

TEMPLATE, TEMPLATE_INFILL, TEMPLATE_ADAPTED = (
    Path(__file__).parents[2] / "model_cards" / f"{name}.md"
    for name in ("template", "template_infill", "template_adapted")
)


def _interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.125, "high": value + 0.0625}


def _mean(value: float) -> dict[str, float]:
    return {"mean": value, "low": value - 0.25, "high": value + 0.375}


def _share(value: float) -> dict[str, float]:
    return {"share": value, "low": value - 0.015, "high": value + 0.025, "pieces": 50}


def _continued(start: float) -> dict[str, Any]:
    means = ("instruments_kept", "new_instruments", "in_key")
    rows = {name: _mean(start + number / 100) for number, name in enumerate(means)}
    return rows | {"same_instruments": _share(start + 0.03), "same_key": _share(start + 0.04)}


def _copies(pieces: int, start: float) -> dict[str, Any]:
    names = ("longest_run", "longest_run_fresh", "covered", "nearest_share")
    figures = {
        name: {
            "mean": start + number / 8,
            "mean_interval": {"low": start + number / 8 - 0.05, "high": start + number / 8 + 0.05},
            "median": start + number / 9,
            "median_interval": {"low": start + number / 9 - 0.05, "high": start + number / 9 + 0.05},
            "max": start + number + 1,
        }
        for number, name in enumerate(names)
    }
    alarms = {"alarms": 3, "alarm_share": 3 / pieces, "alarm_interval": {"low": 0.001, "high": 0.0321}}
    return {"pieces": pieces, "notes": 100 * pieces, **figures, **alarms}


REPORT: dict[str, Any] = {
    "command": "symbolic-music evaluate --model runs/tiny --dataset runs/data --output report",
    "settings": {"model": "runs/tiny", "dataset": "runs/data", "split": "test"},
    "parameters": 12_345,
    "model_type": "music_transformer",
    "codec": "remi",
    "pieces": {"sampled": 999, "human": 222, "refused": {}},
    "loss": {
        "split": "test",
        "pieces": 321,
        "groups": 287,
        "notes": 98_765,
        "bits_per_note": 3.456,
        "bits_per_note_interval": {"low": 3.11, "high": 3.97},
        "bits_per_bar": 27.89,
        "nats_per_token": 1.2345,
        "perplexity_per_token": 3.4367,
        "allowed_mass": 0.98765,
        "bits_per_note_by_bar": {
            "1-4": {"notes": 10, "bits_per_note": 5.678},
            "5-8": {"notes": 0, "bits_per_note": 0.0},
        },
        "by_bar": {
            "all": {"pieces": 321, "rows": []},
            "long": {"pieces": 77, "rows": [], "at_least_bars": 32},
            "later_is_cheaper_by": {
                "earlier": "9-16", "later": "17-32", "pieces": 77, "bits_per_note": 0.234, "low": 0.123, "high": 0.345
            },
        },
        "by_source": {
            "hikes": {"pieces": 21, "notes": 765, "bits_per_note": 4.567, "interval": None},
            "strolls": {"pieces": 300, "notes": 98_000, "bits_per_note": 3.401, "interval": {"low": 3.1, "high": 3.9}},
        },
        "refused": {"too many voices": 2},
        "split_hash": "5p11th45h",
        "tokenizer_hash": "70k3n",
    },
    "sampling": {
        "options": {"temperature": 0.95, "top_p": 0.9, "max_length": 777, "seed": 5, "batch_size": 40},
        "machine": "2 cores of something",
        "tokens_per_second": 1357.0,
        "notes_per_second": 468.0,
        "human_rests": None,
        "with_grammar": {
            "pieces": 1000, "valid": 999, "share": 0.999, "interval": {"low": 0.994, "high": 0.9998}, "reasons": {}
        },
        "without_grammar": {
            "pieces": 1000, "valid": 613, "share": 0.613, "interval": {"low": 0.582, "high": 0.643},
            "reasons": {"broken": 300, "unfinished": 87},
        },
    },
    "statistics": {
        "notes per bar": {
            "sampled": _mean(7.123),
            "human": _mean(8.321),
            "distance": _interval(-0.456),
            "overlapping_area": _interval(0.789),
            "kl_divergence": _interval(0.125),
        }
    },
    "statistics_left_out": {"chord-tone share": {"sampled": 17, "human": 1}},
    "instruments": {"sampled": {"with drums": _share(0.246)}, "human": {"with drums": _share(0.357)}},
    "lineups": {"two instruments": {"sampled": 654, "human": 543, "distance": 0.432, "floor": 0.067}},
    "memorisation": {
        "cover_notes": 12,
        "alarm_notes": 16,
        "training_pieces": 1234,
        "training_notes": 555_555,
        "samples": _copies(999, 0.25),
        "human": _copies(222, 0.125),
    },
    "control": {"bars": {"asked": 48, "kept": 47, "share": 47 / 48, "low": 0.89, "high": 0.996}},
    "continuations": {
        "settings": {"num_pieces": 100, "prompt_bars": 6, "continued_bars": 13},
        "asked": 98,
        "judged": 96,
        "silent": 4,
        "refused": {"no complete piece": 2},
        "continuation": _continued(0.81) | {"distance": _mean(0.765)},
        "truth": _continued(0.91) | {"distance": None},
        "another": _continued(0.41) | {"distance": _mean(1.357)},
        "another_of_source": {"distance": _mean(1.246)},
        "nearer_than_another": _share(0.864),
        "nearer_than_another_of_source": _share(0.753),
        "by_source": {"strolls": {"sampled": 88, "human": 87, "distance": 0.321, "floor": 0.135}},
    },
}  # fmt: skip
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
    "before": REPORT["loss"],
    "after": REPORT["loss"],
    "cheaper_by": None,
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
    """A folder that `assemble_model` takes for a checkpoint and for its report."""
    save_checkpoint(folder)
    for name, content in ((TRAINING_FILE, TRAINING), (REPORT_FILE, REPORT)):
        (folder / name).write_text(json.dumps(content))
    for name in PLOTS.values():
        (folder / name).write_bytes(b"PNG")
    return folder
