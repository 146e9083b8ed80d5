"""What `symbolic-music serve` withstands: many clients at once, for minutes, with the model's process killed midway.

    python tests/benchmarks/bench_serving.py --clients 50 --minutes 10

Each client asks for a piece of four bars, waits for it, and asks again; every tenth time it listens bar by bar. An
answer that is neither music nor an error that says what happened is a lost request. The processes' memory is looked
at once a second.
"""

import argparse
import http.client
import json
import os
import queue
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
from _report import report

ROOT = Path(__file__).parents[2]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="model_cards/remi-transformer-folk")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--bars", type=int, default=4)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def start_server(model: str) -> tuple[subprocess.Popen, int]:
    command = [sys.executable, "-m", "symbolic_music", "serve", "--model", model, "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    line = server.stdout.readline()
    return server, int(line.split()[0].rstrip("/").rpartition(":")[2])


class Client(threading.Thread):
    """Asks, waits, and asks again until it is time to stop."""

    def __init__(self, number: int, port: int, bars: int, until: float, told: queue.Queue):
        super().__init__(daemon=True)
        self._number, self._port, self._bars, self._until, self._told = number, port, bars, until, told

    def run(self) -> None:
        asked = 0
        while time.monotonic() < self._until:
            started = time.monotonic()
            try:
                outcome = self._ask(self._number * 10_000 + asked, listens=asked % 10 == 9)
            except (OSError, http.client.HTTPException, ValueError) as error:
                outcome = f"lost: {type(error).__name__}"
            self._told.put((self._number, outcome, time.monotonic() - started))
            asked += 1

    def _ask(self, seed: int, listens: bool) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=300)
        headers = {"content-type": "application/json", "x-client": str(self._number)}
        headers |= {"accept": "text/event-stream"} if listens else {}
        connection.request("POST", "/compose", json.dumps({"num_bars": self._bars, "seed": seed}), headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        if listens and answer.status == 200:
            return self._last_of_stream(body)
        said = json.loads(body)
        if answer.status == 200:
            return "music" if said["pieces"][0]["valid"] else "lost: no music"
        return f"error {answer.status}" if said["error"] else "lost: silent error"

    def _last_of_stream(self, body: str) -> str:
        kinds = [line.removeprefix("event: ") for line in body.splitlines() if line.startswith("event: ")]
        if kinds[-1] == "end":
            return "music" if "bars" in kinds and "piece" in kinds else "lost: no music"
        return f"error {kinds[-1]}"


def watch_memory(server: subprocess.Popen, until: float, samples: list[tuple[float, float]]) -> None:
    """Once a second, MiB of the server and of the largest process below it."""
    process = psutil.Process(server.pid)
    while time.monotonic() < until:
        sizes = [0.0]
        for child in process.children(recursive=True):
            try:
                sizes.append(child.memory_info().rss / 2**20)
            except psutil.NoSuchProcess:
                continue
        samples.append((process.memory_info().rss / 2**20, max(sizes)))
        time.sleep(1)


def kill_the_model(server: subprocess.Popen) -> None:
    """The largest process is the model's."""
    children = psutil.Process(server.pid).children(recursive=True)
    os.kill(max(children, key=lambda child: child.memory_info().rss).pid, signal.SIGKILL)


def main() -> int:
    options = parse_arguments()
    server, port = start_server(options.model)
    seconds = 60 * options.minutes
    until, told, samples = time.monotonic() + seconds, queue.Queue(), []
    watcher = threading.Thread(target=watch_memory, args=(server, until, samples), daemon=True)
    clients = [Client(number, port, options.bars, until, told) for number in range(options.clients)]
    for thread in (watcher, *clients):
        thread.start()
    time.sleep(seconds / 2)
    kill_the_model(server)
    for thread in (watcher, *clients):
        thread.join()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/health")
    restarts = max(row["restarts"] for row in json.loads(connection.getresponse().read())["processes"].values())
    server.terminate()
    server.wait(30)
    answers = list(told.queue)
    outcomes = Counter(outcome for _, outcome, _ in answers)
    served = Counter(number for number, outcome, _ in answers if outcome == "music")
    waits = sorted(wait for _, outcome, wait in answers if outcome == "music")
    half = len(samples) // 2
    row = {
        "clients": options.clients,
        "minutes": options.minutes,
        "answers": len(answers),
        "music": outcomes["music"],
        "errors": sum(count for outcome, count in outcomes.items() if outcome.startswith("error")),
        "lost": sum(count for outcome, count in outcomes.items() if outcome.startswith("lost")),
        "restarts": restarts,
        "fewest_of_a_client": min(served[number] for number in range(options.clients)),
        "most_of_a_client": max(served.values()),
        "median_seconds": statistics.median(waits),
        "p95_seconds": waits[int(0.95 * len(waits))],
    }
    memory = {
        "server_mib_first_half": max(size for size, _ in samples[:half]),
        "server_mib_second_half": max(size for size, _ in samples[half:]),
        "model_mib_first_half": max(size for _, size in samples[:half]),
        "model_mib_second_half": max(size for _, size in samples[half:]),
    }
    report("bench_serving", [row], options.output, outcomes=dict(outcomes), memory=memory, model=options.model)
    return 0


if __name__ == "__main__":
    sys.exit(main())
