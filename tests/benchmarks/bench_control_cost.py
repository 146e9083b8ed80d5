"""What asking costs while sampling: tokens per second with all controls and with the grammar alone, in alternation.

    python tests/benchmarks/bench_control_cost.py --model model_cards/abc-transformer-folk

Both sides write as many pieces of eight bars. Building the automata, once for all pieces, is told apart; each round
finds the ends that its own pieces need, as a call of `compose` does.
"""

import argparse
import statistics
import time
from pathlib import Path

from _report import report

from symbolic_music.events.controls.asked import EVERY, Controls
from symbolic_music.events.controls.compiled import settle
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.generation.light import load_light
from symbolic_music.generation.writing.request import Request
from symbolic_music.generation.writing.sequences import write_sequences

ALL = Controls(
    instruments=(0,),
    tempo=(80, 120),
    meter="4/4",
    bars=8,
    key="C",
    chords=(("C",), ("Am",), ("F", "G7"), ("C",)),
    ranges=((EVERY, 48, 84),),
    density=(2, 16),
    ending=True,
    bass_on_root=True,
    max_repeats=1,
    polyphony=((EVERY, 1, 3),),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--pieces", type=int, default=32)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    model, processor = load_light(arguments.model)
    options = SamplingOptions(num_bars=8).for_model(model)
    processor.grammar()
    started = time.perf_counter()
    asked = settle(processor.codec, ALL)
    processor.control(asked)
    built = time.perf_counter() - started

    def tokens_per_second(batch_size: int, round_: int, with_controls: bool) -> float:
        grammar = processor.control(asked) if with_controls else processor.grammar()
        tokenizer = processor.tokenizer
        request = Request(
            [tokenizer.bos_token_id],
            model.config.max_position_embeddings,
            tokenizer.eos_token_id,
            tokenizer.pad_token_id,
            options.draw(),
            grammar,
            8,
        )
        started = time.perf_counter()
        written = write_sequences(model, request, round_, range(arguments.pieces), batch_size)
        return sum(map(len, written)) / (time.perf_counter() - started)

    rows = []
    for batch_size in arguments.batch_sizes:
        found: dict[bool, list[float]] = {True: [], False: []}
        for round_ in range(arguments.rounds + 1):
            for with_controls in (True, False) if round_ % 2 else (False, True):
                speed = tokens_per_second(batch_size, round_, with_controls)
                if round_:  # the first round warms up
                    found[with_controls].append(speed)
        ratios = [without / asked for asked, without in zip(found[True], found[False], strict=True)]
        rows.append(
            {
                "batch": batch_size,
                "grammar alone, tokens/s": statistics.median(found[False]),
                "all controls, tokens/s": statistics.median(found[True]),
                "slower, median of rounds": f"{100 * (statistics.median(ratios) - 1):.1f}%",
                "automata built in, s": round(built, 2),
            }
        )
    report("bench_control_cost", rows, goal="slower by at most 10%", pieces=arguments.pieces)


if __name__ == "__main__":
    main()
