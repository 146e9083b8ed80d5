"""What several particles a piece cost: seconds per piece against the mask alone, in alternation.

    python tests/benchmarks/bench_particles.py --model model_cards/abc-transformer-ensemble

All write pieces of eight bars with the same chords asked. N particles write N times as many tokens, so N is what they
would cost if weighing, copying and waiting at bar lines were free.
"""

import argparse
import statistics
import time
from pathlib import Path

from _report import report

from symbolic_music.events.controls.asked import Controls
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.light import load_light

ASKED = Controls(bars=8, chords=(("C",), ("Am",), ("F", "G7"), ("C",)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pieces", type=int, default=8)
    parser.add_argument("--particles", type=int, nargs="+", default=[4, 8])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    model, processor = load_light(arguments.model)

    def cost(particles: int, round_: int) -> tuple[float, float]:
        """Seconds for each token of a finished piece, and for each piece."""
        options = SamplingOptions(num_bars=8, seed=round_)
        started = time.perf_counter()
        pieces = compose(model, processor, arguments.pieces, options=options, controls=ASKED, particles=particles)
        seconds = time.perf_counter() - started
        return seconds / sum(len(piece.ids) for piece in pieces), seconds / len(pieces)

    sizes = [1, *arguments.particles]
    found: dict[int, list[tuple[float, float]]] = {size: [] for size in sizes}
    for round_ in range(arguments.rounds + 1):
        for size in sizes if round_ % 2 else reversed(sizes):
            costs = cost(size, round_)
            if round_:  # the first round warms up
                found[size].append(costs)
    rows = []
    for size in sizes:
        ratios = [own[0] / alone[0] for own, alone in zip(found[size], found[1], strict=True)]
        rows.append(
            {
                "particles": size,
                "tokens of finished pieces/s": round(1 / statistics.median(costs[0] for costs in found[size])),
                "seconds per piece": round(statistics.median(costs[1] for costs in found[size]), 3),
                "slower by token, median of rounds": f"{statistics.median(ratios):.2f} times",
                "slower by token and particle": f"{statistics.median(ratios) / size:.2f} times",
            }
        )
    report("bench_particles", rows, goal="as many times slower as there are particles", pieces=arguments.pieces)


if __name__ == "__main__":
    main()
