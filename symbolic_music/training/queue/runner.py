"""Runs a queue: job after job in the time there is, with a state that a later call goes on from, and a log.

    OUT/queue.json       what each job has had, and what it came to
    OUT/log.md           the same as a table
    OUT/JOB/model/       weights;  OUT/JOB/checkpoint-N/ of a job that goes on

Knows jobs, folders and clocks; how a job is trained is `loop`'s business.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from symbolic_music._command import shown_command
from symbolic_music.training.checkpoints import find_checkpoints
from symbolic_music.training.queue.data.packed import PackedData, QueueError, read_description, read_packed
from symbolic_music.training.queue.jobs import Job
from symbolic_music.training.queue.loop import JobTraining
from symbolic_music.training.queue.planner import Deal, next_deal
from symbolic_music.training.queue.progress import Progress
from symbolic_music.training.queue.shards import MODEL_FOLDER

_VERSIONS = ("torch", "transformers", "numpy")
STATE_FILE, LOG_FILE = "queue.json", "log.md"
State = dict[str, dict[str, Any]]
Report = Callable[[str], None]


def read_state(folder: Path) -> State:
    """What is known of each job by name; empty before the first call.

    Raises:
        QueueError: when the file is damaged.
    """
    path = folder / STATE_FILE
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))["jobs"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise QueueError(f"{path}: is no state of a queue ({error})") from error


def write_state(folder: Path, state: State) -> None:
    """Write the state and the log's table, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        (STATE_FILE, json.dumps({"jobs": state}, indent=1, sort_keys=True) + "\n"),
        (LOG_FILE, log_table(state)),
    ):
        partial = folder / f"{name}.partial"
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, folder / name)


class Queue:
    """The jobs of a file, their data and their folder.

    Args:
        jobs: in the order of their priority.
        data: folder of the packed folders.
        output: for weights, state and log.
        device: to train on.
        start: output folder of an earlier hour whose checkpoints are gone, to go on from its weights.
        report: is given a line now and then.
        clock: seconds that only grow.

    Raises:
        QueueError: when a packed folder is missing, or a job was begun with other settings.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        data: Path,
        output: Path,
        device: torch.device,
        start: Path | None = None,
        report: Report = print,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.jobs, self.data, self.output, self.device = jobs, data, output, device
        self.start, self.report, self.clock = start, report, clock
        self.state = read_state(output) or (read_state(start) if start is not None else {})
        self._read: tuple[str, PackedData] | None = None
        for name in sorted({job.data for job in jobs}):
            read_description(data / name)
        for job in jobs:
            before = self.state.get(job.name, {}).get("fingerprint", job.fingerprint)
            if before != job.fingerprint:
                raise QueueError(
                    f"job {job.name} was begun with other settings; give it another name, or choose another --output"
                )

    def run(self, seconds: float, last: bool = False) -> State:
        """Run what is left of the queue.

        Args:
            seconds: until all must be written.
            last: whether nobody comes back to go on; see `next_deal`.

        Returns:
            The state.
        """
        began = self.clock()
        run_here: dict[str, str] = {}
        while True:
            left = seconds - (self.clock() - began)
            ended = {
                name: "complete" for name, facts in self.state.items() if facts["status"] == "complete"
            } | run_here
            deal = next_deal(self.jobs, self._spent(), ended, left, last)
            if deal is None:
                break
            self.report(f"{deal.job.name}: {deal.seconds / 60:.1f} of {left / 60:.1f} minutes left")
            status = self._run(deal)
            # A job that was given all it may have in this call is not asked again: what it left is too little.
            run_here[deal.job.name] = status
        waiting = [job.name for job in self.jobs if self.state.get(job.name, {}).get("status") != "complete"]
        self.report(f"left: {', '.join(waiting)}" if waiting else "all jobs are complete")
        return self.state

    def _spent(self) -> dict[str, float]:
        return {name: facts.get("seconds", 0.0) for name, facts in self.state.items()}

    def _run(self, deal: Deal) -> str:
        """One job; whatever it fails with is written down, and the next one runs."""
        job, session_began = deal.job, self.clock()
        before = self.state.get(job.name, {})
        facts: dict[str, Any] = {
            "status": "running",
            "fingerprint": job.fingerprint,
            "sessions": [],
            "data": job.data,
            "labels": dict(job.labels),
        }
        self.state[job.name] = facts = {**facts, **before, "status": "running", "minutes": job.minutes}
        write_state(self.output, self.state)
        session: dict[str, Any]
        try:
            session = self._training(job).run(deal)
        except (QueueError, torch.OutOfMemoryError, RuntimeError, OSError) as error:
            session = {"status": "failed", "error": " ".join(str(error).split())[:500]}
            self.report(f"{job.name}: failed: {session['error']}")
        session["seconds"] = self.clock() - session_began
        session["device"] = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        session["command"] = shown_command()
        session["versions"] = {"python": platform.python_version()} | {name: version(name) for name in _VERSIONS}
        facts["sessions"] = [*facts["sessions"], session]
        facts["status"] = session["status"]
        if session["status"] != "failed":
            kept = ("total_steps", "total_tokens", "epochs", "parameters", "validations", "curve")
            facts.update({name: session.pop(name) for name in kept}, seconds=session.pop("total_seconds"))
        write_state(self.output, self.state)
        return facts["status"]

    def _training(self, job: Job) -> JobTraining:
        folder = self.output / job.name
        start, begun = None, None
        if not find_checkpoints(folder)[0]:
            start = next((path for path in self._models(job) if path.is_dir()), None)
            facts = self.state[job.name]
            if start is not None and "total_steps" in facts:
                begun = Progress(
                    step=facts["total_steps"],
                    epoch=facts["epochs"] + 1,
                    tokens=facts["total_tokens"],
                    seconds=facts["seconds"],
                    validations=facts["validations"],
                    curve=facts["curve"],
                )
                self.report(
                    f"{job.name}: goes on from the weights of step {begun.step}, without the optimizer's state"
                )
        return JobTraining(job, self._data(job.data), folder, self.device, start, begun, self.report, self.clock)

    def _models(self, job: Job) -> list[Path]:
        """Where the job's weights may lie."""
        folders = [self.output, *([self.start] if self.start is not None else [])]
        return [folder / job.name / MODEL_FOLDER for folder in folders]

    def _data(self, name: str) -> PackedData:
        """A packed folder; the last one is kept."""
        if self._read is None or self._read[0] != name:
            self._read = None
            self._read = (name, read_packed(self.data / name))
        return self._read[1]


# ---- the log --------------------------------------------------------------------------------------------------------

_COLUMNS: tuple[tuple[str, Callable[[Mapping[str, Any]], str]], ...] = (
    ("status", lambda facts: str(facts["status"])),
    ("parameters (M)", lambda facts: _number(facts.get("parameters"), "{:.1f}", 1e-6)),
    ("minutes", lambda facts: _number(facts.get("seconds"), "{:.1f}", 1 / 60)),
    ("steps", lambda facts: _number(facts.get("total_steps"), "{:,.0f}")),
    ("tokens (M)", lambda facts: _number(facts.get("total_tokens"), "{:,.1f}", 1e-6)),
    ("tokens/s", lambda facts: _number(_session(facts, "tokens_per_second"), "{:,.0f}")),
    ("TFLOP/s", lambda facts: _number(_session(facts, "flops_per_second"), "{:.1f}", 1e-12)),
    ("model-FLOP utilisation", lambda facts: _number(_session(facts, "utilisation"), "{:.1%}")),
    ("peak memory (GiB)", lambda facts: _number(_session(facts, "peak_memory_bytes"), "{:.1f}", 2.0**-30)),
    ("validation nats/token", lambda facts: _number(_validation(facts, "nats_per_token"), "{:.4f}")),
    ("bits/note", lambda facts: _number(_validation(facts, "bits_per_note"), "{:.3f}")),
    ("device", lambda facts: str(_session(facts, "device") or "")),
)


def log_table(state: State) -> str:
    """The state as a Markdown table; speeds are of the last session of each job."""
    head = ["job", *(name for name, _ in _COLUMNS)]
    rows = [[name, *(write(facts) for _, write in _COLUMNS)] for name, facts in state.items()]
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    errors = [f"- {name}: {_session(facts, 'error')}" for name, facts in state.items() if _session(facts, "error")]
    return "\n".join([*lines, *(["", *errors] if errors else [])]) + "\n"


def _session(facts: Mapping[str, Any], name: str) -> Any:
    sessions = facts.get("sessions") or [{}]
    return sessions[-1].get(name)


def _validation(facts: Mapping[str, Any], name: str) -> float | None:
    validations = facts.get("validations") or [{}]
    return validations[-1].get(name)


def _number(value: float | None, text: str, factor: float = 1.0) -> str:
    return "" if value is None else text.format(value * factor)
