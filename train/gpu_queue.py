"""Run a queue of training jobs in the minutes there are, on a machine with one GPU, torch and no network.

    python train/gpu_queue.py pack --dataset DIR --tokenizer DIR --output data/remi
    python train/gpu_queue.py run --jobs train/configs/gpu/ensembles.yaml --data data --output OUT --minutes 50
    python train/gpu_queue.py bring --output OUT --to PORTION
    python train/gpu_queue.py assemble PORTION … --data data --output runs/gpu
    python train/gpu_queue.py ladder --jobs train/configs/gpu/ladder.yaml --data data --output runs/gpu --to DIR

`pack`, `assemble` and `ladder` run where the package is installed; `run` and `bring` need numpy, torch, transformers,
tokenizers and safetensors. `run` again goes on with what is left. See train/configs/gpu/README.md.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

# Where nothing is installed, the package is found beside this script's folder.
sys.path.insert(0, str(Path(__file__).parents[1]))

from symbolic_music._command import end_in_one_line
from symbolic_music.training.queue.data.packed import QueueError, read_description
from symbolic_music.training.queue.jobs import Job, build_jobs, read_jobs

STARTED = time.monotonic()


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)

    pack = commands.add_parser("pack", help="a dataset and a tokenizer to a packed folder")
    pack.add_argument("--dataset", required=True, help="dataset folder or Hub id")
    pack.add_argument("--tokenizer", required=True, help="folder or Hub id of the music processor")
    pack.add_argument("--output", type=Path, required=True, help="the folder to write")
    pack.add_argument("--transpositions", type=int, nargs="+", default=list(range(-5, 7)), help="semitones")
    pack.add_argument("--infill", action="store_true", help="masked windows for an encoder-decoder")
    pack.add_argument("--masks-per-window", type=int, default=2, help="examples of each window (default: 2)")
    pack.add_argument("--context-length", type=int, default=1024, help="events of an example at most")
    pack.add_argument("--max-pieces", type=int, help="of each split")
    pack.set_defaults(act=pack_data)

    run = commands.add_parser("run", help="what is left of the jobs")
    run.add_argument("--jobs", type=Path, required=True, help="YAML file of the queue")
    run.add_argument("--data", type=Path, required=True, help="folder of the packed folders")
    run.add_argument("--output", type=Path, required=True, help="folder of weights, state and log")
    run.add_argument("--minutes", type=float, required=True, help="until all weights are written")
    run.add_argument("--last", action="store_true", help="nobody comes back: let each job end with its minutes here")
    run.add_argument("--start", type=Path, help="output of an earlier hour, to go on from its weights")
    run.add_argument("--only", nargs="+", help="names of jobs; all when left out")
    run.add_argument("--cpu", action="store_true", help="train on the CPU")
    run.set_defaults(act=run_queue)

    bring = commands.add_parser("bring", help="the next results in a folder of few small files")
    bring.add_argument("--output", type=Path, required=True, help="folder of the queue")
    bring.add_argument("--to", type=Path, required=True, help="the folder to fill")
    bring.add_argument("--files", type=int, default=8, help="at most (default: 8)")
    bring.add_argument("--mebibytes", type=float, default=64, help="together, at most (default: 64)")
    bring.set_defaults(act=bring_results)

    assemble = commands.add_parser("assemble", help="models from what was brought")
    assemble.add_argument("portions", type=Path, nargs="+", help="folders that `bring` filled, the latest last")
    assemble.add_argument("--data", type=Path, required=True, help="folder of the packed folders")
    assemble.add_argument("--output", type=Path, required=True, help="the folder to write")
    assemble.set_defaults(act=assemble_models)

    ladder = commands.add_parser("ladder", help="a ladder's runs for the report of train/studies/scaling_study.py")
    ladder.add_argument("--jobs", type=Path, required=True, help="YAML file of the queue")
    ladder.add_argument("--data", type=Path, required=True, help="folder of the packed folders")
    ladder.add_argument("--output", type=Path, required=True, help="folder of the queue, or what was assembled")
    ladder.add_argument("--to", type=Path, required=True, help="the study's folder, whose runs.jsonl is written")
    ladder.set_defaults(act=write_ladder)
    return parser.parse_args()


def pack_data(arguments: argparse.Namespace) -> None:
    """Pack, and say how much it is."""
    from symbolic_music.training.arguments import one_line_errors
    from symbolic_music.training.preparation import load_processor, load_splits
    from symbolic_music.training.queue.data.packing import PackSettings, pack_dataset

    with one_line_errors():
        processor, splits = load_processor(arguments.tokenizer), load_splits(arguments.dataset)
    settings = PackSettings(
        transpositions=tuple(arguments.transpositions),
        infill=arguments.infill,
        masks_per_window=arguments.masks_per_window,
        context_length=arguments.context_length,
    )
    description = pack_dataset(splits, processor, arguments.output, settings, arguments.max_pieces)
    size = sum(path.stat().st_size for path in arguments.output.rglob("*") if path.is_file())
    for name in ("train", "validation"):
        print(
            f"{name}: {description['pieces'][name]:,} pieces, {description['notes'][name]:,} notes, "
            f"{description['events'][name]:,} events; left out: {description['left_out'][name] or 'none'}"
        )
    print(f"{arguments.output}: {size / 1e6:.1f} MB")


def run_queue(arguments: argparse.Namespace) -> None:
    """Train what is left."""
    import torch
    from transformers.utils import logging

    from symbolic_music.training.queue.runner import Queue

    logging.disable_progress_bar()

    if arguments.minutes <= 0:
        raise QueueError(f"--minutes is {arguments.minutes}; expected more than 0")
    jobs = choose_jobs(build_jobs(read_queue(arguments.jobs, arguments.data)), arguments.only)
    device = torch.device("cuda" if torch.cuda.is_available() and not arguments.cpu else "cpu")
    queue = Queue(jobs, arguments.data, arguments.output, device, arguments.start, say)
    queue.run(60 * arguments.minutes - (time.monotonic() - STARTED), arguments.last)
    print((arguments.output / "log.md").read_text(encoding="utf-8"), end="")


def read_queue(path: Path, data: Path, ladders_only: bool = False) -> list[dict[str, Any]]:
    """The jobs of a file as mappings, those of ladders written out."""
    from symbolic_music.scaling.grid.ladder_jobs import ladder_jobs
    from symbolic_music.scaling.grid.study import StudyError

    entries = []
    for entry in read_jobs(path):
        if "ladder" not in entry:
            entries += [] if ladders_only else [entry]
            continue
        vocab_size = read_description(data / str(entry.get("data")))["vocab_size"]
        try:
            entries += ladder_jobs(entry, path.parent, vocab_size)
        except StudyError as error:
            raise QueueError(f"{path}: {error}") from error
    return entries


def choose_jobs(jobs: list[Job], names: list[str] | None) -> list[Job]:
    """The jobs that were asked for."""
    unknown = set(names or []) - {job.name for job in jobs}
    if unknown:
        raise QueueError(f"--only: no job {min(unknown)!r}; there are {', '.join(job.name for job in jobs)}")
    return [job for job in jobs if not names or job.name in names]


def say(text: str) -> None:
    """A line with the minutes since the start."""
    print(f"[{(time.monotonic() - STARTED) / 60:5.1f} min] {text}", flush=True)


def bring_results(arguments: argparse.Namespace) -> None:
    """Fill a portion."""
    from symbolic_music.training.queue.returned import MEBIBYTE, bring

    copied, left = bring(arguments.output, arguments.to, arguments.files, int(arguments.mebibytes * MEBIBYTE))
    print(f"{arguments.to}: {copied} shards; {left} are left for another call")


def assemble_models(arguments: argparse.Namespace) -> None:
    """Put models together."""
    from symbolic_music.training.queue.returned import assemble

    whole = assemble(arguments.portions, arguments.data, arguments.output)
    print(f"{arguments.output}: whole models: {', '.join(whole) or 'none'}")


def write_ladder(arguments: argparse.Namespace) -> None:
    """Write the log of a study."""
    from symbolic_music.scaling.grid.ladder_jobs import ladder_runs
    from symbolic_music.scaling.grid.runs import RUNS_FILE
    from symbolic_music.training.queue.runner import read_state

    entries = read_queue(arguments.jobs, arguments.data, ladders_only=True)
    state, lines = read_state(arguments.output), []
    for entry in entries:
        lines += ladder_runs([entry], state, read_description(arguments.data / str(entry["data"])))
    if not lines:
        raise QueueError(f"{arguments.output}: no run of a ladder is complete")
    arguments.to.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines)
    (arguments.to / RUNS_FILE).write_text(text, encoding="utf-8")
    print(f"{arguments.to / RUNS_FILE}: {len(lines)} of {len(entries)} runs")


def main() -> None:
    """Do what the command says; what a user can mend is one line and exit code 2."""
    arguments = parse_arguments()
    with end_in_one_line((QueueError, OSError)):
        arguments.act(arguments)


if __name__ == "__main__":
    main()
