"""Who waits is served in turns, and not too many wait."""

import asyncio

import pytest

from symbolic_music.serving.jobs import Event, FairQueue, FullError, Job, Order
from symbolic_music.serving.limits import ServerLimits


@pytest.fixture
def loop():
    made = asyncio.new_event_loop()
    yield made
    made.close()


def job(loop, client, number=0):
    return Job(Order(number, "compose", {}), client, loop)


def test_clients_take_turns_whatever_each_sends(loop):
    queue = FairQueue(ServerLimits())
    for client in "aaaaabbc":
        queue.put(job(loop, client))
    assert "".join(queue.take(0).client for _ in range(8)) == "abcabaaa"
    assert queue.take(0) is None


def test_one_clients_jobs_keep_their_order(loop):
    queue = FairQueue(ServerLimits())
    for number in range(5):
        queue.put(job(loop, "a", number))
    assert [queue.take(0).order.number for _ in range(5)] == list(range(5))


def test_a_full_queue_says_so(loop):
    queue = FairQueue(ServerLimits(waiting=3, waiting_of_client=2))
    assert [queue.put(job(loop, "a")) for _ in range(2)] == [1, 2]
    with pytest.raises(FullError, match="2 of your requests are waiting"):
        queue.put(job(loop, "a"))
    queue.put(job(loop, "b"))
    with pytest.raises(FullError, match="3 requests are waiting"):
        queue.put(job(loop, "c"))


def test_cancelled_jobs_make_room(loop):
    queue = FairQueue(ServerLimits(waiting=1))
    first = job(loop, "a")
    queue.put(first)
    first.cancel()
    assert queue.put(job(loop, "b")) == 1
    assert queue.take(0).client == "b"


def test_events_of_another_thread_arrive_in_order(loop):
    asked = job(loop, "a")

    async def listen():
        await asyncio.to_thread(lambda: [asked.tell(Event("tokens", {"n": n})) for n in range(3)])
        return [(await asked.next_event(1)).data["n"] for _ in range(3)], await asked.next_event(0.01)

    assert loop.run_until_complete(listen()) == ([0, 1, 2], None)


@pytest.mark.parametrize("name", ["waiting", "job_seconds", "memory"])
def test_limits_are_positive(name):
    with pytest.raises(ValueError, match=f"{name} is 0"):
        ServerLimits(**{name: 0})
