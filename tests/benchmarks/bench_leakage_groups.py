"""How many held-out pieces have a near duplicate in training, dealt by piece or by whole group; and what it costs.

    python tests/benchmarks/bench_leakage_groups.py --dataset runs/folk-chorales

Needs a dataset made by train/prepare_dataset.py. A piece counts as leaked when its similarity to some training piece
is at least the row's threshold; links found at the default threshold only, so "group" is 0 unless a link was refused.
"""

import argparse
import time

import numpy as np
from _report import report
from datasets import concatenate_datasets, load_dataset

from symbolic_music.data.preparation.duplicates import find_groups, shingles, signature
from symbolic_music.data.preparation.splits import SplitFractions, assign_splits, group_keys
from symbolic_music.score.midi.io import read_midi

THRESHOLDS = (0.12, 0.15, 0.2, 0.3, 0.5)
SEEDS = range(5)


def leaked_share(splits: list[str], links: np.ndarray) -> float:
    """Share of held-out pieces that are linked to a training piece."""
    is_train = np.array(splits) == "train"
    crossing = links[is_train[links[:, 0]] != is_train[links[:, 1]]]
    leaked = np.unique(crossing[~is_train[crossing]])
    return len(leaked) / int((~is_train).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True)
    rows = concatenate_datasets(list(load_dataset(parser.parse_args().dataset).values()))
    names = [f"{number:064x}" for number in range(len(rows))]

    started = time.perf_counter()
    hashes = [shingles(read_midi(midi)) for midi in rows["midi"]]
    signatures = np.stack([signature(found) for found in hashes])
    sketched = time.perf_counter()
    is_empty = np.array([not len(found) for found in hashes])
    groups = find_groups(signatures, is_empty)
    grouped = time.perf_counter()

    table = []
    for threshold in THRESHOLDS:
        links = groups.links[groups.similarities >= threshold]
        shares = {}
        for name, keys in (("random", names), ("group", group_keys(groups.labels, names))):
            deals = [assign_splits(keys, SplitFractions(), seed) for seed in SEEDS]
            shares[f"leaked_{name}"] = float(np.mean([leaked_share(deal, links) for deal in deals]))
        table.append({"threshold": threshold, "links": len(links), **shares})
    sizes, counts = np.unique(np.unique(groups.labels, return_counts=True)[1], return_counts=True)
    report(
        "bench_leakage_groups",
        table,
        pieces=len(rows),
        group_sizes=dict(zip(sizes.tolist(), counts.tolist(), strict=True)),
        sketch_seconds=round(sketched - started, 2),
        group_seconds=round(grouped - sketched, 2),
        seeds=len(SEEDS),
    )


if __name__ == "__main__":
    main()
