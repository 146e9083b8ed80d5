"""The whole way once, in ten minutes on two cores: compose with the shipped model, then make a small one from scratch.

python train/demo.py --output demo_output
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "model_cards" / "abc-transformer-ensemble"


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("demo_output"), help="folder for everything made")
    parser.add_argument("--train-minutes", type=float, default=2.0, help="training time of the small model")
    parser.add_argument("--limit", type=int, help="read only the first N tunes, for a quick look")
    return parser.parse_args()


def steps(arguments: argparse.Namespace) -> list[tuple[str, list[str]]]:
    """Name and command of each step."""
    output = arguments.output
    dataset, tokenizer, model = (str(output / name) for name in ("folk", "tokenizer", "model"))
    limit = ["--limit", str(arguments.limit)] if arguments.limit else []

    def script(name: str, *flags: str) -> list[str]:
        return [sys.executable, str(ROOT / "train" / name), *flags]

    def command(*words: str) -> list[str]:
        return [sys.executable, "-m", "symbolic_music", *words]

    def generate(source: str, name: str, *more: str) -> list[str]:
        flags = ["--num-samples", "4", "--bars", "16", "--format", "mid,wav,png", "--output-dir", str(output / name)]
        return command("generate", "--model", source, *flags, *more)

    return [
        ("compose with the shipped model", generate(str(SHIPPED), "shipped_pieces", "--max-repeats", "2")),
        ("prepare folk", script("prepare_dataset.py", "--corpus", "folk", "--output", dataset, *limit)),
        (
            "train a tokenizer",
            script("build_tokenizer.py", "--dataset", dataset, "--vocab-size", "1600", "--output", tokenizer),
        ),
        (
            "train a small model",
            script(
                "pretrain.py",
                *("--config", str(ROOT / "train/configs/demo.yaml"), "--dataset", dataset, "--tokenizer", tokenizer),
                *("--output", model, "--max-minutes", str(arguments.train_minutes)),
            ),
        ),
        (
            "evaluate it",
            command(
                "evaluate", "--model", model, "--dataset", dataset, "--only", "loss", "--output", f"{model}/report"
            ),
        ),
        ("compose with it", generate(model, "own_pieces")),
    ]


def describe(arguments: argparse.Namespace, name: str) -> str:
    """What a step made, in a few words."""
    output = arguments.output
    if name.startswith("compose"):
        folder = output / ("shipped_pieces" if "shipped" in name else "own_pieces")
        summary = json.loads((folder / "summary.json").read_text())
        samples = summary["samples"]
        notes = sum(sample["notes"] for sample in samples)
        valid = sum(sample["valid"] for sample in samples)
        return f"{valid} of {len(samples)} valid, {notes} notes, {summary['tokens_per_second']:.0f} tokens/s: {folder}"
    if name == "prepare folk":
        splits = json.loads((output / "folk/prepare.json").read_text())["splits"]
        return ", ".join(f"{row['pieces']:,} {split}" for split, row in splits.items())
    if name == "train a tokenizer":
        return f"1,024 ids: {output / 'tokenizer'}"
    if name == "train a small model":
        summary = json.loads((output / "model/training_summary.json").read_text())
        return f"{summary['parameters']:,} parameters, {summary['tokens_seen']:,} tokens seen: {output / 'model'}"
    loss = json.loads((output / "model/report/report.json").read_text())["loss"]
    return f"{loss['bits_per_note']:.2f} bits per note on {loss['pieces']} held-out tunes"


def main() -> int:
    """Run every step; stop at the first that fails."""
    arguments = parse_arguments()
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (name, command) in enumerate(steps(arguments), 1):
        print(f"\n[{number}] {name}", flush=True)
        started = time.monotonic()
        code = subprocess.run(command, check=False).returncode
        if code:
            print(f"demo: step {number} ({name}) ended with exit code {code}", file=sys.stderr)
            return code
        rows.append((name, f"{time.monotonic() - started:.0f} s", describe(arguments, name)))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    print("\n" + "\n".join(f"{name:<{widths[0]}}  {spent:>{widths[1]}}  {made}" for name, spent, made in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
