"""What held-out music costs in float32, in bf16 and with 8-bit weights, in bits per note, on the same pieces.

    python tests/benchmarks/bench_precision.py --model model_cards/remi-transformer-folk --dataset runs/folk-chorales

The graphs are those that `generate()` steps and `symbolic-music export --int8` writes, read token by token; bf16 is
torch's own, weights and products.
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from _report import report

from symbolic_music.export.int8 import to_int8
from symbolic_music.generation.engine.decoder import Decoder
from symbolic_music.generation.engine.graphs.families import step_graph
from symbolic_music.generation.likelihood import by_steps, by_torch
from symbolic_music.generation.loading import load_model
from symbolic_music.training.evaluation.copies import split_pieces
from symbolic_music.training.preparation import load_splits


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--num-pieces", type=int, default=64)
    parser.add_argument("--max-tokens", type=int, default=256, help="of each piece, from its beginning")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def nats_by_steps(decoder: Decoder, pieces: list[np.ndarray]) -> float:
    """Of all tokens but the first, the pieces side by side."""
    return -sum(by_steps(decoder, [ids.tolist() for ids in pieces], 1))


def nats_by_torch(model, pieces: list[np.ndarray]) -> float:
    """The same by one pass of the model over each piece."""
    return -sum(by_torch(model, ids, 1) for ids in pieces)


def main() -> None:
    arguments = parse_arguments()
    model, processor = load_model(arguments.model, "cpu")
    found = split_pieces(load_splits(arguments.dataset), ["test"], arguments.dataset, processor.codec)
    chosen = found.scores[:: max(1, len(found.scores) // arguments.num_pieces)][: arguments.num_pieces]
    pieces = [np.array(processor.encode_score(score)[: arguments.max_tokens]) for score in chosen]
    notes = sum(processor.count_events(ids)["notes"] for ids in pieces)
    graph = step_graph(model, model.config.max_position_embeddings)
    small = replace(graph, model=to_int8(graph.model))
    threads = torch.get_num_threads()
    nats = {
        "float32": nats_by_torch(model, pieces),
        "float32, engine": nats_by_steps(Decoder(graph, threads), pieces),
        "int8, engine": nats_by_steps(Decoder(small, threads), pieces),
        "bf16": nats_by_torch(model.to(torch.bfloat16), pieces),
    }
    sizes = {"float32, engine": len(graph.model), "int8, engine": len(small.model)}
    rows = [
        {
            "numbers": name,
            "bits/note": value / math.log(2) / notes,
            "more than float32, %": 100 * (value / nats["float32"] - 1),
            "graph, MiB": sizes[name] / 2**20 if name in sizes else float("nan"),
        }
        for name, value in nats.items()
    ]
    report(
        "bench_precision", rows, arguments.output, model=Path(arguments.model).name, pieces=len(pieces), notes=notes
    )


if __name__ == "__main__":
    main()
