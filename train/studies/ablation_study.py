"""Train one model per row of a YAML grid and put them in one table: loss on held-out pieces, validity without grammar.

    python train/studies/ablation_study.py --grid train/configs/ablations.yaml --dataset runs/folk-chorales \
        --other-dataset random=runs/folk-chorales-random --tokenizer tokenizer_assets/remi-folk --output runs/ablations

Resumable: a run whose result is written is not run again. A run with `dataset: NAME` trains and is scored on the
dataset of that name: the same pieces dealt at random, say, whose loss looks lower by what leakage is worth. A grid
without `samples` draws none.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from symbolic_music._command import shown_command
from symbolic_music._yaml import read_mapping
from symbolic_music.hub.cards.sections import REPORT_FILE
from symbolic_music.metrics.intervals import in_brackets
from symbolic_music.training.arguments import TrainingError, one_line_errors

RESULT_FILE = "result.json"
REPORT_FOLDER = "report"
SAMPLES = 1000
"""Of each kind, where a grid with samples does not say how many."""


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", type=Path, default=Path("train/configs/ablations.yaml"))
    parser.add_argument("--dataset", required=True)
    parser.add_argument(
        "--other-dataset", action="append", default=[], metavar="NAME=DATASET", help="named in the grid"
    )
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    for text in arguments.other_dataset:
        if not all(text.partition("=")):
            parser.error(f"--other-dataset: expected NAME=DATASET, got {text}")
    return arguments


def read_grid(path: Path) -> dict[str, Any]:
    """The study: `base`, `flags` and `runs`, each run a mapping of flags that it changes."""
    grid = read_mapping(path, "one mapping of base, flags and runs", TrainingError)
    missing = [name for name in ("base", "flags", "runs") if name not in grid]
    if missing or not isinstance(grid["runs"], dict) or not grid["runs"]:
        raise TrainingError(f"{path}: expected a study with base, flags and at least one of runs")
    return grid


def call(*program: str, **flags: Any) -> None:
    """Run a program of Python; its errors end this one."""
    command = [sys.executable, *program]
    for flag, value in flags.items():
        command += [f"--{flag.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    code = subprocess.run(command, check=False).returncode
    if code:
        raise TrainingError(f"{' '.join(program)} ended with exit code {code}; its own line says why")


def evaluate(model: Path, dataset: str, samples: dict[str, Any] | None) -> dict[str, Any]:
    """The figures of a model's loss, and of as many samples with the grammar as without where they are asked for."""
    output = model / REPORT_FOLDER
    flags = {"model": model, "dataset": dataset, "only": "loss", "output": output}
    if samples is not None:
        number = samples.get("num_samples", SAMPLES)
        flags |= samples | {"only": "loss,samples", "num_samples": number, "num_free_samples": number}
    call("-m", "symbolic_music", "evaluate", **flags)
    return json.loads((output / REPORT_FILE).read_text(encoding="utf-8"))


def run(name: str, changes: dict[str, Any], grid: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Train, score and sample one row, or find its result."""
    folder = arguments.output / name.replace(" ", "-")
    path = folder / RESULT_FILE
    if path.exists():
        return json.loads(path.read_text())
    changes = dict(changes)
    datasets = {None: arguments.dataset} | dict(text.split("=", 1) for text in arguments.other_dataset)
    wanted = changes.pop("dataset", None)
    if wanted not in datasets:
        raise TrainingError(f"{name}: needs --other-dataset {wanted}=DATASET")
    dataset = datasets[wanted]
    flags = grid["flags"] | changes
    resume = {"resume": True} if folder.exists() else {}
    call(
        str(Path(__file__).parents[1] / "pretrain.py"),
        config=grid["base"],
        dataset=dataset,
        tokenizer=arguments.tokenizer,
        output=folder,
        **flags,
        **resume,
    )
    figures = evaluate(folder, dataset, grid.get("samples"))
    evaluation = figures["loss"]
    result = {
        "run": name,
        "nats per token": evaluation["nats_per_token"],
        "bits per note": evaluation["bits_per_note"],
        "low": evaluation["bits_per_note_interval"]["low"],
        "high": evaluation["bits_per_note_interval"]["high"],
        "allowed mass": evaluation["allowed_mass"],
    }
    if "sampling" in figures:
        sampling = figures["sampling"]["without_grammar"]
        result |= {
            "valid without grammar": sampling["share"],
            "valid, low": sampling["interval"]["low"],
            "valid, high": sampling["interval"]["high"],
            "samples": sampling["pieces"],
            "unfinished": sampling["reasons"].get("unfinished", 0),
            "broken": sampling["reasons"].get("broken", 0),
        }
    path.write_text(json.dumps(result, indent=2) + "\n")
    return result


def table_row(row: dict[str, Any]) -> dict[str, str]:
    """A result as it is printed, and as a model card shows it."""
    cells = {
        "run": row["run"],
        "bits per note": f"{row['bits per note']:.3f} {in_brackets(row)}",
        "probability on allowed tokens": f"{row['allowed mass']:.3%}",
    }
    if "samples" in row:
        cells |= {
            f"valid of {row['samples']} without the grammar": (
                f"{row['valid without grammar']:.1%} [{row['valid, low']:.1%}, {row['valid, high']:.1%}]"
            ),
            "unfinished": str(row["unfinished"]),
            "broken": str(row["broken"]),
        }
    return cells


def main() -> None:
    """Every row of the grid, then the table."""
    arguments = parse_arguments()
    grid = read_grid(arguments.grid)
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = [run(name, changes, grid, arguments) for name, changes in grid["runs"].items()]
    table = [table_row(row) for row in rows]
    document = {"grid": grid, "command": shown_command(), "rows": rows, "table": table}
    (arguments.output / "ablations.json").write_text(json.dumps(document, indent=2) + "\n")
    print(f"| {' | '.join(table[0])} |\n{'|---' * len(table[0])}|")
    for row in table:
        print(f"| {' | '.join(row.values())} |")


if __name__ == "__main__":
    with one_line_errors():
        main()
