"""What a study takes, before it starts: jobs that wait for each other's trunks, and what fits."""

import json
from types import SimpleNamespace

import pytest

from symbolic_music.scaling.grid.budget import Pace, plan_slots, plan_text, write_plan

PACE = {("lstm", "tiny"): Pace(seconds_per_token=0.01, validation_seconds=2.0, start_seconds=1.0)}


def plan(name, blocks, lock=None, share=1.0):
    return SimpleNamespace(
        run=SimpleNamespace(name=name, family="lstm", size="tiny"),
        num_blocks=blocks,
        trained_share=share,
        lock=lock or name,
        parameters=1234,
    )


def test_one_job_takes_the_runs_in_turn():
    slots = plan_slots([plan("a", 10), plan("b", 20, share=0.5)], PACE, context=10)
    assert [(slot.run, slot.begins, slot.ends) for slot in slots] == [("a", 0.0, 4.0), ("b", 4.0, 8.0)]


def test_two_jobs_never_hold_one_trunk():
    grid = [plan("a1", 100, "a"), plan("a2", 100, "a"), plan("b1", 10, "b"), plan("b2", 10, "b")]
    slots = {slot.run: slot for slot in plan_slots(grid, PACE, context=10, workers=2)}
    assert slots["a1"].worker != slots["b1"].worker
    assert slots["b2"].begins == slots["b1"].ends, "the second job goes on while the first is at the other trunk"
    assert slots["a2"].begins == slots["a1"].ends
    for first in slots.values():
        for second in slots.values():
            together = first.begins < second.ends and second.begins < first.ends
            assert first is second or not together or first.run[0] != second.run[0]


def test_what_fits_is_said_and_kept(tmp_path):
    grid = [plan("a", 1000), plan("b", 100_000)]
    slots = plan_slots(grid, PACE, context=10)
    text = plan_text(slots, grid, 10, hours=0.5)
    assert text.splitlines()[2].endswith("does not fit")
    assert "1 of 2 runs fit into 0.5 hours" in text
    write_plan(tmp_path, slots, PACE, 0.5, machine="a processor")
    kept = json.loads((tmp_path / "plan.json").read_text())
    assert [row["fits"] for row in kept["runs"]] == [True, False]
    assert kept["pace"][0]["seconds_per_token"] == pytest.approx(0.01)
    assert kept["machine"] == "a processor"
