"""What a token costs an LSTM at 100 tokens and at 10,000: the same, where a Transformer reads all that went before.

`generate()` goes on from a returned cache at every context, in turns, so that a busy machine slows all alike; the
tokens' times come from a streamer, and the first of each call is left out. The goal is a cost at the longest context
of at most 1.1 times the cost at the shortest. Beside the LSTM stands the Transformer of the same rung, with sinusoidal
positions since learned ones would end.

    python tests/benchmarks/bench_lstm_cost.py
    python tests/benchmarks/bench_lstm_cost.py --rung small --rounds 9 --contexts 100 1000
    OMP_NUM_THREADS=1 python tests/benchmarks/bench_lstm_cost.py --clock cpu

The last counts the processor time of one thread, which holds on a machine that does other work meanwhile.
"""

import argparse
import copy
import itertools
import statistics
import time
from pathlib import Path

import torch
from _report import report
from transformers.generation.streamers import BaseStreamer

from symbolic_music import MusicLSTMForCausalLM, MusicTransformerForCausalLM
from symbolic_music.scaling.grid.ladder import RUNGS, lstm_config, parameter_count, transformer_config

GOAL = 1.1
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Clock(BaseStreamer):
    """Notes when each token arrives."""

    def __init__(self, clock):
        self.clock = clock
        self.times = []

    def put(self, value):
        self.times.append(self.clock())

    def end(self):
        pass

    def seconds_per_token(self):
        """Median over the call's tokens; `times` begins with the prompt and the token of the prefill."""
        arrivals = self.times[1:]
        return statistics.median(later - earlier for earlier, later in itertools.pairwise(arrivals))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rung", choices=list(RUNGS), default="tiny")
    parser.add_argument("--contexts", type=int, nargs="+", default=[100, 300, 1000, 3000, 10_000])
    parser.add_argument("--new-tokens", type=int, default=32, help="tokens timed per call")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--clock", choices=list(CLOCKS), default="wall")
    parser.add_argument("--vocab-size", type=int, default=1734)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def build_models(arguments):
    rung = RUNGS[arguments.rung]
    transformer = transformer_config(rung, arguments.vocab_size, 256)
    lstm = lstm_config(rung, arguments.vocab_size, 256)
    transformer.position_encoding = "sinusoidal"
    for config in (transformer, lstm):
        config.max_position_embeddings = max(arguments.contexts) + arguments.new_tokens + 1
    torch.manual_seed(0)
    return {"LSTM": MusicLSTMForCausalLM(lstm).eval(), "Transformer": MusicTransformerForCausalLM(transformer).eval()}


def cache_of(model, ids):
    """The cache after all of the ids but the last."""
    return model(ids[:, :-1], use_cache=True, logits_to_keep=1).past_key_values


def cache_bytes(cache):
    return sum(tensor.nbytes for layer in cache.layers for tensor in (layer.keys, layer.values))


def timed_call(model, ids, cache, arguments):
    clock = Clock(CLOCKS[arguments.clock])
    model.generate(
        ids,
        past_key_values=copy.deepcopy(cache),
        do_sample=False,
        min_new_tokens=arguments.new_tokens + 1,
        max_new_tokens=arguments.new_tokens + 1,
        streamer=clock,
    )
    return clock.seconds_per_token()


@torch.inference_mode()
def main():
    arguments = parse_arguments()
    models = build_models(arguments)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(3, arguments.vocab_size, (1, max(arguments.contexts)), generator=generator)
    cells = [(name, context) for context in arguments.contexts for name in models]
    caches = {(name, context): cache_of(models[name], ids[:, :context]) for name, context in cells}
    seconds = {cell: [] for cell in cells}
    for round_number in range(arguments.rounds + 1):
        for name, context in cells:
            spent = timed_call(models[name], ids[:, :context], caches[name, context], arguments)
            if round_number:  # the first round warms up
                seconds[name, context].append(spent)
    median = {cell: statistics.median(values) for cell, values in seconds.items()}
    rows = []
    for context in arguments.contexts:
        row = {"context": context}
        for name in models:
            row[f"{name} ms/token"] = 1000 * median[name, context]
            row[f"{name} to the shortest"] = median[name, context] / median[name, arguments.contexts[0]]
            row[f"{name} cache KiB"] = cache_bytes(caches[name, context]) / 1024
        rows.append(row)
    ratio = rows[-1]["LSTM to the shortest"]
    parameters = {name: parameter_count(model.config).total for name, model in models.items()}
    report(
        "bench_lstm_cost",
        rows,
        arguments.output,
        rung=arguments.rung,
        clock=arguments.clock,
        parameters=parameters,
        goal=f"LSTM at {arguments.contexts[-1]} tokens <= {GOAL:g} times {arguments.contexts[0]} tokens",
        reached=ratio <= GOAL,
    )


if __name__ == "__main__":
    main()
