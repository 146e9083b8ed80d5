"""Peak memory and speed of a training step: LoRA against training all weights, on full-size models.

GPT-2 medium and BART base are built from their configurations with random weights, their vocabularies grown by track
text; what a step costs does not depend on the weights. Each measurement is a process of its own, which makes its
steps and says how much memory it had at the most; the two kinds run in turns, so that a busy machine slows both alike.
The adapter is saved, and its folder weighed.

    python tests/benchmarks/bench_lora.py
    python tests/benchmarks/bench_lora.py --model bart-base --rounds 3 --batch-size 4

Beside them, once for each model, the same weights are saved, loaded and asked for tokens, so that the whole way is
known to work at this size.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from _report import report
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2LMHeadModel,
)

from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.training.adaptation.lora import add_adapter, count_parameters

MUSIC_TOKENS = 3 + len(TrackTextCodec(TrackTextSettings(max_bars=8, max_masks=64)).events)
GPT2_MEDIUM = {"n_embd": 1024, "n_layer": 24, "n_head": 16, "vocab_size": 50_257 + MUSIC_TOKENS}
BUILDERS = {
    "gpt2-medium": lambda: GPT2LMHeadModel(GPT2Config(**GPT2_MEDIUM)),
    # BartConfig's own sizes are those of bart-large.
    "bart-base": lambda: BartForConditionalGeneration(
        BartConfig(
            vocab_size=50_265 + MUSIC_TOKENS,
            d_model=768,
            **{f"{side}_{name}": size for side in ("encoder", "decoder")
               for name, size in (("layers", 6), ("attention_heads", 12), ("ffn_dim", 3072))},
        )
    ),
}  # fmt: skip
KINDS = ("LoRA", "all weights")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", choices=BUILDERS)
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--length", type=int, default=256, help="tokens of an example")
    parser.add_argument("--steps", type=int, default=3, help="of a round; the first is not timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--measure", choices=[*KINDS, "whole way"], help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def train_steps(name, kind, arguments):
    """Steps of one kind in this process: seconds of each, memory, parameters and the adapter's size."""
    torch.manual_seed(0)
    model = BUILDERS[name]()
    rows = range(model.config.vocab_size - MUSIC_TOKENS, model.config.vocab_size)
    if kind == "LoRA":
        model = add_adapter(model, arguments.rank, trained_rows=rows)
    before = peak_mib()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    ids = torch.randint(0, model.config.vocab_size, (arguments.batch_size, arguments.length))
    seconds = []
    for _ in range(arguments.steps):
        started = time.perf_counter()
        model.train()(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - started)
    return {
        "seconds": statistics.median(seconds[1:] or seconds),
        "peak": peak_mib(),
        "before": before,
        "saved": saved_mib(model),
        **count_parameters(model),
    }


def saved_mib(model):
    with tempfile.TemporaryDirectory() as folder:
        keep_rows_out = {"save_embedding_layers": False} if hasattr(model, "peft_config") else {}
        model.save_pretrained(folder, **keep_rows_out)
        return sum(path.stat().st_size for path in Path(folder).glob("*.safetensors")) / 2**20


def whole_way(name):
    """Save, load, compare, generate eight tokens."""
    torch.manual_seed(0)
    model = BUILDERS[name]().eval()
    ids = torch.arange(1, 17)[None]
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        model.save_pretrained(folder)
        kind = AutoModelForSeq2SeqLM if model.config.is_encoder_decoder else AutoModelForCausalLM
        again = kind.from_pretrained(folder).eval()
        difference = (model(input_ids=ids).logits - again(input_ids=ids).logits).abs().max().item()
        made = again.generate(ids, max_new_tokens=8, min_new_tokens=8, do_sample=False)
    return {"difference": difference, "generated": made.shape[1]}


def in_its_own_process(name, what, arguments):
    flags = ["--model", name, "--measure", what]
    for flag in ("batch_size", "length", "steps", "rank"):
        flags += [f"--{flag.replace('_', '-')}", str(getattr(arguments, flag))]
    done = subprocess.run([sys.executable, __file__, *flags], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def rows_of(name, arguments):
    """A row for each kind, and what the whole way said."""
    runs = {kind: [] for kind in KINDS}
    for _ in range(arguments.rounds):
        for kind in KINDS:
            runs[kind].append(in_its_own_process(name, kind, arguments))
    tokens = arguments.batch_size * arguments.length
    ratio = statistics.median(
        every["seconds"] / low["seconds"] for low, every in zip(runs["LoRA"], runs["all weights"], strict=True)
    )
    return [
        {
            "model": name,
            "trained": kind,
            "parameters trained": found[0]["trained"],
            "share": found[0]["trained"] / found[0]["all"],
            "saved (MiB)": found[0]["saved"],
            "peak memory (MiB)": statistics.median(run["peak"] for run in found),
            "of it before training": statistics.median(run["before"] for run in found),
            "tokens/s": tokens / statistics.median(run["seconds"] for run in found),
            "times as fast": ratio if kind == "LoRA" else 1.0,
        }
        for kind, found in runs.items()
    ]


def main():
    arguments = parse_arguments()
    if arguments.measure:
        (name,) = arguments.model
        found = (
            whole_way(name) if arguments.measure == "whole way" else train_steps(name, arguments.measure, arguments)
        )
        print(json.dumps(found))
        return
    names = arguments.model or list(BUILDERS)
    rows = [row for name in names for row in rows_of(name, arguments)]
    report(
        "bench_lora",
        rows,
        arguments.output,
        whole_way={name: in_its_own_process(name, "whole way", arguments) for name in names},
        rank=arguments.rank,
        tokens_per_step=arguments.batch_size * arguments.length,
        note="AdamW in float32; the rows of 1,800 music tokens are trained with the adapter",
    )


if __name__ == "__main__":
    main()
