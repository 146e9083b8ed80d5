"""A whole study: run after run, each written down when it is finished, with a line that says what is left.

Knows the order of things and what is written down; how a model is trained is told to it.
"""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from symbolic_music.scaling.grid.runs import (
    RUNS_FILE,
    Claims,
    PlannedRun,
    append_run,
    format_minutes,
    read_runs,
    runs_to_do,
    seconds_left,
)

_SECONDS_BETWEEN_LINES = 15.0
# Called on process 0 with the step, the number of steps and nats per token.
OnProgress = Callable[[int, int, float], None]


class StudyProgress:
    """Prints what is done, what is running and how long the rest will take.

    Args:
        plans: the whole grid.
        context: tokens per block.
        stream: where to; standard output when None.
        clock: seconds that only grow; tests pass their own.
    """

    def __init__(
        self,
        plans: Sequence[PlannedRun],
        context: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.flops = {plan.run.name: (plan.run.family, plan.flops_to_train(context)) for plan in plans}
        self.stream = stream
        self.clock = clock
        self._last = -float("inf")

    def step(self, name: str, finished: Sequence[dict[str, Any]], step: int, steps: int, nats: float) -> None:
        """Within a run; not more often than every quarter of a minute."""
        if self.clock() - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = self.clock()
        # What of this run is done is left out of what is left.
        self._print(f"{name}: step {step}/{steps}, train {nats:.4f} nats/token", finished, {name: 1 - step / steps})

    def run_ended(self, line: dict[str, Any], finished: Sequence[dict[str, Any]]) -> None:
        """After a run."""
        loss, bits = line["validation_nats_per_token"], line["validation_bits_per_note"]
        text = "validation loss is not finite" if loss is None else f"validation {loss:.4f} nats/token"
        if bits is not None:
            text += f", {bits:.3f} bits/note"
        self._print(f"{line['run']}: {text}, {format_minutes(line['wall_seconds'])}", finished, {})

    def _print(self, text: str, finished: Sequence[dict[str, Any]], shares: dict[str, float]) -> None:
        done = {line["run"] for line in finished} & self.flops.keys()
        left = [
            (family, flops * shares.get(name, 1.0)) for name, (family, flops) in self.flops.items() if name not in done
        ]
        total = sum(flops for _, flops in self.flops.values())
        share = 1 - sum(flops for _, flops in left) / total
        head = f"[{len(done)}/{len(self.flops)} runs, {share:.0%} of the FLOPs]"
        tail = f", left for one job: {format_minutes(seconds_left(left, finished))}" if left else ""
        print(f"{head} {text}{tail}", file=self.stream or sys.stdout, flush=True)


def conduct(
    plans: Sequence[PlannedRun],
    context: int,
    train: Callable[[PlannedRun, OnProgress], dict[str, Any]],
    output: Path,
    is_main_process: bool = True,
    max_runs: int | None = None,
    from_main_process: Callable[[str | None], str | None] = lambda name: name,
) -> list[dict[str, Any]]:
    """Train the runs that are not in the log yet, one after the other.

    All processes of a job call this together; process 0 chooses, writes and prints. Several jobs may share one output
    folder: each takes the next run that no other one holds.

    Args:
        plans: the grid, in order.
        context: tokens per block.
        train: trains a run and returns what was measured.
        output: folder of the log.
        is_main_process: whether this is process 0.
        max_runs: stop after so many new runs.
        from_main_process: tells all processes of the job what process 0 chose.

    Returns:
        The lines of all finished runs of the grid, those of other jobs too.

    Raises:
        StudyError: when the log holds a run of other settings.
    """
    path, by_name = output / RUNS_FILE, {plan.run.name: plan for plan in plans}
    settings = {name: plan.settings for name, plan in by_name.items()}
    runs_to_do(settings, read_runs(path), path)  # refuses another study's log, on every process
    progress, claims = StudyProgress(plans, context), Claims(output)
    for _ in range(len(plans) if max_runs is None else max_runs):
        chosen = claims.take({name: plan.lock for name, plan in by_name.items()}) if is_main_process else None
        name = from_main_process(chosen)
        if name is None:
            break

        def on_progress(step: int, steps: int, nats: float, name: str = name) -> None:
            progress.step(name, _of_grid(read_runs(path), settings), step, steps, nats)

        with claims:
            line = by_name[name].describe(context) | train(by_name[name], on_progress)
            if is_main_process:
                append_run(path, line)
                progress.run_ended(line, _of_grid(read_runs(path), settings))
    return _of_grid(read_runs(path), settings)


def _of_grid(runs: Sequence[dict[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    wanted = set(names)
    return [line for line in runs if line["run"] in wanted]
