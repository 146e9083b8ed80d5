"""A function over many work units in worker processes: results in order, limits of time and memory each.

The MIDI parser is C++: a hostile file can hang or kill the process that reads it, or fill the memory. Knows
nothing of what the function does.
"""

import ctypes
import gc
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future
from functools import cache, partial
from importlib import import_module
from typing import Any, TypeVar

from symbolic_music.data.preparation.processes import ProcessDiedError, Processes
from symbolic_music.score.errors import Refusal

Item = TypeVar("Item")
Result = TypeVar("Result")

_WAITING_PER_WORKER = 64
"""How far the workers may run ahead of a slow unit; bounds the results that wait for it in memory."""
_WAITING_BYTES = 64 * 2**20
"""The same in bytes that the items weigh; one item may be heavier."""
_MIB = 2**20
_TIDY_ABOVE = 96 * _MIB


class Failure:
    """Stands in the place of a result: why the worker gave none.

    Args:
        refusal: TIMED_OUT, OUT_OF_MEMORY or CRASHED.
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
    memory: int | None = None,
    weigh: Callable[[Item], int] | None = None,
) -> Generator[Result | Failure, None, None]:
    """Apply a function to every item; yield one result or Failure for each, in the order of the items.

    Args:
        function: picklable, as are items and results.
        num_workers: worker processes, at least 1.
        timeout: seconds for one item; a worker that takes longer is killed and replaced. One that dies is replaced
            too, and its item read again, a few times: a worker that was killed from outside costs nothing.
        modules: what the function imports when first used; imported before the clock of the first item runs.
        memory: MiB that one item may take beyond what an idle worker holds; None for no limit. Held to on Linux only,
            by the size of a process's data.
        weigh: how many bytes an item takes while it waits; by default nothing.
    """
    wanted = [function_module(function), *modules]
    waiting: deque[tuple[Future[Any], int]] = deque()
    weight = 0
    with Processes(partial(_apply, function), num_workers, partial(_start_worker, wanted, memory), wanted) as workers:
        for item in items:
            size = weigh(item) if weigh else 0
            while waiting and (len(waiting) >= num_workers * _WAITING_PER_WORKER or weight + size > _WAITING_BYTES):
                future, freed = waiting.popleft()
                weight -= freed
                yield _outcome(future, timeout)
            waiting.append((workers.submit(item, timeout), size))
            weight += size
        while waiting:
            yield _outcome(waiting.popleft()[0], timeout)


def function_module(function: Callable[..., Any]) -> str:
    """The module that defines a function, seen through functools.partial."""
    return getattr(function, "func", function).__module__


def _outcome(future: Future[Any], timeout: float) -> Any:
    try:
        return future.result()
    except TimeoutError:
        return Failure(Refusal.TIMED_OUT, f"not read within {timeout:g} s")
    except MemoryError:
        return Failure(Refusal.OUT_OF_MEMORY, "reading it takes more memory than allowed")
    except ProcessDiedError as error:
        return Failure(Refusal.CRASHED, f"the reader's process died with exit code {error.exitcode}")


def _apply(function: Callable[[Any], Any], item: Any) -> Any:
    """The function's result, or why there is none."""
    try:
        return function(item)
    except MemoryError:
        raise
    except Exception as error:  # whatever a parser stumbles over must cost one file, not the run
        return Failure(Refusal.CRASHED, f"{type(error).__name__}: {error}")
    finally:
        if _resident_bytes() > _idle_bytes() + _TIDY_ABOVE:
            _give_memory_back()


def _resident_bytes() -> int:
    """Memory that this process has now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@cache
def _idle_bytes() -> int:
    """What this worker had before its first item."""
    return _resident_bytes()


def _give_memory_back() -> None:
    """Free what a large item left behind: the next one may need as much, and the limit counts both.

    An orchestral movement of 46,000 notes takes 250 MB, which stay with the process if nothing is done.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)


def _start_worker(modules: Sequence[str], memory: int | None) -> None:
    """Import what the items need, and send the output to nowhere: parsers complain of files that are listed anyway."""
    # Preloading does this once for all workers, but only if no earlier pool of this process started the server.
    for name in modules:
        import_module(name)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    _idle_bytes()
    if memory is not None and sys.platform == "linux":
        limit_data(memory)


def limit_data(memory: int) -> None:
    """Let allocation fail once the process's data are so many MiB larger than now.

    RLIMIT_DATA counts private writable memory and no mapped files (Linux 4.7 and later, getrlimit(2)).
    """
    import resource

    with open("/proc/self/status") as status:
        kilobytes = next(int(line.split()[1]) for line in status if line.startswith("VmData:"))
    resource.setrlimit(resource.RLIMIT_DATA, (kilobytes * 1024 + memory * _MIB,) * 2)
