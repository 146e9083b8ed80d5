"""Near-duplicate groups of pieces whose true groups are known: seconds, memory, recall and precision as they grow.

    python tests/benchmarks/bench_groups.py --dataset runs/ensembles

Needs a dataset made by train/prepare_dataset.py. One piece of each of its groups is taken and copied: in another key,
at another tempo, on another instrument, some bars cut off at either end. Every size has as many copies of a piece, so
that links grow as the pieces do.
"""

import argparse
import resource
import time

import numpy as np
from _report import report
from datasets import concatenate_datasets, load_dataset
from tqdm import tqdm

from symbolic_music.data.preparation.duplicates import find_groups, shingles, signature
from symbolic_music.score.bars import count_bars
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.transforms.edit import cut_bars, scale_tempo, transpose

COPIES = 13
# Of a shorter cut, less than half of the longer one's shingles are left.
SHORTEST_CUT = 0.6


def copy_of(score, rng):
    """Another setting of a piece."""
    copied = scale_tempo(transpose(score, int(rng.integers(-5, 7))), float(rng.uniform(0.5, 2)))
    for track in copied.tracks:
        track.program = int(rng.integers(0, 96))
    bars = count_bars(copied)
    kept = int(np.ceil(bars * rng.uniform(SHORTEST_CUT, 1)))
    return cut_bars(copied, int(rng.integers(0, bars - kept + 1)), kept)


def sketch(sources, sizes, seed):
    """Signatures of copies, whether each is empty, and the number of its source."""
    rng = np.random.default_rng(seed)
    signatures, is_empty, truth = [], [], []
    for number in tqdm(range(-(-max(sizes) // COPIES)), desc="copy", unit="piece"):
        score = read_midi(sources[number])
        for _ in range(COPIES):
            hashes = shingles(copy_of(score, rng))
            signatures.append(signature(hashes))
            is_empty.append(not len(hashes))
            truth.append(number)
    return np.stack(signatures), np.array(is_empty), np.array(truth)


def row_of(signatures, is_empty, truth):
    """Find the groups of pieces, and compare them with the true ones."""
    started = time.process_time()
    groups = find_groups(signatures, is_empty)
    seconds = time.process_time() - started
    together = 0
    for number in np.unique(truth):
        _, counts = np.unique(groups.labels[truth == number], return_counts=True)
        together += int(counts.max())
    links = groups.links
    return {
        "pieces": len(truth),
        "seconds": round(seconds, 2),
        "links": len(links),
        "groups": len(np.unique(groups.labels)),
        "true_groups": len(np.unique(truth)),
        "recall": round(together / len(truth), 4),
        "precision_of_links": round(float((truth[links[:, 0]] == truth[links[:, 1]]).mean()), 4),
        "refused_links": groups.refused_links,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 50_000, 178_000])
    arguments = parser.parse_args()
    rows = concatenate_datasets(list(load_dataset(arguments.dataset).values()))
    _, first = np.unique(rows["group"], return_index=True)
    most = -(-max(arguments.sizes) // COPIES)
    if most > len(first):
        parser.error(f"--sizes: the dataset has {len(first):,} groups, enough for {COPIES * len(first):,} pieces")
    sources = rows.select(np.sort(first)[:most])["midi"]
    signatures, is_empty, truth = sketch(sources, arguments.sizes, seed=0)
    table = []
    for size in arguments.sizes:
        whole = slice(0, size - size % COPIES)
        table.append(row_of(signatures[whole], is_empty[whole], truth[whole]))
    report("bench_groups", table, copies=COPIES)


if __name__ == "__main__":
    main()
