"""A dataset's sources are chosen by name, in all splits alike."""

import pytest
import tiny_run
from datasets import Dataset

from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.preparation import load_splits


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Three splits of four pieces, half of them marches."""
    folder = tmp_path_factory.mktemp("sources")
    for place, split in enumerate(("train", "validation", "test")):
        rows = [tiny_run.row(4 * place + number) | {"source": ("walk", "march")[number % 2]} for number in range(4)]
        Dataset.from_list(rows).to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    return str(folder)


def test_only_the_pieces_of_the_sources_are_left(dataset):
    splits = load_splits(dataset, ["march"])
    assert {name: split["name"] for name, split in splits.items()} == {
        "train": ["walk 1", "walk 3"],
        "validation": ["walk 5", "walk 7"],
        "test": ["walk 9", "walk 11"],
    }
    assert all(set(split["source"]) == {"march"} for split in splits.values())


def test_all_sources_are_the_dataset(dataset):
    assert {name: len(split) for name, split in load_splits(dataset, ["walk", "march"]).items()} == {
        "train": 4,
        "validation": 4,
        "test": 4,
    }


def test_an_unknown_source_is_named_with_those_there_are(dataset):
    with pytest.raises(TrainingError, match="no piece of waltz; its sources are march, walk"):
        load_splits(dataset, ["march", "waltz"])
