"""Batches that are kept are not made again, and are of what was asked for."""

import pytest

from symbolic_music.generation.kept_batches import KeptBatchesError, kept_batches


def run(path, made, asked=None, num_samples=7):
    def make(number, count):
        made.append((number, count))
        return {"ids": [[number, place] for place in range(count)]}

    told = []
    batches = kept_batches(path, asked or {"seed": 0}, num_samples, 3, make, told.append)
    assert told == [len(batch["ids"]) for batch in batches]
    return batches


def test_batches_are_made_once(tmp_path):
    made = []
    batches = run(tmp_path / "new" / "batches.jsonl", made)
    assert made == [(0, 3), (1, 3), (2, 1)]
    assert run(tmp_path / "new" / "batches.jsonl", made) == batches
    assert len(made) == 3


@pytest.mark.parametrize("cut", [1, 12, 40])
def test_a_batch_that_was_cut_short_is_made_again(tmp_path, cut):
    path, made = tmp_path / "batches.jsonl", []
    batches = run(path, made)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    made.clear()
    assert run(path, made) == batches
    assert 0 < len(made) < 3
    assert path.read_bytes() == whole


def test_a_file_that_was_cut_in_its_first_line_is_begun_anew(tmp_path):
    path, made = tmp_path / "batches.jsonl", []
    path.write_text('{"num_sam')
    assert len(run(path, made)) == 3


@pytest.mark.parametrize(("asked", "num_samples"), [({"seed": 1}, 7), ({"seed": 0}, 8)])
def test_batches_of_something_else_are_refused(tmp_path, asked, num_samples):
    run(tmp_path / "batches.jsonl", [])
    with pytest.raises(KeptBatchesError, match=r"batches\.jsonl holds samples of other options"):
        run(tmp_path / "batches.jsonl", [], asked, num_samples)
