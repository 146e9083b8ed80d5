"""Workers: results in order, how far they run ahead, and payloads larger than a pipe."""

import time

from symbolic_music.data.preparation import workers
from symbolic_music.data.preparation.workers import Failure, map_in_order
from symbolic_music.score.errors import Refusal


def length_or_hang(data):
    if data == b"hang":
        time.sleep(600)
    return len(data)


def allocate(mebibytes):
    return len(bytearray(mebibytes * 2**20)) >> 20


def test_heavy_items_wait_until_there_is_room(monkeypatch):
    monkeypatch.setattr(workers, "_WAITING_BYTES", 250)
    handed_out = []

    def items():
        for number in range(12):
            handed_out.append(number)
            yield bytes(100)

    results = map_in_order(length_or_hang, items(), 2, timeout=60, weigh=len)
    assert next(results) == 100
    assert len(handed_out) <= 3
    assert list(results) == [100] * 11


def test_an_item_heavier_than_all_room_is_still_read(monkeypatch):
    monkeypatch.setattr(workers, "_WAITING_BYTES", 250)
    assert list(map_in_order(length_or_hang, [bytes(1_000), b"a"], 1, timeout=60, weigh=len)) == [1_000, 1]


def test_large_payloads_wait_behind_one_that_hangs():
    items = [b"hang", *[bytes(4 * 2**20)] * 6, b"hang", b"end"]
    found = list(map_in_order(length_or_hang, items, 2, timeout=3, weigh=len))
    assert [outcome.refusal if isinstance(outcome, Failure) else outcome for outcome in found] == [
        Refusal.TIMED_OUT,
        *[4 * 2**20] * 6,
        Refusal.TIMED_OUT,
        3,
    ]


def test_memory_is_counted_for_each_item_and_not_over_all():
    found = list(map_in_order(allocate, [150, 150, 150, 400, 150], 1, timeout=60, memory=200))
    assert [outcome.refusal if isinstance(outcome, Failure) else outcome for outcome in found] == [
        150,
        150,
        150,
        Refusal.OUT_OF_MEMORY,
        150,
    ]
