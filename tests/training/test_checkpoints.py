"""A checkpoint counts only when everything it lists is there."""

import pytest

from symbolic_music.training.checkpoints import MARKER, find_checkpoints, mark_complete, read_marker, unmark


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "checkpoint-20"
    (folder / "deep").mkdir(parents=True)
    (folder / "weights").write_bytes(b"12345")
    (folder / "deep" / "state").write_bytes(b"12")
    return folder


def test_marked_is_complete_and_keeps_its_facts(checkpoint):
    assert read_marker(checkpoint) is None
    mark_complete(checkpoint, elapsed_seconds=3.5)
    marker = read_marker(checkpoint)
    assert marker["files"] == {"weights": 5, "deep/state": 2}
    assert marker["elapsed_seconds"] == 3.5


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "weights").unlink(),
        lambda folder: (folder / "weights").write_bytes(b"1"),
        lambda folder: (folder / MARKER).write_text('{"files'),
        lambda folder: (folder / MARKER).rename(folder / f"{MARKER}.partial"),
        unmark,
    ],
    ids=["file gone", "file cut", "marker cut", "marker not renamed", "unmarked"],
)
def test_damaged_is_incomplete(checkpoint, damage):
    mark_complete(checkpoint)
    damage(checkpoint)
    assert read_marker(checkpoint) is None
    assert find_checkpoints(checkpoint.parent) == ([], [checkpoint])


def test_checkpoints_are_found_by_step_not_by_name(tmp_path):
    for name in ("checkpoint-9", "checkpoint-10", "checkpoint-100", "checkpoint-x", "samples"):
        (tmp_path / name).mkdir()
    for step in (9, 100):
        mark_complete(tmp_path / f"checkpoint-{step}")
    complete, incomplete = find_checkpoints(tmp_path)
    assert [path.name for path in complete] == ["checkpoint-9", "checkpoint-100"]
    assert [path.name for path in incomplete] == ["checkpoint-10"]


def test_a_folder_that_is_not_there_has_none(tmp_path):
    assert find_checkpoints(tmp_path / "nowhere") == ([], [])
