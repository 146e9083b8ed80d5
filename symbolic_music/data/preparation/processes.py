"""Processes that answer one item after the other, each over a pipe of its own, so that one that dies costs no other.

Pools whose processes share a pipe and its lock (`concurrent.futures`, pebble, `multiprocessing.Pool`) stand still, or
lose what is under way, when one of them is killed while it holds the lock or has sent half a message. Knows nothing of
what the processes do.
"""

import multiprocessing
import os
import pickle
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from threading import Lock, Thread
from typing import Any

TRIES = 3
"""How often an item is begun whose process dies: what kills a process from outside is no fault of the item."""
_SECONDS_TO_EXIT = 10.0
"""For a process whose pipe is broken or closed."""
_SECONDS_TO_BEGIN = 0.2
_OUT_OF_MEMORY = 71
"""Exit code of a process that got no memory for an item; no other code of ours, of Python or of a shell."""


class ProcessDiedError(Exception):
    """The process of an item died, as often as it was begun.

    Args:
        exitcode: of the last one; of a signal, its negative number.
    """

    def __init__(self, exitcode: int | None):
        super().__init__(exitcode)
        self.exitcode = exitcode


class Processes:
    """Applies a function to items in processes, which begin with the first items and end with `close`.

    They also end when the process that made them has died, however it died.

    Args:
        function: picklable, as are items and results.
        number: of processes at once.
        initializer: called in each process before its first item; what it takes is no item's time.
        modules: imported once, for all processes.
        tries: see `TRIES`.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        number: int,
        initializer: Callable[[], Any] | None = None,
        modules: Sequence[str] = (),
        tries: int = TRIES,
    ):
        # fork would copy a process with running threads; forkserver starts clean and imports the package once.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["__main__", *modules])
        self._told = function, initializer
        self._tries = tries
        self._threads = ThreadPoolExecutor(number)  # each waits for the answer of one process
        self._idle: deque[_Process] = deque()
        self._all: set[_Process] = set()
        self._lock = Lock()
        self._is_closed = False

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def submit(self, item: Any, timeout: float | None = None) -> "Future[Any]":
        """Hand out an item.

        Args:
            item: what the function is called with.
            timeout: seconds after which its process is killed; None for as long as it takes.

        Returns:
            The function's result to be, or what it raised, or TimeoutError or ProcessDiedError; MemoryError only where
            a process that answers nothing else gets none for it either.
        """
        return self._threads.submit(self._answer, item, timeout)

    def close(self) -> None:
        """End the processes; items that are not answered yet are given up, and theirs are killed."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            self._is_closed = True
            for process in self._all.difference(self._idle):
                process.kill()
        self._threads.shutdown()
        for process in self._idle:
            process.let_go()
        for process in list(self._all):
            self._end(process, _SECONDS_TO_EXIT)

    def _answer(self, item: Any, timeout: float | None) -> Any:
        exitcode = None
        for _ in range(self._tries):
            process = self._take(is_fresh=exitcode == _OUT_OF_MEMORY)
            is_fresh = not process.has_answered
            try:
                answer = process.ask(item, timeout)
            except _DiedError:
                exitcode = self._end(process, _SECONDS_TO_EXIT)
                if exitcode == _OUT_OF_MEMORY and is_fresh:
                    raise MemoryError from None
                continue
            except BaseException:
                self._end(process, seconds=0)
                raise
            self._idle.append(process)
            if isinstance(answer, _Raised):
                raise answer.error
            return answer
        raise ProcessDiedError(exitcode)

    def _take(self, is_fresh: bool) -> "_Process":
        """A process that waits for an item, the first one where it has to be fresh."""
        with suppress(IndexError):
            process = self._idle.pop()
            if not is_fresh:
                return process
            self._end(process, seconds=0)
        exitcode = None
        for _ in range(self._tries):
            try:
                process = self._begin()
            except (EOFError, OSError):  # what begins processes was killed, and is begun again itself
                time.sleep(_SECONDS_TO_BEGIN)
                continue
            try:
                process.receive(timeout=None)
                return process
            except _DiedError:
                exitcode = self._end(process, _SECONDS_TO_EXIT)
        raise RuntimeError(f"a process ended with exit code {exitcode} before its first item")

    def _begin(self) -> "_Process":
        with self._lock:
            if self._is_closed:
                raise RuntimeError("no process begins any more")
            process = _Process(self._context, self._told)
            self._all.add(process)
            return process

    def _end(self, process: "_Process", seconds: float) -> int | None:
        """See `_Process.end`."""
        with self._lock:  # `multiprocessing` looks after all children whenever one begins or is waited for
            self._all.discard(process)
            return process.end(seconds)


class _DiedError(Exception):
    """There is no process any more at the other end."""


class _Raised:
    """What the function raised."""

    def __init__(self, error: Exception):
        self.error = error


class _Process:
    """A process, and our end of its pipe."""

    def __init__(self, context: Any, told: tuple[Any, ...]):
        self._pipe, other_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(other_end, *told))
        self._process.start()
        self.has_answered = False
        other_end.close()  # half a message is to end in an error when the process dies

    def ask(self, item: Any, timeout: float | None) -> Any:
        """The function's result, or `_Raised`; TimeoutError when there is none after so many seconds."""
        try:
            self._pipe.send(item)
        except OSError as error:
            raise _DiedError from error
        self.receive(timeout=None)  # it has the item; what its class takes to import is not the item's time
        answer = self.receive(timeout)
        self.has_answered = True
        return answer

    def receive(self, timeout: float | None) -> Any:
        """Its next message."""
        # A process that it forked holds its end of the pipe open when it dies.
        ready = wait([self._pipe, self._process.sentinel], timeout)
        if not ready:
            raise TimeoutError
        if self._pipe not in ready:
            raise _DiedError
        try:
            return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _DiedError from error

    def kill(self) -> None:
        """Do not wait for its end."""
        self._process.kill()

    def let_go(self) -> None:
        """Have it exit by itself, which clears away what it holds of the system; for one that is idle."""
        self._pipe.close()

    def end(self, seconds: float) -> int | None:
        """Kill it, if it does not exit by itself in so many seconds; its exit code."""
        self._process.join(seconds)
        self._process.kill()
        self._process.join()
        self._pipe.close()
        return self._process.exitcode


def _serve(pipe: Connection, function: Callable[[Any], Any], initializer: Callable[[], Any] | None) -> None:
    """What a process does: it says that it is ready, and answers items until the other end of its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that hands out the items
    Thread(target=_end_with_parent, daemon=True).start()
    if initializer is not None:
        initializer()
    answer: Any = None
    while True:
        try:
            _send(pipe, answer)
            item = pipe.recv()
            pipe.send(None)
        except (EOFError, OSError):
            return
        except MemoryError:
            os._exit(_OUT_OF_MEMORY)
        answer = _answer_of(function, item)


def _answer_of(function: Callable[[Any], Any], item: Any) -> Any:
    try:
        return function(item)
    except MemoryError:
        os._exit(_OUT_OF_MEMORY)  # what is left behind would count for the next item
    except Exception as error:
        return _Raised(_plain(error))


def _send(pipe: Connection, answer: Any) -> None:
    try:
        pipe.send(answer)
    except (MemoryError, OSError):
        raise
    except Exception as error:  # of pickling, which comes first
        pipe.send(_Raised(_plain(error)))


def _plain(error: Exception) -> Exception:
    """An error that can be sent: not every library's can."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end_with_parent() -> None:
    """A task of hours must not go on for a run that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
