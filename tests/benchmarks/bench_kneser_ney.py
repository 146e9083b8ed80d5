"""An interpolated Kneser-Ney 5-gram on the same ids as the model: the bar that a neural model must clear.

    python tests/benchmarks/bench_kneser_ney.py --dataset runs/folk-chorales --model model_cards/remi-transformer-folk

The n-gram model is IRSTLM's improved Kneser-Ney (Debian: `apt-get install irstlm`), trained once on the pieces as
written and once on the twelve transpositions that the neural model sees; the better one is the baseline. Every test
token is scored once, as `symbolic-music evaluate` does.

On the same pieces dealt at random, it says what leakage is worth to a model that knows its training text by heart:

    python tests/benchmarks/bench_kneser_ney.py --dataset runs/folk-chorales-random \
        --model tokenizer_assets/remi-folk --output tests/benchmarks/results/bench_kneser_ney_random_split.json
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from _report import report
from datasets import load_dataset

from symbolic_music.data.blocks.pack import pack_split
from symbolic_music.tokenization.processing_music import MusicProcessor

IRSTLM = Path("/usr/lib/irstlm")
ORDER = 5
KEYS = {"as written": (0,), "in twelve keys": tuple(range(-5, 7))}


def write_sentences(split, processor: MusicProcessor, transpositions: tuple[int, ...], path: Path) -> tuple[int, int]:
    """One piece a line, ids as words, from the packed blocks; returns tokens to predict and notes."""
    blocks = pack_split(split, processor, 512, transpositions).with_format("numpy")
    bos, eos = processor.tokenizer.bos_token_id, processor.tokenizer.eos_token_id
    grammar = processor.grammar()
    tokens = notes = 0
    pieces: list[list[int]] = []
    for batch in blocks.select_columns("input_ids").iter(batch_size=1000):
        for token in np.asarray(batch["input_ids"]).ravel().tolist():
            if token == bos:
                pieces.append([])
            elif token not in (eos, processor.tokenizer.pad_token_id):
                pieces[-1].append(token)
    with path.open("w") as file:
        for piece in pieces:
            file.write("<s> " + " ".join(f"t{token}" for token in piece) + " </s>\n")
            tokens += len(piece) + 1
            notes += int(grammar.notes_per_token[piece].sum())
    return tokens, notes


def train_and_score(train: Path, test: Path, folder: Path) -> tuple[int, float]:
    """Words scored and perplexity of the test text, as IRSTLM's `compile-lm --eval` prints them."""
    environment = os.environ | {"IRSTLM": str(IRSTLM), "PATH": f"{IRSTLM / 'bin'}:{os.environ['PATH']}"}
    lm = folder / "lm.gz"

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    smoothing = ("-n", str(ORDER), "-s", "improved-kneser-ney", "-k", "2", "-t", str(folder / "stat"))
    run(str(IRSTLM / "bin/build-lm.sh"), "-i", str(train), "-o", str(lm), *smoothing)
    run(str(IRSTLM / "bin/compile-lm"), str(lm), "--text=yes", str(folder / "lm.arpa"))
    printed = run(str(IRSTLM / "bin/compile-lm"), str(folder / "lm.arpa"), f"--eval={test}")
    found = re.search(r"Nw=(\d+) PP=([\d.]+) .*Noov=(\d+)", printed)
    if found is None:
        raise RuntimeError(f"IRSTLM printed no perplexity: {printed}")
    print(found.group(0))
    return int(found.group(1)), float(found.group(2))


def model_bits(folder: Path) -> float | None:
    """Bits per note in the model's `report/report.json`, or in its `report.json` when it is shipped."""
    for path in (folder / "report" / "report.json", folder / "report.json"):
        if path.exists():
            return json.loads(path.read_text())["loss"]["bits_per_note"]
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder with the tokenizer, and a model's figures")
    parser.add_argument(
        "--keys", nargs="+", choices=sorted(KEYS), default=list(KEYS), help="the texts it is trained on"
    )
    parser.add_argument("--output", type=Path, help="another result file, for another dataset")
    arguments = parser.parse_args()
    if not (IRSTLM / "bin/build-lm.sh").exists():
        sys.exit("IRSTLM is not installed; on Debian: apt-get install irstlm")
    processor = MusicProcessor.from_pretrained(arguments.model)
    splits = load_dataset(arguments.dataset)
    neural = model_bits(arguments.model)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        test = Path(name) / "test.txt"
        tokens, notes = write_sentences(splits["test"], processor, (0,), test)
        for keys in arguments.keys:
            transpositions = KEYS[keys]
            folder = Path(name) / keys.replace(" ", "-")
            folder.mkdir()
            train_tokens, _ = write_sentences(splits["train"], processor, transpositions, folder / "train.txt")
            words, perplexity = train_and_score(folder / "train.txt", test, folder)
            bits = tokens * math.log2(perplexity) / notes
            rows.append(
                {
                    "training text": keys,
                    "training tokens": train_tokens,
                    "test tokens": tokens,
                    "words scored": words,
                    "perplexity": perplexity,
                    "bits per note": bits,
                    "model bits per note": neural,
                    "model is lower by": None if neural is None else 1 - neural / bits,
                }
            )
    report(
        "bench_kneser_ney",
        rows,
        arguments.output,
        dataset=arguments.dataset,
        order=ORDER,
        library="IRSTLM improved-kneser-ney",
        goal="lower by at least 0.15",
    )


if __name__ == "__main__":
    main()
