"""A dataset, a tokenizer and a model so small that training them takes seconds; for mechanics, not for figures."""

import random
from pathlib import Path

from datasets import Dataset

from symbolic_music.score.abc.io import parse_abc_tune
from symbolic_music.score.midi.io import midi_bytes
from symbolic_music.score.transforms.edit import count_bars, count_notes
from symbolic_music.tokenization.build import build_remi_tokenizer, save_processor

NOTES = ["D", "E", "F", "G", "A", "B", "c", "d", "e", "f", "g", "a"]
SPLIT_SIZES = {"train": 12, "validation": 5, "test": 3}
TINY_MODEL = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "block_size": 64,
    "per_device_train_batch_size": 4,
    "per_device_eval_batch_size": 4,
    "logging_steps": 1,
    "report_to": "none",
}


def tune(seed, num_bars=12):
    """A tune in D that walks by steps, eighths and quarters in 4/4, as a Score."""
    walk = random.Random(seed)
    place, bars = walk.randrange(len(NOTES)), []
    for _ in range(num_bars):
        bar, left = "", 8
        while left:
            length = min(left, walk.choice([1, 1, 2]))
            place = max(0, min(len(NOTES) - 1, place + walk.choice([-2, -1, -1, 1, 1, 2])))
            bar += NOTES[place] + (str(length) if length > 1 else "")
            left -= length
        bars.append(bar)
    return parse_abc_tune(f"X:1\nT:walk {seed}\nM:4/4\nL:1/8\nQ:1/4=100\nK:D\n{'|'.join(bars)}|]\n")


def row(seed):
    """A row of a dataset, two neighbouring tunes to a group."""
    score = tune(seed)
    return {
        "midi": midi_bytes(score),
        "source": "walk",
        "name": f"walk {seed}",
        "license": "none",
        "group": seed // 2,
        "notes": count_notes(score),
        "bars": count_bars(score),
        "seconds": 10.0,
        "programs": [0],
        "key": "D",
        "meter": "4/4",
    }


def build(folder: Path):
    """Write `dataset/` and `tokenizer/` below the folder."""
    first = 0
    (folder / "dataset" / "data").mkdir(parents=True)
    for split, size in SPLIT_SIZES.items():
        rows = [row(seed) for seed in range(first, first + size)]
        Dataset.from_list(rows).to_parquet(folder / "dataset" / "data" / f"{split}-00000-of-00001.parquet")
        first += size
    scores = [tune(seed) for seed in range(SPLIT_SIZES["train"])]
    save_processor(build_remi_tokenizer(scores, vocab_size=1420), folder / "tokenizer")
    return folder


def flags(folder: Path, output: Path, **changes):
    """Command-line flags of a tiny run; a change to None leaves a flag out."""
    named = {"dataset": folder / "dataset", "tokenizer": folder / "tokenizer", "output": output}
    return [f"--{name}={value}" for name, value in (named | TINY_MODEL | changes).items() if value is not None]
