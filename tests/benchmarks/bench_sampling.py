"""How fast `generate()` is under the grammar, beside transformers' own loop and a stock GPT-2 of equal size without.

    python tests/benchmarks/bench_sampling.py --model model_cards/remi-transformer-folk

All sides sample exactly as many tokens, in turns, in one run: the end of a piece is forbidden, under the grammar
through the number of bars, without it because there is none. Weights are float32 on all sides.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from _report import report
from transformers import AutoModelForCausalLM, AutoProcessor, GPT2Config, GPT2LMHeadModel, PreTrainedModel

import symbolic_music  # noqa: F401  registers the Auto classes
from symbolic_music.generation.grammar_processor import GrammarLogitsProcessor


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="of a family of this package")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--num-tokens", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--output", type=Path)
    return parser.parse_args()


def stock_model(model: PreTrainedModel, context: int) -> GPT2LMHeadModel:
    """A GPT-2 of the same width, depth and vocabulary, or as near as an LSTM's size comes."""
    config = model.config
    sizes = {"n_embd": config.hidden_size, "n_layer": config.num_hidden_layers}
    heads = getattr(config, "num_attention_heads", config.hidden_size // 64)
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=config.vocab_size, n_positions=context, n_head=heads, **sizes)).eval()


def sample(
    model: PreTrainedModel, processor, batch: int, num_tokens: int, seed: int, with_grammar: bool, by_loop: bool
) -> float:
    """Seconds for `num_tokens` tokens of each of `batch` pieces."""
    kept = getattr(type(model), "decode_with", None)
    if by_loop:
        type(model).decode_with = None
    start = torch.full((batch, 1), processor.tokenizer.bos_token_id, device=model.device)
    masks = [GrammarLogitsProcessor(processor.grammar(), num_bars=100_000)] if with_grammar else []
    torch.manual_seed(seed)
    started = time.perf_counter()
    try:
        output = model.generate(
            start,
            attention_mask=torch.ones_like(start),
            do_sample=True,
            top_k=0,
            top_p=0.95,
            max_new_tokens=num_tokens,
            logits_processor=masks,
            pad_token_id=processor.tokenizer.pad_token_id,
            eos_token_id=None,
        )
    finally:
        if by_loop:
            type(model).decode_with = kept
    seconds = time.perf_counter() - started
    assert output.shape == (batch, num_tokens + 1), output.shape
    return seconds


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    processor = AutoProcessor.from_pretrained(arguments.model)
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).to(arguments.device).eval()
    model.generation_config.eos_token_id = None
    stock = stock_model(model, arguments.num_tokens + 1).to(arguments.device)
    sides: dict[str, Callable[..., float]] = {
        "engine": partial(sample, model, processor, with_grammar=True, by_loop=False),
        "loop": partial(sample, model, processor, with_grammar=True, by_loop=True),
        "stock": partial(sample, stock, processor, with_grammar=False, by_loop=True),
    }
    rows = []
    for batch in arguments.batch_sizes:
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(arguments.rounds + 1):
            for name in sides if number % 2 else reversed(sides):
                spent = sides[name](batch=batch, num_tokens=arguments.num_tokens, seed=number)
                if number:  # the first round warms up
                    seconds[name].append(spent)
        rows.append(compared(batch, batch * arguments.num_tokens, seconds))
    report(
        "bench_sampling",
        rows,
        arguments.output,
        goal="times stock: 5 at 1, 3 at 8, 2 at 32; times the loop: 6, 4, 3",
        model=Path(arguments.model).name,
        parameters=model.num_parameters(),
        stock_parameters=stock.num_parameters(),
        tokens_per_piece=arguments.num_tokens,
        rounds=arguments.rounds,
    )


def compared(batch: int, tokens: int, seconds: dict[str, list[float]]) -> dict[str, float]:
    """Medians of the rounds, and of their ratios."""
    row: dict[str, float] = {"batch": batch}
    row |= {f"{name}, tokens/s": tokens / statistics.median(spent) for name, spent in seconds.items()}
    for name in ("loop", "stock"):
        ratios = [a / b for a, b in zip(seconds[name], seconds["engine"], strict=True)]
        row |= {f"times {name}": statistics.median(ratios), f"lowest of {name}": min(ratios)}
    return row


if __name__ == "__main__":
    main()
