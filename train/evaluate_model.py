"""Score a model on every piece of a split: nats per token, bits per note and per bar, each piece read whole.

python train/evaluate_model.py --model DIR --dataset DIR --split test --output evaluation.json
"""

import argparse
from pathlib import Path
from typing import Any

from symbolic_music.generation.loading import load_model
from symbolic_music.metrics.intervals import in_brackets
from symbolic_music.report.plots import draw_loss_by_bar
from symbolic_music.training.arguments import at_least, one_line_errors
from symbolic_music.training.evaluation.kinds import read_kinds
from symbolic_music.training.evaluation.pieces import evaluate_split, write_evaluation
from symbolic_music.training.preparation import choose_split, load_splits
from symbolic_music.training.summary import dataset_hash, machine_class, tokenizer_hash


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder or Hub id of model and processor")
    parser.add_argument("--dataset", required=True, help="dataset folder or Hub id")
    parser.add_argument("--split", default="test", help="the split to score")
    parser.add_argument("--output", type=Path, required=True, help="the JSON file to write")
    parser.add_argument(
        "--kinds", type=Path, help="YAML or JSON: the kind of each source, or a dataset's recipe; adds a table by kind"
    )
    parser.add_argument("--plot", type=Path, help="a PNG to draw bits per note by bar in")
    parser.add_argument("--max-pieces", type=at_least(1), help="score N pieces, evenly spaced")
    parser.add_argument(
        "--context-length", type=at_least(2), help="tokens read at once; the model's own when left out"
    )
    parser.add_argument("--batch-size", type=at_least(1), default=8, help="windows per forward pass")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 …; a GPU where there is one when left out")
    parser.add_argument("--seed", type=at_least(0), default=0, help="of the bootstrap")
    return parser.parse_args()


def main() -> None:
    """Load, score, write, report."""
    arguments = parse_arguments()
    splits = load_splits(arguments.dataset)
    pieces = choose_split(splits, arguments.split, arguments.dataset, arguments.max_pieces)
    kinds = read_kinds(arguments.kinds) if arguments.kinds else None
    model, processor = load_model(arguments.model, arguments.device)
    evaluation = evaluate_split(
        model,
        processor,
        pieces,
        context_length=arguments.context_length,
        batch_size=arguments.batch_size,
        seed=arguments.seed,
        kinds=kinds,
    )
    evaluation |= {
        "model": arguments.model,
        "dataset": arguments.dataset,
        "split": arguments.split,
        "split_hash": dataset_hash(splits),
        "tokenizer_hash": tokenizer_hash(processor),
        "machine": machine_class(model.device),
        "seed": arguments.seed,
    }
    write_evaluation(evaluation, arguments.output)
    if arguments.plot:
        arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        draw_loss_by_bar(evaluation["by_bar"], arguments.plot)
    report(evaluation)


def report(evaluation: dict[str, Any]) -> None:
    """The figures in a few lines."""
    interval = evaluation["bits_per_note_interval"]
    print(
        f"{evaluation['pieces']:,} pieces, {evaluation['notes']:,} notes; refused: {evaluation['refused'] or 'none'}"
    )
    print(f"{evaluation['nats_per_token']:.4f} nats/token, perplexity {evaluation['perplexity_per_token']:.2f}")
    if interval is not None:
        print(
            f"{evaluation['bits_per_note']:.3f} bits/note {in_brackets(interval)}, "
            f"{evaluation['bits_per_bar']:.2f} bits/bar"
        )
    print(f"{evaluation['allowed_mass']:.5f} of the probability on allowed tokens")
    for bars, figures in evaluation["bits_per_note_by_bar"].items():
        if figures["notes"]:
            print(f"bars {bars}: {figures['bits_per_note']:.3f} bits/note over {figures['notes']:,} notes")
    cheaper = evaluation["by_bar"]["later_is_cheaper_by"]
    if cheaper is not None:
        print(
            f"bars {cheaper['later']} of {cheaper['pieces']:,} long pieces are cheaper than their bars "
            f"{cheaper['earlier']} by {cheaper['bits_per_note']:.3f} bits/note {in_brackets(cheaper)}"
        )
    for name in ("source", "kind"):
        for label, row in evaluation.get(f"by_{name}", {}).items():
            between = f" {in_brackets(row['interval'])}" if row["interval"] else ""
            bits = "no notes" if row["bits_per_note"] is None else f"{row['bits_per_note']:.3f} bits/note{between}"
            print(f"{name} {label}: {bits}, {row['pieces']:,} pieces, {row['notes']:,} notes")


if __name__ == "__main__":
    with one_line_errors():
        main()
