"""From the click to the sound, in Chromium: the studio with its server, and the page whose model runs in the browser.

    python tests/benchmarks/bench_studio.py

Each round composes eight bars with another seed and plays them; the model was asked once before. Needs Playwright,
Chromium, and npm for the page's runtime.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from _report import report
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1] / "studio"))
from visits import BROWSER, Visit

ROOT = Path(__file__).parents[2]
MODELS = ("gpt2-music-base", "remi-transformer-ensemble", "remi-transformer-folk")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def measure(browser, port: int, name: str, rounds: int) -> dict:
    visit = Visit(browser, port)
    page = visit.page
    page.click("#go")
    visit.until("studio.session.now", 120)
    waits, sounds, notes = [], [], []
    for seed in range(1, rounds + 1):
        page.fill("#compose-seed", str(seed))
        started = time.perf_counter()
        page.click("#go")
        visit.until(f"studio.session.place === {seed}", 120)
        waits.append(time.perf_counter() - started)
        page.click("#play")
        visit.until("studio.player.level() > 0.005")
        sounds.append(time.perf_counter() - started)
        page.click("#play")
        notes.append(page.evaluate("studio.state.song.tracks.reduce((sum, track) => sum + track.notes.length, 0)"))
    visit.leave(port)
    return {
        "page": name,
        "rounds": rounds,
        "median_seconds_to_piece": statistics.median(waits),
        "median_seconds_to_sound": statistics.median(sounds),
        "most_seconds_to_sound": max(sounds),
        "notes_per_second": sum(notes) / sum(waits),
    }


def with_server(browser, model: str, rounds: int) -> dict:
    command = [sys.executable, "-m", "symbolic_music", "studio", "--model", f"model_cards/{model}", "--port", "0"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline().split()[0].rstrip("/").rpartition(":")[2])
        return measure(browser, port, f"server, {model}", rounds)
    finally:
        server.terminate()
        server.wait(30)


def alone(browser, model: str, rounds: int) -> tuple[dict, float]:
    with TemporaryDirectory() as place:
        folder = Path(place) / "page"
        command = [sys.executable, "-m", "symbolic_music", "studio", "--static", str(folder)]
        subprocess.run([*command, "--model", f"model_cards/{model}"], cwd=ROOT, check=True, capture_output=True)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
        files = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", str(folder)]
        server = subprocess.Popen(files, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = int(server.stdout.readline().partition(" port ")[2].split()[0])
            return measure(browser, port, f"alone, {model} in 8 bits", rounds), size
        finally:
            server.terminate()
            server.wait(30)


def main() -> int:
    options = parse_arguments()
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        rows = [with_server(browser, name, options.rounds) for name in MODELS]
        row, size = alone(browser, "remi-transformer-folk", options.rounds)
        browser.close()
    report("bench_studio", [*rows, row], options.output, mib_of_the_page=round(size, 1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
