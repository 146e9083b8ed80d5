"""What passes between the routes, the queue and the processes. Knows neither HTTP nor music."""

import asyncio
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from symbolic_music.serving.limits import ServerLimits

ENDS = ("end", "refused", "failed", "cancelled", "timed_out")
"""Kinds of events that are the last of a job."""


@dataclass(frozen=True)
class MusicFile:
    """A file as it came.

    Attributes:
        name: of which the suffix alone means anything.
        data: its bytes.
    """

    name: str
    data: bytes


@dataclass(frozen=True)
class Order:
    """What a process is to do.

    Attributes:
        number: of the job, unlike any other of this process.
        action: "compose", "continue", "infill" or "convert".
        wishes: checked values by name.
        file: music that is given, or None.
    """

    number: int
    action: str
    wishes: Mapping[str, Any]
    file: MusicFile | None = None


@dataclass(frozen=True)
class Event:
    """What is told of a job.

    Attributes:
        kind: "queued", "begun", "understood", "tokens", "bars", "piece", "file", or one of `ENDS`.
        data: for JSON.
    """

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


class Job:
    """A request on its way; events are put by the thread of a model and read in the event loop.

    Args:
        order: what to do, but for its number.
        client: whose it is.
        loop: in which events are read.
    """

    def __init__(self, order: Order, client: str, loop: asyncio.AbstractEventLoop):
        self.order, self.client = order, client
        self.name = secrets.token_hex(8)
        self._loop, self._events = loop, asyncio.Queue[Event]()
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask that no more be done for it."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._cancelled.is_set()

    def tell(self, event: Event) -> None:
        """From any thread. A loop that is closed has nobody who listens."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def next_event(self, seconds: float) -> Event | None:
        """The next event, or None when none came in time."""
        try:
            return await asyncio.wait_for(self._events.get(), seconds)
        except TimeoutError:
            return None


class FullError(Exception):
    """No more requests are taken; the message is one line for the client."""


class FairQueue:
    """Jobs that wait for one model: clients take turns, whatever each of them sends.

    Args:
        limits: how many may wait.
    """

    def __init__(self, limits: ServerLimits):
        self._limits = limits
        self._waiting: OrderedDict[str, deque[Job]] = OrderedDict()
        self._changed = threading.Condition()

    def put(self, job: Job) -> int:
        """Let a job wait; returns how many wait, itself included.

        Raises:
            FullError: when too many do.
        """
        with self._changed:
            self._forget_cancelled()
            total = sum(map(len, self._waiting.values()))
            mine = len(self._waiting.get(job.client, ()))
            if total >= self._limits.waiting:
                raise FullError(f"{total} requests are waiting; try again later")
            if mine >= self._limits.waiting_of_client:
                raise FullError(f"{mine} of your requests are waiting; let one end first")
            self._waiting.setdefault(job.client, deque()).append(job)
            self._changed.notify()
            return total + 1

    def take(self, seconds: float) -> Job | None:
        """The next job: the first of the client whose turn it is; None when none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting), seconds)
            if not self._waiting:
                return None
            client, jobs = self._waiting.popitem(last=False)
            job = jobs.popleft()
            if jobs:
                self._waiting[client] = jobs  # at the end: all others come first
            return job

    def __len__(self) -> int:
        with self._changed:
            return sum(map(len, self._waiting.values()))

    def _forget_cancelled(self) -> None:
        for client, jobs in list(self._waiting.items()):
            kept = deque(job for job in jobs if not job.is_cancelled)
            if kept:
                self._waiting[client] = kept
            else:
                del self._waiting[client]
