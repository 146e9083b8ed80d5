"""Processes that are killed at bad moments: while they work, wait, or have sent half an answer."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from symbolic_music.data.preparation.processes import TRIES, ProcessDiedError, Processes

LARGE = 64 * 2**20
ITEMS = []
"""Those that a process has answered."""


def answer(item):
    """Of items (kind, value): the value; but a process of the kind `first` dies once, leaving a mark."""
    kind, value = item
    if kind == "sleep":
        time.sleep(600)
    if kind == "raise":
        raise value
    if kind == "die":
        os._exit(value)
    if kind == "process":
        return os.getpid()
    if kind == "memory" or (kind == "memory of two" and ITEMS):
        raise MemoryError
    ITEMS.append(item)
    if kind.startswith("first") and not Path(value).exists():
        Path(value).touch()
        if kind == "first forks":
            if os.fork() == 0:
                time.sleep(20)
                os._exit(0)
        elif kind == "first sends half":
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGKILL)).start()
            return bytes(LARGE)
        os.kill(os.getpid(), signal.SIGKILL)
    return value


def is_there(pid):
    return Path(f"/proc/{pid}").exists() and ") Z " not in Path(f"/proc/{pid}/stat").read_text()


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("kind", ["first", "first forks", "first sends half"])
def test_an_item_whose_process_is_killed_is_begun_again(tmp_path, kind):
    items = [("plain", 0), (kind, tmp_path / "mark"), *[("plain", number) for number in range(1, 9)]]
    with Processes(answer, 2) as processes:
        futures = [processes.submit(item, 60) for item in items]
        assert [future.result(timeout=60) for future in futures] == [value for _, value in items]
    assert (tmp_path / "mark").exists()


def test_a_process_that_is_killed_while_it_waits_is_replaced():
    with Processes(answer, 1) as processes:
        first = processes.submit(("process", None)).result()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not is_there(first))
        assert processes.submit(("process", None)).result() != first


def test_an_item_that_kills_each_time_is_given_up_and_costs_no_other():
    with Processes(answer, 1) as processes:
        dying, other = processes.submit(("die", 11)), processes.submit(("plain", 5))
        with pytest.raises(ProcessDiedError) as caught:
            dying.result()
        assert caught.value.exitcode == 11
        assert other.result() == 5
    assert TRIES > 1


def test_the_server_that_makes_processes_may_be_killed():
    from multiprocessing import forkserver

    with Processes(answer, 1) as processes:
        assert processes.submit(("plain", 1)).result() == 1
        for number in range(4):
            os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
            assert processes.submit(("plain", number)).result(timeout=60) == number


def test_a_process_that_is_out_of_memory_is_replaced_and_asked_once_more():
    with Processes(answer, 1) as processes:
        assert processes.submit(("plain", 1)).result() == 1
        assert processes.submit(("memory of two", 2)).result() == 2, "what the first left behind was the reason"
        with pytest.raises(MemoryError):
            processes.submit(("memory", 3)).result()
        assert processes.submit(("memory of two", 4)).result() == 4


class OddError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def test_what_the_function_raises_arrives_whatever_it_is():
    with Processes(answer, 1) as processes:
        with pytest.raises(KeyError, match="b"):
            processes.submit(("raise", KeyError("b"))).result()
        with pytest.raises(TimeoutError):
            processes.submit(("sleep", None), timeout=0.2).result()
        assert processes.submit(("plain", 3)).result() == 3
        with pytest.raises(Exception, match="pickle"):
            processes.submit(("plain", threading.Lock())).result()
        assert processes.submit(("plain", 4)).result() == 4


def raise_odd(item):
    raise OddError("one", item)


def lock_of(item):
    return threading.Lock() if item else item


def test_answers_that_cannot_be_sent_are_errors():
    with Processes(raise_odd, 1) as processes, pytest.raises(RuntimeError, match="OddError: one and two"):
        processes.submit("two").result()
    with Processes(lock_of, 1) as processes:
        with pytest.raises(TypeError, match="pickle"):
            processes.submit(1).result()
        assert processes.submit(0).result() == 0


def test_closing_does_not_wait_for_what_is_under_way():
    began = time.monotonic()
    with Processes(answer, 2) as processes:
        pid = processes.submit(("process", None)).result()
        for _ in range(6):
            processes.submit(("sleep", None))
    assert time.monotonic() - began < 20
    assert not is_there(pid)


PARENT = """
import os, sys, time
sys.path.insert(0, {folder!r})
from test_processes import answer
from symbolic_music.data.preparation.processes import Processes
if __name__ == "__main__":
    processes = Processes(answer, 2)
    print(processes.submit(("process", None)).result(), flush=True)
    processes.submit(("sleep", None))
    time.sleep(600)
"""


def test_processes_end_with_the_one_that_made_them(tmp_path):
    """The one that sleeps does not look at its pipe."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(folder=str(Path(__file__).parent)))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    assert is_there(worker)
    time.sleep(0.3)
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_there(worker))
