"""Train a grid of families, sizes, data fractions and seeds for one epoch each, and report how loss scales.

    python train/scaling_study.py --config train/configs/scaling-cpu.yaml --dataset DIR --tokenizer DIR --output DIR
    accelerate launch train/scaling_study.py --config train/configs/scaling-gpu.yaml --dataset DIR --tokenizer DIR \
        --output DIR

Resumable: a run that is in `runs.jsonl` is not trained again, one that was interrupted starts again. The same command
may run several times at once (one per core, or per node of a cluster on one file system): each takes the next run that
nobody is at. Ends with `report.md`, `fits.json` and plots in the output folder. `--plan` lists the runs with their
sizes and FLOPs and trains nothing; `--report-only` makes the report of what is there.
"""

import argparse
import shutil
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from symbolic_music.data.blocks.pack import pack_split
from symbolic_music.scaling.grid.conduct import OnProgress, conduct
from symbolic_music.scaling.grid.runs import RUNS_FILE, PlannedRun, StudyData, plan_run, read_runs
from symbolic_music.scaling.grid.study import StudyError, StudySettings, read_settings
from symbolic_music.scaling.report.report import COUNTS, write_report
from symbolic_music.training.arguments import (
    MusicTrainingArguments,
    TrainingError,
    at_least,
    one_line_errors,
    positive,
)
from symbolic_music.training.one_epoch.memory import free_memory
from symbolic_music.training.one_epoch.run import one_epoch_arguments, train_one_epoch
from symbolic_music.training.preparation import choose_split, load_processor, load_splits
from symbolic_music.training.summary import dataset_hash, tokenizer_hash


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
    parser.add_argument("--plan", action="store_true", help="list the runs and train nothing")
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
        blocks = [pack_split(split, processor, settings.context) for split in (train, validation)]
    return StudyData(*blocks, processor, dataset_hash(splits), tokenizer_hash(processor))


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


def run_study(arguments: argparse.Namespace, settings: StudySettings) -> None:
    """Plan, train what is missing, report."""
    output, use_cpu = arguments.output, (settings.training or {}).get("use_cpu")
    process = MusicTrainingArguments(output_dir=str(output), report_to="none", use_cpu=use_cpu)
    data = load_data(arguments, settings, process)
    plans = [plan_run(run, settings, data) for run in settings.runs()]
    is_main_process = process.process_index == 0
    if arguments.plan:
        return print_plan(plans, settings.context) if is_main_process else None

    def train(plan: PlannedRun, on_progress: OnProgress) -> dict[str, Any]:
        run_arguments = one_epoch_arguments(
            output,
            plan.num_blocks,
            settings.batch_size,
            settings.micro_batch_size,
            settings.curve_points,
            learning_rate=plan.learning_rate,
            muon=settings.muon[plan.run.family],
            seed=plan.run.seed,
            data_seed=plan.run.seed,
            # What is compared is the cross-entropy; nothing else is trained on unless the study asks for it.
            **{"structural_loss_weight": 0.0, **(settings.training or {})},
        )
        blocks = data.train.select(range(plan.num_blocks))
        line = train_one_epoch(plan.config, blocks, data.validation, data.processor, run_arguments, on_progress)
        free_memory()
        return line | {"data_hash": data.data_hash, "tokenizer_hash": data.tokenizer_hash}

    finished = conduct(plans, settings.context, train, output, is_main_process, arguments.max_runs, from_main_process)
    PartialState().destroy_process_group()  # the report is made by one process
    if is_main_process:
        shutil.copyfile(arguments.config, output / "study.yaml")
        report = write_report(finished, output, arguments.count, arguments.bootstrap, num_planned=len(plans))
        print(f"{len(finished)} of {len(plans)} runs are reported in {report}")


def main() -> None:
    """Parse; study, or only report."""
    arguments = parse_arguments()
    try:
        settings = read_settings(arguments.config).with_rates_scaled(arguments.rate_scale)
        if arguments.report_only:
            runs = read_runs(arguments.output / RUNS_FILE)
            write_report(runs, arguments.output, arguments.count, arguments.bootstrap, len(settings.runs()))
        else:
            run_study(arguments, settings)
    except StudyError as error:
        raise TrainingError(str(error)) from error


if __name__ == "__main__":
    with one_line_errors():
        main()
