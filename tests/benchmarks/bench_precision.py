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
    """Of all tokens but the first, the pieces side by side; the longest first, so that those that end are the last."""
    pieces = sorted(pieces, key=len, reverse=True)
    decoder.open(len(pieces))
    readings = [decoder.read(ids[:1]) for ids in pieces]
    for place, reading in enumerate(readings):
        decoder.put(place, reading)
    logits, nats = np.stack([reading.logits for reading in readings]), 0.0
    for step in range(1, len(pieces[0])):
        going = [ids for ids in pieces if len(ids) > step]
        tokens = np.array([ids[step] for ids in going])
        scores = torch.from_numpy(logits[: len(going)]).log_softmax(dim=1).numpy()
        nats -= float(scores[np.arange(len(going)), tokens].sum())
        logits = decoder.step(tokens)
    return nats


@torch.inference_mode()
def nats_by_torch(model, pieces: list[np.ndarray]) -> float:
    """The same by one pass of the model over each piece."""
    nats = 0.0
    for ids in pieces:
        tokens = torch.from_numpy(ids)[None]
        scores = model(tokens).logits[0, :-1].float().log_softmax(dim=1)
        nats -= float(scores.gather(1, tokens[0, 1:, None]).sum())
    return nats


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
