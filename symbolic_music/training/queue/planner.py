"""Deals minutes to jobs: which one is next, how long it may run, and when its learning rate is to reach zero.

Knows jobs and seconds, nothing of models.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from symbolic_music.training.queue.jobs import Job


@dataclass(frozen=True)
class Deal:
    """What a job is given.

    Args:
        job: the job.
        seconds: that it may take from now on, its weights written.
        total_seconds: of its whole training, at which the learning rate reaches zero; what it has had included.
    """

    job: Job
    seconds: float
    total_seconds: float


def next_deal(
    jobs: Sequence[Job], spent: Mapping[str, float], ended: Mapping[str, str], seconds_left: float, last: bool = False
) -> Deal | None:
    """The first job of the list that can do something useful in the time that is left.

    A job that could not go on for its least minutes afterwards ends now: its learning rate reaches zero with these
    seconds, rather than that a rest too short for a start is left. With `last` every job does.

    Args:
        jobs: in the order of their priority.
        spent: seconds that each has had.
        ended: how each ended that has.
        seconds_left: until all weights must be written.
        last: whether nobody comes back to go on.

    Returns:
        None when nothing useful fits.
    """
    for job in jobs:
        if job.name in ended:
            continue
        had = spent.get(job.name, 0.0)
        wanted, least = max(0.0, job.seconds - had), 60 * job.least_minutes
        given = min(max(wanted, least), seconds_left)
        if given < least:
            continue
        ends = last or wanted - given < least
        return Deal(job, given, had + given if ends else job.seconds)
    return None
