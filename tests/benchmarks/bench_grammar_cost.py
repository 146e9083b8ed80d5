"""What the grammar costs while sampling: tokens per second with it and without it, in alternation, in one run.

    python tests/benchmarks/bench_grammar_cost.py --model model_cards/remi-transformer-folk

Both sides sample exactly as many tokens: the end of a piece is forbidden, with the grammar through the number of bars,
without it because there is none. With `--minimum-length`, a minimum length forbids it, too; the engine then calls
transformers' logits processors one by one, the grammar's among them, in the place of its own rule.
"""

import argparse
import statistics
import time
from pathlib import Path

import torch
from _report import report
from transformers import AutoModelForCausalLM, AutoProcessor, LogitsProcessorList

import symbolic_music  # noqa: F401  registers the Auto classes
from symbolic_music.generation.grammar_processor import GrammarLogitsProcessor


def sample_seconds(
    model, processor, batch_size: int, num_tokens: int, with_grammar: bool, seed: int, eos: int | None
) -> float:
    """Seconds for `num_tokens` tokens of each of `batch_size` pieces; a minimum length forbids `eos` if given."""
    torch.manual_seed(seed)
    start = torch.full((batch_size, 1), processor.tokenizer.bos_token_id, device=model.device)
    logits_processors = LogitsProcessorList()
    if with_grammar:
        logits_processors.append(GrammarLogitsProcessor(processor.grammar(), num_bars=10_000))
    started = time.perf_counter()
    output = model.generate(
        start,
        attention_mask=torch.ones_like(start),
        do_sample=True,
        top_k=0,
        max_new_tokens=num_tokens,
        logits_processor=logits_processors,
        pad_token_id=processor.tokenizer.pad_token_id,
        min_new_tokens=None if eos is None else num_tokens,
        eos_token_id=eos,
    )
    seconds = time.perf_counter() - started
    assert output.shape == (batch_size, num_tokens + 1), output.shape
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--num-tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--minimum-length", action="store_true", help="forbid the end by a minimum length, too")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    processor = AutoProcessor.from_pretrained(arguments.model)
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).to(arguments.device).eval()
    eos = processor.tokenizer.eos_token_id if arguments.minimum_length else None
    model.generation_config.eos_token_id = eos
    processor.grammar()  # built once a process, not once a piece
    rows = []
    for batch_size in arguments.batch_sizes:
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for round_ in range(arguments.rounds + 1):
            for with_grammar in (True, False) if round_ % 2 else (False, True):
                spent = sample_seconds(model, processor, batch_size, arguments.num_tokens, with_grammar, round_, eos)
                if round_:  # the first round warms up
                    seconds[with_grammar].append(spent)
        ratios = [a / b for a, b in zip(seconds[True], seconds[False], strict=True)]
        tokens = batch_size * arguments.num_tokens
        rows.append(
            {
                "batch": batch_size,
                "without, tokens/s": tokens / statistics.median(seconds[False]),
                "with, tokens/s": tokens / statistics.median(seconds[True]),
                "slower by (median of pairs)": statistics.median(ratios) - 1,
                "lowest": min(ratios) - 1,
                "highest": max(ratios) - 1,
            }
        )
    report(
        "bench_grammar_cost",
        rows,
        arguments.output,
        goal="slower by at most 0.05",
        tokens_per_piece=arguments.num_tokens,
        minimum_length=arguments.minimum_length,
        rounds=arguments.rounds,
    )


if __name__ == "__main__":
    main()
