"""What a study takes on a machine and what of it fits into some hours, said before it starts, and what it took.

Knows FLOPs and how fast a machine was found to be; how that is measured is told to it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from symbolic_music.scaling.grid.runs import PlannedRun

PLAN_FILE = "plan.json"


@dataclass(frozen=True)
class Pace:
    """How fast one model trains on a machine that is as busy as it will be.

    Attributes:
        seconds_per_token: of training.
        validation_seconds: to validate it once.
        start_seconds: to build the model and begin.
    """

    seconds_per_token: float
    validation_seconds: float
    start_seconds: float


@dataclass(frozen=True)
class Slot:
    """When a run is trained, by the plan.

    Attributes:
        run: its name.
        worker: which of the jobs takes it.
        begins, ends: seconds from the start of the study.
    """

    run: str
    worker: int
    begins: float
    ends: float

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.ends - self.begins


def plan_slots(
    plans: Sequence[PlannedRun], pace: Mapping[tuple[str, str], Pace], context: int, workers: int = 1
) -> list[Slot]:
    """When each run is trained: a job that is free takes the next run whose trunk no other job is at.

    Args:
        plans: the grid, in order.
        pace: by family and size.
        context: tokens per block.
        workers: jobs at once.
    """
    free = [0.0] * workers
    unlocked: dict[str, float] = {}
    left, slots = list(plans), []
    while left:
        worker = min(range(workers), key=lambda number: (free[number], number))
        now = free[worker]
        plan = next((plan for plan in left if unlocked.get(plan.lock, 0.0) <= now), None)
        if plan is None:  # every trunk is held: wait for the first to be let go
            free[worker] = min(unlocked[plan.lock] for plan in left if unlocked[plan.lock] > now)
            continue
        left.remove(plan)
        ends = now + run_seconds(plan, pace[plan.run.family, plan.run.size], context)
        slots.append(Slot(plan.run.name, worker, now, ends))
        free[worker] = unlocked[plan.lock] = ends
    return slots


def run_seconds(plan: PlannedRun, pace: Pace, context: int) -> float:
    """Seconds that one run takes."""
    tokens = plan.trained_share * plan.num_blocks * context
    return pace.start_seconds + pace.seconds_per_token * tokens + pace.validation_seconds


def write_plan(
    folder: Path, slots: Sequence[Slot], pace: Mapping[tuple[str, str], Pace], hours: float | None, **about: Any
) -> None:
    """Keep a plan beside the study's log, for what it took to be held against it.

    Args:
        folder: of the log.
        slots: of `plan_slots`.
        pace: by family and size.
        hours: there are; None when nobody said.
        about: such as the machine.
    """
    content = about | {
        "hours": hours,
        "pace": [{"family": family, "size": size, **asdict(found)} for (family, size), found in pace.items()],
        "runs": [asdict(slot) | {"fits": hours is None or slot.ends <= 3600 * hours} for slot in slots],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PLAN_FILE).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def plan_kept(folder: Path, runs: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """Hours planned for the runs that have ended, and hours they took.

    Args:
        folder: with the plan.
        runs: lines of the log.

    Returns:
        "runs": those that were planned and have ended; "planned_hours" and "used_hours", summed over them. None where
        there is no plan, or none of its runs has ended.
    """
    path = folder / PLAN_FILE
    if not path.exists():
        return None
    planned = {row["run"]: row["ends"] - row["begins"] for row in json.loads(path.read_text())["runs"]}
    both = [(planned[line["run"]], line["wall_seconds"]) for line in runs if line["run"] in planned]
    if not both:
        return None
    hours = [sum(seconds) / 3600 for seconds in zip(*both, strict=True)]
    return {"runs": len(both), "planned_hours": hours[0], "used_hours": hours[1]}


def plan_text(slots: Sequence[Slot], plans: Sequence[PlannedRun], context: int, hours: float | None) -> str:
    """The plan as a table for a terminal, with what fits."""
    by_name = {plan.run.name: plan for plan in plans}
    lines = [f"{'run':<32} {'parameters':>13} {'tokens':>13} {'minutes':>9} {'ends at h':>10}"]
    for slot in slots:
        plan = by_name[slot.run]
        late = "  does not fit" if hours is not None and slot.ends > 3600 * hours else ""
        lines.append(
            f"{slot.run:<32} {plan.parameters:>13,} {plan.num_blocks * context:>13,} {slot.seconds / 60:>9.1f} "
            f"{slot.ends / 3600:>10.2f}{late}"
        )
    whole = max((slot.ends for slot in slots), default=0.0) / 3600
    lines.append(f"{len(slots)} runs, {whole:.1f} hours, {sum(slot.seconds for slot in slots) / 3600:.1f} of a job")
    if hours is not None:
        fitting = sum(slot.ends <= 3600 * hours for slot in slots)
        lines.append(f"{fitting} of {len(slots)} runs fit into {hours:g} hours")
    return "\n".join(lines)
