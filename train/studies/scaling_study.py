"""Train a grid of families, sizes, data fractions and seeds for one epoch each, and report how loss scales.

    python train/studies/scaling_study.py --config train/configs/scaling-cpu.yaml --dataset DIR --tokenizer DIR \
        --output DIR
    accelerate launch train/studies/scaling_study.py --config train/configs/scaling-gpu.yaml --dataset DIR \
        --tokenizer DIR --output DIR

Resumable: a run that is in `runs.jsonl` is not trained again, one that was interrupted starts again. The same command
may run several times at once (one per core, or per node of a cluster on one file system): each takes the next run that
nobody is at. With `share_trunks` in the study, runs that differ by their fraction alone share a trunk at a constant
rate, and each costs little more than its decay; these go on from their last checkpoint. Ends with `report.md`,
`fits.json` and plots in the output folder. `--plan` lists the runs with their sizes and FLOPs and trains nothing, with
`--hours` it also measures how fast this machine is and says which runs fit; `--predict` writes down what the
runs that have ended say of those that have not, and the report holds it against what comes; `--report-only` makes the
report of what is there. `--fit-rates` finds the rule of the learning rates from studies of small sizes that were made
with different `--rate-scale`.
"""

import argparse
import json
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import yaml
from accelerate.utils import broadcast_object_list
from tqdm import tqdm

from symbolic_music._command import shown_command
from symbolic_music.data.blocks.pack import pack_split
from symbolic_music.scaling.fits.laws import FitError
from symbolic_music.scaling.fits.predictions import PREDICTIONS_FILE, add_predictions
from symbolic_music.scaling.fits.rates import best_rates, rate_rule
from symbolic_music.scaling.grid.budget import Pace, plan_slots, plan_text, write_plan
from symbolic_music.scaling.grid.conduct import OnProgress, conduct
from symbolic_music.scaling.grid.runs import RUNS_FILE, PlannedRun, StudyData, plan_run, read_runs, trunk_blocks
from symbolic_music.scaling.grid.study import StudyError, StudySettings, read_settings
from symbolic_music.scaling.report.predicted import predict_unfinished
from symbolic_music.scaling.report.report import COUNTS, write_report
from symbolic_music.training.arguments import MusicTrainingArguments, TrainingError, one_line_errors
from symbolic_music.training.one_epoch.horizons import Trajectory, branch_step, train_to_horizon
from symbolic_music.training.one_epoch.memory import free_memory
from symbolic_music.training.one_epoch.pace import measure_pace
from symbolic_music.training.one_epoch.run import one_epoch_arguments, train_one_epoch
from symbolic_music.training.parallel.ending import end_processes
from symbolic_music.training.parsing import at_least, positive
from symbolic_music.training.preparation import choose_split, load_processor, load_splits
from symbolic_music.training.summary import git_commit, hash_of_splits, machine_class, tokenizer_hash


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="YAML file of the study")
    parser.add_argument("--dataset", help="dataset folder or Hub id")
    parser.add_argument("--tokenizer", help="folder or Hub id of the music processor")
    parser.add_argument("--output", type=Path, required=True, help="folder of the log, the report and the plots")
    parser.add_argument("--max-runs", type=at_least(0), help="stop after so many new runs")
    parser.add_argument(
        "--rate-scale", type=positive, default=1.0, help="factor of all learning rates, to search them"
    )
    parser.add_argument(
        "--fit-rates", type=Path, nargs="+", help="fit the rule of the rates to the logs of these folders, and stop"
    )
    parser.add_argument("--plan", action="store_true", help="list the runs and train nothing")
    parser.add_argument("--hours", type=positive, help="with --plan: measure this machine and say what fits")
    parser.add_argument("--workers", type=at_least(1), default=1, help="with --hours: jobs that run at once (1)")
    parser.add_argument(
        "--predict", action="store_true", help="write down what the runs that have ended say of those that have not"
    )
    parser.add_argument("--report-only", action="store_true", help="report the runs that are there")
    parser.add_argument("--count", choices=COUNTS, default=COUNTS[0], help="what the fits take for a model's size")
    parser.add_argument("--bootstrap", type=at_least(1), default=1000, help="replicates for the intervals")
    return parser.parse_args()


def load_data(arguments: argparse.Namespace, settings: StudySettings, process: MusicTrainingArguments) -> StudyData:
    """Pack the splits; the pieces stay in their own keys, so that no token is seen twice in another one."""
    for name in ("dataset", "tokenizer"):
        if not getattr(arguments, name):
            raise StudyError(f"--{name} is missing: give a folder or a Hub id")
    processor = load_processor(arguments.tokenizer)
    splits = load_splits(arguments.dataset)
    train = choose_split(splits, "train", arguments.dataset)
    validation = choose_split(splits, "validation", arguments.dataset, settings.max_validation_pieces)
    with process.main_process_first(desc="packing"):
        blocks, held_out = (pack_split(split, processor, settings.context) for split in (train, validation))
    if settings.train_tokens is not None:
        blocks = blocks.select(range(min(len(blocks), settings.train_tokens // settings.context)))
    return StudyData(blocks, held_out, processor, hash_of_splits(splits), tokenizer_hash(processor))


def from_main_process(name: str | None) -> str | None:
    """What process 0 says, on every process."""
    return broadcast_object_list([name])[0]


def print_plan(plans: list[PlannedRun], context: int) -> None:
    """The grid as a table."""
    for plan in plans:
        print(
            f"{plan.run.name:<32} {plan.parameters:>13,} parameters {plan.num_blocks * context:>13,} tokens "
            f"{plan.flops(context):.2e} FLOPs  rate {plan.learning_rate:.2e}"
        )
    print(f"{len(plans)} runs, {sum(plan.flops(context) for plan in plans):.2e} FLOPs")


def predict(plans: list[PlannedRun], settings: StudySettings, output: Path, arguments: argparse.Namespace) -> None:
    """Write down predictions of the runs that have not ended, for the report to hold against what comes."""
    runs = read_runs(output / RUNS_FILE)
    predictions, reasons = predict_unfinished(plans, runs, settings.context, arguments.count, arguments.bootstrap)
    for reason in reasons:
        print(f"no prediction for {reason}")
    for row in predictions:
        print(f"{row.run:<32} {row.loss:.4f} nats/token [{row.low:.4f}, {row.high:.4f}]")
    about = {"commit": git_commit(), "count": arguments.count, "date": date.today().isoformat()}
    ended = [line["run"] for line in runs]
    added = add_predictions(output / PREDICTIONS_FILE, predictions, ended, **about)
    print(f"{added} predictions were added to {output / PREDICTIONS_FILE}")


def plan_hours(
    plans: list[PlannedRun], settings: StudySettings, data: StudyData, output: Path, hours: float, workers: int
) -> None:
    """Measure each model with as many jobs at once as there will be, print what fits, and keep the plan."""
    models = {(plan.run.family, plan.run.size): plan for plan in plans}
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        pace = {}
        for key, plan in tqdm(models.items(), desc="measure", unit="model", disable=None):
            asked = [pool.submit(pace_of, plan, settings, data) for _ in range(workers)]
            found = [job.result() for job in asked]
            pace[key] = Pace(**{name: sum(row[name] for row in found) / workers for name in found[0]})
    slots = plan_slots(plans, pace, settings.context, workers)
    write_plan(output, slots, pace, hours, workers=workers, machine=machine_class(torch.device("cpu")))
    print(plan_text(slots, plans, settings.context, hours))


def pace_of(plan: PlannedRun, settings: StudySettings, data: StudyData) -> dict[str, float]:
    """What `measure_pace` finds of a run's model, in a process of its own."""
    sizes = settings.batch_size, settings.micro_batch_size
    told = training_arguments(plan, settings)
    return measure_pace(plan.config, data.train, data.validation, data.processor, *sizes, told)


def fit_rates(folders: list[Path], output: Path) -> None:
    """The best rate of each size in these logs, and the rule through them as a study's file has it."""
    runs = [line for folder in folders for line in read_runs(folder / RUNS_FILE)]
    try:
        found = best_rates(runs)
        families = sorted({best.family for best in found})
        rules = {family: rate_rule([best for best in found if best.family == family]) for family in families}
    except FitError as error:
        raise StudyError(f"--fit-rates: {error}") from error
    for best in found:
        edge = ", at the edge of what was tried: try further" if best.at_edge else ""
        print(f"{best.family} {best.size} (width {best.width}): {best.rate:.2e} of {best.tried} rates{edge}")
    output.mkdir(parents=True, exist_ok=True)
    content = {"command": shown_command(), "commit": git_commit(), "best": [asdict(best) for best in found]}
    path = output / "rates.json"
    path.write_text(json.dumps(content | {"rules": rules}, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    print(yaml.safe_dump({"learning_rate": rules}, sort_keys=False), end="")


def training_arguments(plan: PlannedRun, settings: StudySettings) -> dict[str, Any]:
    """What the study says of a run's training."""
    return {
        "learning_rate": plan.learning_rate,
        "muon": settings.muon[plan.run.family],
        "seed": plan.run.seed,
        "data_seed": plan.run.seed,
        # What is compared is the cross-entropy; nothing else is trained on unless the study asks for it.
        "structural_loss_weight": 0.0,
        **(settings.training or {}),
    }


def train_alone(
    plan: PlannedRun, settings: StudySettings, data: StudyData, output: Path, on_progress: OnProgress
) -> dict[str, Any]:
    """A run of its own, from the first step to the last."""
    sizes = settings.batch_size, settings.micro_batch_size, settings.curve_points
    arguments = one_epoch_arguments(output, plan.num_blocks, *sizes, **training_arguments(plan, settings))
    blocks = data.train.select(range(plan.num_blocks))
    return train_one_epoch(plan.config, blocks, data.validation, data.processor, arguments, on_progress)


def train_from_trunk(
    plan: PlannedRun, settings: StudySettings, data: StudyData, output: Path, on_progress: OnProgress
) -> dict[str, Any]:
    """A run that goes on from where the shorter ones of its trunk left it."""
    folder = output / "trunks" / plan.lock
    trajectory = Trajectory(
        plan.config,
        data.train.select(range(trunk_blocks(settings, data))),
        data.validation,
        data.processor,
        folder,
        settings.batch_size,
        settings.micro_batch_size,
        settings.curve_points,
        training_arguments(plan, settings),
    )
    line = train_to_horizon(trajectory, plan.num_blocks // settings.batch_size, on_progress)
    if plan.run.fraction == max(settings.fractions_of(plan.run.size, plan.run.seed)):
        shutil.rmtree(folder, ignore_errors=True)  # nothing goes on from there
    return line


def run_study(arguments: argparse.Namespace, settings: StudySettings) -> None:
    """Plan, train what is missing, report."""
    output, use_cpu = arguments.output, (settings.training or {}).get("use_cpu")
    process = MusicTrainingArguments(output_dir=str(output), report_to="none", use_cpu=use_cpu)
    data = load_data(arguments, settings, process)
    plans = [plan_run(run, settings, data, branch_step) for run in settings.runs()]
    is_main_process = process.process_index == 0
    if arguments.predict:
        return predict(plans, settings, output, arguments)
    if arguments.plan and arguments.hours is not None:
        return plan_hours(plans, settings, data, output, arguments.hours, arguments.workers)
    if arguments.plan:
        return print_plan(plans, settings.context) if is_main_process else None

    def train(plan: PlannedRun, on_progress: OnProgress) -> dict[str, Any]:
        by_itself = train_from_trunk if settings.share_trunks else train_alone
        line = by_itself(plan, settings, data, output, on_progress)
        free_memory()
        return line | {"data_hash": data.data_hash, "tokenizer_hash": data.tokenizer_hash}

    finished = conduct(plans, settings.context, train, output, is_main_process, arguments.max_runs, from_main_process)
    end_processes()  # the report is made by one process
    if is_main_process:
        shutil.copyfile(arguments.config, output / "study.yaml")
        report = write_report(finished, output, arguments.count, arguments.bootstrap, num_planned=len(plans))
        print(f"{len(finished)} of {len(plans)} runs are reported in {report}")


def main() -> None:
    """Parse; study, or only report."""
    arguments = parse_arguments()
    try:
        settings = read_settings(arguments.config).with_rates_scaled(arguments.rate_scale)
        if arguments.fit_rates:
            fit_rates(arguments.fit_rates, arguments.output)
        elif arguments.report_only:
            runs = read_runs(arguments.output / RUNS_FILE)
            write_report(runs, arguments.output, arguments.count, arguments.bootstrap, len(settings.runs()))
        else:
            run_study(arguments, settings)
    except StudyError as error:
        raise TrainingError(str(error)) from error


if __name__ == "__main__":
    with one_line_errors():
        main()
