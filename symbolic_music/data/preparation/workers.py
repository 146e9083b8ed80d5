"""A function over many work units in worker processes: results in order, a time limit each, crashes survived.

The MIDI parser is C++ and abc2midi is C: a hostile file can hang or kill the process that reads it. Knows nothing of
what the function does.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from importlib import import_module
from typing import Any, TypeVar

from symbolic_music._extras import require
from symbolic_music.score.errors import Refusal

Item = TypeVar("Item")
Result = TypeVar("Result")

_WAITING_PER_WORKER = 64
"""How far the workers may run ahead of a slow unit; bounds the results that wait for it in memory."""


class Failure:
    """Stands in the place of a result: why the worker gave none.

    Args:
        refusal: TIMED_OUT or CRASHED.
        detail: what happened, in words.
    """

    def __init__(self, refusal: Refusal, detail: str):
        self.refusal = refusal
        self.detail = detail


def map_in_order(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    num_workers: int,
    timeout: float,
    modules: Sequence[str] = (),
) -> Generator[Result | Failure, None, None]:
    """Apply a function to every item; yield one result or Failure for each, in the order of the items.

    Args:
        function: picklable, as are items and results.
        num_workers: worker processes, at least 1.
        timeout: seconds for one item; a worker that takes longer is killed and replaced.
        modules: what the function imports when first used; imported before the clock of the first item runs.
    """
    pebble = require("pebble")
    # fork would copy a process with running threads; forkserver starts clean and imports the package once.
    context = multiprocessing.get_context("forkserver")
    wanted = [function_module(function), *modules]
    context.set_forkserver_preload(["__main__", *wanted])
    pool = pebble.ProcessPool(max_workers=num_workers, initializer=_start_worker, initargs=(wanted,), context=context)
    waiting: deque[Any] = deque()
    try:
        for item in items:
            waiting.append(pool.schedule(function, args=(item,), timeout=timeout))
            if len(waiting) >= num_workers * _WAITING_PER_WORKER:
                yield _outcome(waiting.popleft(), timeout)
        while waiting:
            yield _outcome(waiting.popleft(), timeout)
    finally:
        # Also on Ctrl-C: close() alone would first work off whatever is scheduled.
        pool.stop()
        pool.join()


def function_module(function: Callable[..., Any]) -> str:
    """The module that defines a function, seen through functools.partial."""
    return getattr(function, "func", function).__module__


def _outcome(future: Any, timeout: float) -> Any:
    expired = require("pebble").ProcessExpired
    try:
        return future.result()
    except FutureTimeoutError:
        return Failure(Refusal.TIMED_OUT, f"not read within {timeout:g} s")
    except expired as error:
        return Failure(Refusal.CRASHED, f"the reader's process died with exit code {error.exitcode}")
    except Exception as error:  # whatever a parser stumbles over must cost one file, not the run
        return Failure(Refusal.CRASHED, f"{type(error).__name__}: {error}")


def _start_worker(modules: Sequence[str]) -> None:
    """Import what the items need, and send the output to nowhere: parsers complain of files that are listed anyway."""
    # Preloading does this once for all workers, but only if no earlier pool of this process started the server.
    for name in modules:
        import_module(name)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
