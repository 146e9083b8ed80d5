"""Whole corpora, as archives, into one dataset in one command: time, memory, what is refused; killed and resumed.

    python tests/benchmarks/bench_archives.py --corpora shared/data/corpora

Every .zip and .tar.* file of the folder is read by train/prepare_dataset.py with two workers. Memory is the sum of the
proportional set sizes (Linux) of the process and all its children, looked at four times a second. The second run is
killed by SIGKILL while it lists, when a fourth, a half and three quarters of the units are read, and while it writes
the dataset, and resumed each time; its bytes are compared with those of the first.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from _report import report

from symbolic_music.data.preparation.prepare import UNITS_PER_SHARD

SCRIPT = Path(__file__).parents[2] / "train" / "prepare_dataset.py"


def process_tree(pid: int) -> list[int]:
    """A process and everything it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [below for child in task.read_text().split() for below in process_tree(int(child))]
        except OSError:
            continue
    return found


def proportional_mib(pid: int) -> float:
    """A process's proportional set size: memory that several share counts in parts."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def run(command: list[str], log: Path, until: Callable[[float], bool] = lambda _: False) -> tuple[float, float, bool]:
    """Run to the end, or kill it once `until(seconds)` is true.

    Returns:
        Seconds, peak MiB, and whether it was killed.
    """
    began, peak = time.monotonic(), 0.0
    with log.open("a") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
        while process.poll() is None:
            seconds = time.monotonic() - began
            if until(seconds):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return seconds, peak, True
            peak = max(peak, sum(map(proportional_mib, process_tree(process.pid))))
            time.sleep(0.25)
    if process.returncode:
        sys.exit(f"{log}: ended with exit code {process.returncode}")
    return time.monotonic() - began, peak, False


def killed_and_resumed(command: list[str], output: Path, units: int, log: Path) -> list[str]:
    """Run the command until it ends, killing it at several moments; returns which."""
    work = output / ".work"
    shards = -(-units // UNITS_PER_SHARD)

    def shards_done(share: float) -> Callable[[float], bool]:
        return lambda _: len(list(work.glob("shard-*"))) >= share * shards

    moments = {
        "listing": lambda seconds: seconds > 3,
        **{f"{share:.0%} read": shards_done(share) for share in (0.25, 0.5, 0.75)},
        "writing": lambda _: (work / "assembled" / "data").exists(),
    }
    hit = [name for name, moment in moments.items() if run(command, log, moment)[2]]
    run(command, log)
    return hit


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a dataset; its card names the command, and with it the folder's own path, which is left out."""
    own = str(folder).encode()
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes().replace(own, b"OUTPUT") for path in files}


def by_source(output: Path) -> list[dict[str, Any]]:
    """Pieces, notes, pieces with chord symbols and what was skipped, for each source."""
    counts: dict[str, Counter[str]] = {}
    for path in sorted((output / "data").glob("*.parquet")):
        for row in pq.read_table(path, columns=["source", "notes", "bars", "chords"]).to_pylist():
            found = counts.setdefault(row["source"], Counter())
            found.update(pieces=1, notes=row["notes"], bars=row["bars"], with_chords=int(bool(row["chords"])))
    skipped: dict[str, Counter[str]] = {}
    for line in (output / "skipped.jsonl").read_text().splitlines():
        skipped.setdefault(json.loads(line)["source"], Counter())[json.loads(line)["refusal"]] += 1
    names = ("pieces", "notes", "bars", "with_chords")
    return [
        {"source": source}
        | {name: counts.get(source, Counter())[name] for name in names}
        | {"skipped": ", ".join(f"{reason} {n}" for reason, n in sorted(skipped.get(source, Counter()).items()))}
        for source in sorted(counts | skipped)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--no-kill", action="store_true", help="measure only")
    parser.add_argument("--keep", type=Path, help="a folder for the datasets and logs; default one that is removed")
    options = parser.parse_args()
    archives = sorted(path for path in options.corpora.iterdir() if path.suffix == ".zip" or ".tar" in path.suffixes)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        straight, killed = folder / "straight" / "all", folder / "killed" / "all"
        straight.parent.mkdir(parents=True, exist_ok=True)
        killed.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(SCRIPT), "--num-workers", "2"]
        command += [part for path in archives for part in ("--archive", str(path))]
        seconds, peak, _ = run([*command, "--output", str(straight)], folder / "straight.log")
        summary = json.loads((straight / "prepare.json").read_text())
        facts = {"seconds": round(seconds, 1), "peak_mib": round(peak), "splits": summary["splits"]}
        facts |= {name: summary[name] for name in ("skipped", "groups", "chords", "split_hash")}
        if not options.no_kill:
            again = [*command, "--output", str(killed)]
            facts["killed_while"] = killed_and_resumed(again, killed, summary["plan"]["units"], folder / "killed.log")
            facts["equal_bytes"] = content(straight) == content(killed)
        report("bench_archives", by_source(straight), **facts)


if __name__ == "__main__":
    main()
