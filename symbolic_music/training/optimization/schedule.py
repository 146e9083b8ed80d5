"""The learning-rate schedule and the clock it can be fitted to.

Without a time budget the rate is a function of the step alone, and a run is repeatable to the bit. With one
(`--max_minutes`) it is a function of the share of the budget that is spent, so that the rate reaches zero when the
time is up on any machine, however busy; such a run is not repeatable to the bit.
"""

import math
import time
from collections.abc import Callable

DECAY_SHARE = 0.2


class TimeBudget:
    """A wall-clock budget for a whole run, resumed sessions added up.

    Why the clock and not a number of steps measured at the start: the first steps hold compilation and warm-up, and on
    a shared machine the speed changes during the run; a share of time spent is right in both cases.

    Args:
        seconds: the budget.
        clock: seconds that only grow; tests pass their own.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic):
        self.seconds = seconds
        self.clock = clock
        self.longest_pause = 0.0
        self.now = 0.0
        self._started_at = clock()
        self._step_ended_at: float | None = None

    def start(self, already_spent: float = 0.0) -> None:
        """Begin, with the seconds that earlier sessions of the same run have used."""
        self._started_at = self.clock() - already_spent
        self.now = already_spent

    def elapsed(self) -> float:
        """Seconds spent so far."""
        return self.clock() - self._started_at

    def step_ended(self) -> None:
        """Called when a step's computation is over, before a validation or checkpoint may follow."""
        self._step_ended_at = self.clock()

    def step_begins(self) -> None:
        """Called when a step begins: what lay between the steps is kept, so that time for the last one is left."""
        if self._step_ended_at is not None:
            self.longest_pause = max(self.longest_pause, self.clock() - self._step_ended_at)

    def progress(self) -> float:
        """Share of the training time that is spent, in [0, 1], as of the last `now`; the rest is for validation."""
        available = self.seconds - self.longest_pause
        return 1.0 if available <= 0 else min(1.0, self.now / available)


def cosine_factor(step: int, progress: float, warmup_steps: float) -> float:
    """Linear warm-up, then half a cosine from 1 to 0 (Loshchilov & Hutter 2017, equation 5, without restarts).

    Args:
        step: steps taken.
        progress: share of the run that is over, in [0, 1].
        warmup_steps: at least 1: that many steps; below 1: that share of the run.
    """
    return _warmup(step, progress, warmup_steps) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))


def stable_decay_factor(step: int, progress: float, warmup_steps: float) -> float:
    """Linear warm-up, a constant rate, and over the last fifth of the run 1 - sqrt(share of the fifth), down to 0.

    The warm-up, stable, decay schedule with the shape that Hägele et al. 2024 (arXiv:2405.18392, section 4) find best.
    Until the decay begins nothing depends on how long the run will be, so a run may be made longer, or brought to its
    end, by resuming it with another budget.

    Args:
        step: steps taken.
        progress: share of the run that is over, in [0, 1].
        warmup_steps: as for `cosine_factor`.
    """
    decayed = (min(1.0, progress) - (1.0 - DECAY_SHARE)) / DECAY_SHARE
    return _warmup(step, progress, warmup_steps) * (1.0 - math.sqrt(max(0.0, decayed)))


def _warmup(step: int, progress: float, warmup_steps: float) -> float:
    if warmup_steps >= 1:
        return min(1.0, (step + 1) / warmup_steps)
    if warmup_steps > 0:
        return min(1.0, max(progress, 1e-3 * warmup_steps) / warmup_steps)
    return 1.0
