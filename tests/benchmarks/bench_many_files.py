"""Tens of thousands of files whose true groups are known, as one archive into one dataset: time, memory, groups.

    python tests/benchmarks/bench_many_files.py --dataset runs/ensembles --sizes 5000 10000 20000

Needs a dataset made by `symbolic-music prepare`. Of each of its groups one piece is taken, in an order drawn anew, and
copied as `bench_groups.py` does: in another key, at another tempo, on other instruments, some bars cut off at either
end. The copies are MIDI files in a .tar.gz laid out as the Lakh MIDI Dataset is, which is prepared with two workers in
a process of its own. Memory is the sum of the proportional set sizes of all its processes, looked at four times a
second.

What sizes beyond would take follows from a power law through the sizes measured, for each step. It is no measurement.
"""

import argparse
import io
import json
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from _report import report
from bench_archives import run
from bench_groups import COPIES, copy_of
from datasets import concatenate_datasets, load_dataset
from tqdm import tqdm

from symbolic_music.data.preparation import prepare
from symbolic_music.data.sources.archives import list_archive
from symbolic_music.score.midi.io import midi_bytes, read_midi

BEYOND = {"Lakh": 178_561, "200,000": 200_000, "a million": 1_000_000}
"""Files of the Lakh MIDI Dataset, as its publisher counts them, and round numbers."""
STEPS = ("list", "read", "gather", "group", "write")


def copies(dataset: str, most: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Names, which begin with the number of the source, and contents of files."""
    rows = concatenate_datasets(list(load_dataset(dataset).values()))
    _, first = np.unique(rows["group"], return_index=True)
    rng = np.random.default_rng(seed)
    number_of_sources = -(-most // COPIES)
    if number_of_sources > len(first):
        sys.exit(f"--sizes: the dataset has {len(first):,} groups, enough for {COPIES * len(first):,} files")
    sources = rows.select(rng.permutation(first)[:number_of_sources])["midi"]
    for number in tqdm(range(number_of_sources), desc="copy", unit="piece"):
        score = read_midi(sources[number])
        for copy in range(COPIES):
            yield f"lmd_full/{number % 16:x}/{number:06d}-{copy:02d}.mid", midi_bytes(copy_of(score, rng))


def write_archives(dataset: str, sizes: list[int], folder: Path) -> None:
    """An archive of each size; a smaller one holds the first files of a larger."""
    if all((folder / f"{size}.tar.gz").exists() for size in sizes):
        return
    with ExitStack() as stack:
        archives = {
            size: stack.enter_context(tarfile.open(folder / f"{size}.part", "w:gz", compresslevel=6)) for size in sizes
        }
        for number, (name, content) in enumerate(copies(dataset, max(sizes), seed=0)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for size, archive in archives.items():
                if number < size:
                    archive.addfile(member, io.BytesIO(content))
    for size in sizes:
        (folder / f"{size}.part").rename(folder / f"{size}.tar.gz")


def prepare_with_clock(archive: Path, output: Path) -> None:
    """In a process of its own: prepare, and write the seconds of each step beside the output."""
    seconds: dict[str, float] = {}

    def timed(step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run_timed(*arguments: Any) -> Any:
            began = time.perf_counter()
            result = function(*arguments)
            seconds[step] = seconds.get(step, 0.0) + time.perf_counter() - began
            return result

        return run_timed

    for step, name in (("read", "read_shards"), ("gather", "gather_rows"), ("group", "_deal"), ("write", "assemble")):
        setattr(prepare, name, timed(step, getattr(prepare, name)))
    units = timed("list", list_archive)(archive, "made up").units
    prepare.prepare_dataset(units, output, prepare.PrepareSettings(), num_workers=2)
    output.with_suffix(".json").write_text(json.dumps(seconds))


def judged(output: Path) -> dict[str, float]:
    """Of the pairs of copies of one piece, how many share a group; and the other way round."""
    tables = [pq.read_table(path, columns=["name", "group"]) for path in sorted((output / "data").glob("*.parquet"))]
    labels = [
        (int(name.rpartition("/")[2].partition("-")[0]), group)
        for table in tables
        for name, group in zip(table["name"].to_pylist(), table["group"].to_pylist(), strict=True)
    ]
    truth, found, both = Counter(t for t, _ in labels), Counter(g for _, g in labels), Counter(labels)

    def pairs(counts: Counter[Any]) -> int:
        return sum(count * (count - 1) // 2 for count in counts.values())

    return {
        "pieces": len(labels),
        "groups": len(found),
        "true_groups": len(truth),
        "recall": round(pairs(both) / pairs(truth), 5),
        "precision": round(pairs(both) / pairs(found), 5),
    }


def row_of(size: int, folder: Path) -> dict[str, Any]:
    """What was measured; kept beside the output, for a run of the benchmark that is cut short."""
    kept = folder / f"{size}.row.json"
    if not kept.exists():
        kept.write_text(json.dumps(measured(size, folder)))
    return json.loads(kept.read_text())


def measured(size: int, folder: Path) -> dict[str, Any]:
    output = folder / str(size)
    command = [sys.executable, __file__, "--prepare", str(folder / f"{size}.tar.gz"), str(output)]
    seconds, peak, _ = run(command, folder / f"{size}.log")
    steps = json.loads(output.with_suffix(".json").read_text())
    summary = json.loads((output / "prepare.json").read_text())
    row = {"files": size, "seconds": round(seconds, 1), "files_per_s": round(size / seconds, 1)}
    row |= {f"{step}_s": round(steps[step], 2) for step in STEPS} | {"peak_mib": round(peak)}
    row |= judged(output) | {"largest": summary["groups"]["largest"]}
    return row | {"refused_links": summary["groups"]["refused_links"], "skipped": summary["skipped"]}


def growth(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """For each step seconds = a * files ** exponent by least squares of the logarithms, and what that gives beyond.

    What lies beyond is reckoned from the largest size, and no step is taken to grow slower than the files do.
    """
    logs, largest = np.log([row["files"] for row in rows]), rows[-1]
    found: dict[str, Any] = {}
    for step in STEPS:
        exponent = float(np.polyfit(logs, np.log([max(row[f"{step}_s"], 0.01) for row in rows]), 1)[0])
        beyond = {
            words: round(largest[f"{step}_s"] * (size / largest["files"]) ** max(1.0, exponent))
            for words, size in BEYOND.items()
        }
        found[f"{step}_s"] = {"exponent": round(exponent, 2)} | beyond
    found["hours"] = {words: round(sum(found[f"{step}_s"][words] for step in STEPS) / 3600, 2) for words in BEYOND}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", help="a folder")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 20_000, 50_000])
    parser.add_argument("--prepare", type=Path, nargs=2, metavar=("ARCHIVE", "OUTPUT"), help=argparse.SUPPRESS)
    parser.add_argument(
        "--keep", type=Path, help="a folder for archives, datasets and what was measured, to go on with"
    )
    options = parser.parse_args()
    if options.prepare:
        return prepare_with_clock(*options.prepare)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if missing := [size for size in options.sizes if not (folder / f"{size}.row.json").exists()]:
            write_archives(options.dataset, missing, folder)
        rows = [row_of(size, folder) for size in sorted(options.sizes)]
    facts = {"growth": growth(rows)} if len(rows) > 1 else {}
    report("bench_many_files", rows, copies=COPIES, **facts)


if __name__ == "__main__":
    main()
