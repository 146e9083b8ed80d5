"""A model in a process of its own: fed from a queue, watched, and started again when it dies. Knows no HTTP."""

import multiprocessing
import threading
import time
from dataclasses import replace
from typing import Any

from symbolic_music.serving.jobs import ENDS, Event, FairQueue, Job
from symbolic_music.serving.limits import ServerLimits
from symbolic_music.serving.worker import run_worker

_GRACE_SECONDS = 5.0
"""A process that doesn't end an order so long after it was told to is killed."""
_START_SECONDS = 300.0
_LOOK_SECONDS = 0.1
_PAUSE_SECONDS = 1.0
_CONTEXT = multiprocessing.get_context("spawn")


class StartError(RuntimeError):
    """A model's process could not begin; the message is one line that says why."""


class ModelRunner:
    """One model, its queue and its process.

    Args:
        name: a folder or a Hub id; None for the process that converts files.
        limits: of what it does.

    Attributes:
        description: what the model does, a `controls.Description`; None before `start`, and where there is no model.
        queue: jobs that wait.
        restarts: how often the process had to be started again.
    """

    def __init__(self, name: str | None, limits: ServerLimits):
        self.description: Any = None
        self.queue = FairQueue(limits)
        self.restarts = 0
        self._name, self._limits = name, limits
        self._cancelled = _CONTEXT.Value("Q", 0, lock=False)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"runner of {name}", daemon=True)
        self._number = 0
        self._process: Any = None
        self._connection: Any = None

    @property
    def process_id(self) -> int | None:
        """Of the process, where there is one."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Begin the process and serve the queue.

        Raises:
            StartError: when the model cannot be loaded.
        """
        self._begin()
        self._thread.start()

    def close(self) -> None:
        """End the process; what waits is not done any more."""
        self._closing.set()
        self._kill()
        if self._thread.is_alive():
            self._thread.join(_GRACE_SECONDS)

    def _begin(self) -> None:
        ours, theirs = _CONTEXT.Pipe()
        arguments = (theirs, self._cancelled, self._name, self._limits)
        self._process = _CONTEXT.Process(target=run_worker, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self._connection = ours
        try:
            event = ours.recv() if ours.poll(_START_SECONDS) else Event("failed", {"error": "it takes too long"})
        except (EOFError, OSError):
            event = Event("failed", {"error": "its process died"})
        if event.kind != "ready":
            self._kill()
            raise StartError(event.data["error"])
        self.description = event.data["description"]

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join(_GRACE_SECONDS)
            self._connection.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            if not self._process.is_alive() and not self._start_again():
                continue
            job = self.queue.take(_LOOK_SECONDS)
            if job is None:
                continue
            if job.is_cancelled:
                job.tell(Event("cancelled"))
                continue
            job.tell(self._carry_out(job))

    def _start_again(self) -> bool:
        """Whether there is a process again; where there is none, nobody waits for it in vain."""
        self.restarts += 1
        try:
            self._begin()
        except (StartError, OSError) as error:
            while job := self.queue.take(0):
                job.tell(Event("failed", {"error": f"the model cannot be started again: {error}"}))
            self._closing.wait(_PAUSE_SECONDS)
            return False
        return True

    def _carry_out(self, job: Job) -> Event:
        """Send a job to the process and tell what comes; returns the last event."""
        self._number += 1
        try:
            self._connection.send(replace(job.order, number=self._number))
            return self._listen(job)
        except (EOFError, OSError):
            self._kill()  # it may be dying still
            return Event("failed", {"error": "the model's process died; it is started again"})

    def _listen(self, job: Job) -> Event:
        deadline, told = time.monotonic() + self._limits.job_seconds, False
        while True:
            if self._connection.poll(_LOOK_SECONDS):
                event: Event = self._connection.recv()
                if event.kind in ENDS:
                    return self._too_late() if told and not job.is_cancelled else event
                if not told:
                    job.tell(event)
            now = time.monotonic()
            if not told and (job.is_cancelled or now > deadline):
                told, deadline = True, now + _GRACE_SECONDS
                self._cancelled.value = self._number
            elif told and now > deadline:
                self._kill()
                return Event("cancelled") if job.is_cancelled else self._too_late()

    def _too_late(self) -> Event:
        return Event("timed_out", {"error": f"this takes more than {self._limits.job_seconds:g} s"})
