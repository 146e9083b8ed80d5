"""A dataset as files of blocks: every piece once, the same files however they are made, found again anywhere."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny_run
from datasets import load_dataset

from symbolic_music.data.blocks.block_files import BlockFile, PackSettings, open_blocks
from symbolic_music.data.blocks.pack import PackError, pack_split
from symbolic_music.data.cluster.pack import pack_blocks
from symbolic_music.score.storage import as_path
from symbolic_music.tokenization.processing_music import MusicProcessor

SETTINGS = PackSettings(block_size=48, pieces_per_file=5, seed=3)
FACTS = {"split_hash": "of the dataset", "tokenizer_hash": "of the tokenizer"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tiny_run.build(tmp_path_factory.mktemp("made"))
    return (
        str(folder / "dataset"),
        load_dataset(str(folder / "dataset")),
        MusicProcessor.from_pretrained(folder / "tokenizer"),
    )


@pytest.fixture(scope="module")
def packed(made, tmp_path_factory):
    output = tmp_path_factory.mktemp("packed") / "out"
    pack_blocks(*made, output, SETTINGS, FACTS, progress=False)
    return output


def bytes_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_piece_is_in_one_file():
    files = [BlockFile("train", number, 4) for number in range(4)]
    drawn = [file.pieces(30, seed=1) for file in files]
    assert sorted(np.concatenate(drawn)) == list(range(30))
    assert {len(pieces) for pieces in drawn} == {7, 8}
    assert not np.array_equal(drawn[0], files[0].pieces(30, seed=2))


def test_what_is_written_is_said_and_found_again(made, packed):
    found = open_blocks(str(packed))
    assert found.block_size == 48
    assert found.description["split_hash"] == "of the dataset"
    assert sorted(bytes_of(packed)) == [
        "blocks.json",
        "data/train-00000-of-00003.parquet",
        "data/train-00001-of-00003.parquet",
        "data/train-00002-of-00003.parquet",
        "data/validation-00000-of-00001.parquet",
        *sorted(name for name in bytes_of(packed) if name.startswith("tokenizer/")),
    ]
    for split, number in found.description["blocks"].items():
        assert len(found.load(split)) == number
    _, splits, processor = made
    held = MusicProcessor.from_pretrained(packed / "tokenizer")
    assert held.tokenizer.get_vocab() == processor.tokenizer.get_vocab()
    whole = pack_split(splits["validation"], processor, 48, seed=3, num_proc=1)
    assert found.load("validation")[:] == whole[:]


def test_files_are_of_their_pieces_alone_with_copies_in_training_only(made, tmp_path):
    _, splits, processor = made
    settings = PackSettings(block_size=48, transpositions=(0, 2), pieces_per_file=5, seed=3)
    pack_blocks(*made, tmp_path / "out", settings, FACTS, progress=False)
    file = BlockFile("train", 1, 3)
    pieces = splits["train"].select(file.pieces(12, 3))
    expected = pack_split(pieces, processor, 48, (0, 2), seed=3, num_proc=1)
    assert pq.read_table(tmp_path / "out" / file.path).to_pydict() == expected[:]
    whole = pack_split(splits["validation"], processor, 48, seed=3, num_proc=1)
    assert open_blocks(str(tmp_path / "out")).load("validation")[:] == whole[:]


def test_tasks_write_the_same_files(made, packed, tmp_path):
    pytest.importorskip("datatrove", reason="datatrove is not installed (pip extra 'cluster')")
    from symbolic_music.data.cluster.engines import Engine, EngineName

    engine = Engine(EngineName.LOCAL, str(tmp_path / "logs"), 2)
    done = pack_blocks(*made, tmp_path / "out", SETTINGS, FACTS, engine, tasks=3, progress=False)
    assert done == json.loads((packed / "blocks.json").read_text())
    assert bytes_of(tmp_path / "out") == bytes_of(packed)


def test_a_run_that_was_stopped_goes_on_and_a_finished_one_stays(made, packed, tmp_path, monkeypatch):
    from symbolic_music.data.cluster import pack as module

    written = []

    def dies_at_third(file, *rest):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(file)
        write(file, *rest)

    write = module.write_file
    monkeypatch.setattr(module, "write_file", dies_at_third)
    with pytest.raises(KeyboardInterrupt):
        pack_blocks(*made, tmp_path / "out", SETTINGS, FACTS, progress=False)
    monkeypatch.undo()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "data").iterdir()}
    assert len(before) == 2
    pack_blocks(*made, tmp_path / "out", SETTINGS, FACTS, progress=False)
    assert bytes_of(tmp_path / "out") == bytes_of(packed)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (
        pack_blocks(*made, packed, SETTINGS, FACTS, progress=False)["blocks"]
        == open_blocks(str(packed)).description["blocks"]
    )


def test_a_bucket(made, packed):
    output = as_path("memory://bucket/blocks")
    pack_blocks(*made, output, SETTINGS, FACTS, progress=False)
    written = {str(path.relative_to(output)): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    assert written == bytes_of(packed)
    found = open_blocks("memory://bucket/blocks")
    rows = list(found.stream("train", seed=0))
    assert len(rows) == found.description["blocks"]["train"]


@pytest.mark.slow
def test_each_epoch_has_every_block_once_in_an_order_of_its_own(packed):
    stream = open_blocks(str(packed)).stream("train", seed=5)
    held = sorted(row["input_ids"] for row in open_blocks(str(packed)).load("train"))
    orders = []
    for epoch in range(2):
        stream.set_epoch(epoch)
        orders.append([row["input_ids"] for row in stream])
        assert sorted(orders[-1]) == held
    assert len(stream) == len(held)
    assert orders[0] != orders[1]
    stream.set_epoch(0)
    assert [row["input_ids"] for row in stream] == orders[0]


def test_mistakes_are_one_line(made, packed, tmp_path):
    dataset, splits, processor = made
    with pytest.raises(
        PackError, match="holds blocks that were made otherwise; choose another folder, or --overwrite"
    ):
        pack_blocks(*made, packed, PackSettings(block_size=32), FACTS, progress=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("kept")
    with pytest.raises(PackError, match="expected a new folder, or one that was packed to before"):
        pack_blocks(*made, tmp_path / "other", SETTINGS, FACTS, progress=False)
    with pytest.raises(PackError, match="no pieces in split 'validation'; the dataset has train"):
        pack_blocks(dataset, type(splits)(train=splits["train"]), processor, tmp_path / "a", SETTINGS, FACTS)
    with pytest.raises(PackError, match="expected at least one piece in a file, got 0"):
        pack_blocks(*made, tmp_path / "a", PackSettings(48, pieces_per_file=0), FACTS)
    with pytest.raises(PackError, match=r"expected a dataset of blocks with blocks\.json"):
        open_blocks(dataset)


def test_other_blocks_are_replaced_when_that_is_asked_for(made, tmp_path):
    pack_blocks(*made, tmp_path / "out", SETTINGS, FACTS, progress=False)
    (tmp_path / "out" / "notes.txt").write_text("mine")
    pack_blocks(*made, tmp_path / "out", PackSettings(32, pieces_per_file=20), FACTS, overwrite=True, progress=False)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert open_blocks(str(tmp_path / "out")).block_size == 32
    assert len(list((tmp_path / "out" / "data").iterdir())) == 2
