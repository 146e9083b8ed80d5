"""Preparations whose processes are killed at random moments, and resumed: are the bytes those of an undisturbed run?

    python tests/benchmarks/bench_killed.py --data shared/data --engines none local ray

In each trial `symbolic-music prepare` begins in a new folder. At a moment drawn evenly from the time that an
undisturbed run took, SIGKILL ends, by turns, one of its workers (any process below it, drawn at random) or itself
alone. A run that lost a worker may end well by itself; one that did not is run again. Every file is compared, the path
of the output in it left out. A driver that was killed must leave no process of its own behind.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from _report import report
from bench_archives import content, process_tree

SCRIPT = Path(__file__).parents[2] / "train" / "prepare_dataset.py"
TASKS = 3
GIVEN_UP = 900.0
"""Seconds after which a run that does not end is a failure."""
SECONDS_TO_END = 30.0
"""In which processes must have noticed that the one that began them is dead."""
TURNS = ("worker", "driver")


def command_of(engine: str, sources: list[str], output: Path) -> list[str]:
    """What is typed."""
    words = [sys.executable, str(SCRIPT), *sources, "--num-workers", "2", "--output", str(output)]
    if engine != "none":
        words += ["--engine", engine, "--tasks", str(TASKS)]
    if engine == "ray":
        words += ["--engine-option", "mem_per_cpu_gb=0.1"]
    return words


def begin(command: list[str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("a") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def left_behind(pids: list[int]) -> int:
    """How many processes are still there after a while; those are ended."""
    end = time.monotonic() + SECONDS_TO_END
    while any(map(alive, pids)) and time.monotonic() < end:
        time.sleep(0.1)
    left = [pid for pid in pids if alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return len(left)


def name_of(pid: int) -> str:
    """What a process is there for, from its command line and its parent's: those that a server forks have its own."""
    words, above = map(command_line, (pid, parent_of(pid)))
    if "resource_tracker" in words:
        return "resource tracker"
    if "forkserver" in words:
        return "worker" if "forkserver" in above else "server of workers"
    return f"ray {Path(words.split()[0]).name}" if "ray" in words else "worker"


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def kill_one(process: "subprocess.Popen[bytes]", target: str, seconds: float, draw: random.Random) -> dict[str, Any]:
    """Kill a worker, or the driver, at a moment; "nothing" where the run has ended before, or has no worker then."""
    try:
        process.wait(seconds)
        return {"killed": "nothing", "left_behind": 0}
    except subprocess.TimeoutExpired:
        pass
    workers = process_tree(process.pid)[1:]
    if target == "worker" and not workers:
        return {"killed": "nothing", "left_behind": 0}
    victim = draw.choice(workers) if target == "worker" else process.pid
    name = name_of(victim) if target == "worker" else "driver"
    os.kill(victim, signal.SIGKILL)
    if target == "worker":
        return {"killed": name, "left_behind": 0}
    process.wait()
    return {"killed": name, "left_behind": left_behind(workers)}


def trial(
    engine: str, sources: list[str], folder: Path, seconds: float, target: str, draw: random.Random
) -> dict[str, Any]:
    """Begin, kill, resume until it ends well."""
    output, log = folder / "out", folder / "log"
    folder.mkdir()
    command = command_of(engine, sources, output)
    process = begin(command, log)
    found = kill_one(process, target, seconds, draw)
    code = process.wait(GIVEN_UP)
    runs = 1
    while code and runs < 4:
        code = begin(command, log).wait(GIVEN_UP)
        runs += 1
    if code:
        sys.exit(f"{log}: ended with exit code {code} after it was killed {seconds:.2f} s after its beginning")
    return found | {"runs": runs, "bytes": content(output)}


def rows(engine: str, sources: list[str], folder: Path, trials: int, seed: int) -> Iterator[dict[str, Any]]:
    """An undisturbed run, then those that are disturbed."""
    began = time.monotonic()
    expected = trial(engine, sources, folder / f"{engine}-undisturbed", GIVEN_UP, "driver", random.Random(0))
    seconds = time.monotonic() - began
    draw = random.Random(seed)
    for number in range(trials):
        moment = draw.uniform(0, seconds)
        target = TURNS[number % 2]
        found = trial(engine, sources, folder / f"{engine}-{number:02d}", moment, target, draw)
        row = {"engine": engine, "target": target, "share_of_run": round(moment / seconds, 3)}
        row |= {"equal_bytes": found.pop("bytes") == expected["bytes"]} | found
        print(row, flush=True)
        yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of real music that the tests use")
    parser.add_argument("--engines", nargs="+", choices=["none", "local", "ray"], default=["none", "local"])
    parser.add_argument("--trials", type=int, default=20, help="of each engine; Ctrl-C ends them early")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-tunes", action="store_true", help="a third of the files, for a busy machine")
    parser.add_argument("--keep", type=Path, help="a folder for the datasets and logs; default one that is removed")
    options = parser.parse_args()
    sources = ["--abc-dir", str(options.data / "abc")]
    if not options.only_tunes:
        sources += ["--archive", str(options.data / "corpora" / "openewld.zip")]
        sources += ["--midi-dir", str(options.data / "midi_song")]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in options.engines:
            table = []
            with suppress(KeyboardInterrupt):  # what was tried until then is reported
                table.extend(rows(name, sources, folder, options.trials, options.seed))
            equal = sum(row["equal_bytes"] for row in table)
            facts = {"trials": len(table), "equal_bytes": equal, "seed": options.seed}
            report(f"bench_killed_{name}", table, **facts, tasks=1 if name == "none" else TASKS)


if __name__ == "__main__":
    main()
