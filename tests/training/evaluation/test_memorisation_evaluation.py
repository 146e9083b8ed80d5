"""Pieces to look at for copies, from splits and folders; the index's file; and the command as its user runs it."""

import json

import pytest
import tiny_run
from programs import run_command

from symbolic_music.score.midi.io import write_midi
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.evaluation.copies import folder_pieces, split_pieces, training_index
from symbolic_music.training.preparation import load_splits


@pytest.fixture(scope="module")
def splits(tiny_folder):
    return load_splits(str(tiny_folder / "dataset"))


def test_pieces_of_splits_in_order_as_they_are_or_on_the_grid_of_a_codec(splits, processor):
    pieces = split_pieces(splits, ["validation", "test"], "tiny")
    assert pieces.names == [*splits["validation"]["name"], *splits["test"]["name"]]
    assert pieces.groups == [*splits["validation"]["group"], *splits["test"]["group"]]
    written = split_pieces(splits, ["validation", "test"], "tiny", processor.codec)
    assert written.names == pieces.names
    assert written.scores[0] == processor.codec.quantise(pieces.scores[0])
    with pytest.raises(TrainingError, match="no split 'dev'"):
        split_pieces(splits, ["dev"], "tiny")


def test_pieces_of_a_folder(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/1.mid", "2.mid"):
        write_midi(tiny_run.tune(1), tmp_path / name)
    (tmp_path / "broken.mid").write_bytes(b"no music")
    pieces = folder_pieces(tmp_path)
    assert pieces.names == ["2.mid", "b/1.mid"]
    assert pieces.refused.total() == 1
    with pytest.raises(TrainingError, match="no such folder"):
        folder_pieces(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingError, match="no music to read"):
        folder_pieces(tmp_path / "empty")


def test_the_index_is_built_once_and_not_taken_for_another(splits, processor, tmp_path):
    path, seen = tmp_path / "index.safetensors", []
    built = training_index(splits, "tiny", "hash", path, on_piece=seen.append)
    assert len(seen) == len(splits["train"]) == len(built.names)
    read = training_index(splits, "tiny", "hash", path, on_piece=seen.append)
    assert len(seen) == len(splits["train"])
    assert read.names == built.names
    with pytest.raises(TrainingError, match=r"index\.safetensors: the index of other pieces"):
        training_index(splits, "tiny", "other hash", path)
    with pytest.raises(TrainingError, match="another grid"):
        training_index(splits, "tiny", "hash", path, processor.codec)


@pytest.mark.slow
def test_the_command_finds_a_copied_piece(tiny_folder, splits, tmp_path):
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "copy.mid").write_bytes(splits["train"]["midi"][3])
    common = ("--dataset", tiny_folder / "dataset", "--split", "validation,test", "--output", tmp_path / "out")
    given = [*common, "--samples", tmp_path / "samples", "--index", tmp_path / "index"]
    table = run_command("evaluate", *given, expected=0, fresh=True).stdout
    assert "| samples | human |" in table
    assert (tmp_path / "index").exists()
    result = json.loads((tmp_path / "out" / "parts" / "copies.json").read_text())
    copied = result["samples"]["per_piece"][0]
    assert copied["alarm"]
    assert copied["nearest"] == splits["train"]["name"][3]
    assert copied["nearest_share"] == copied["covered"] == 1
    assert result["human"]["pieces"] == 8
    assert result["split_hash"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "symbolic-music evaluate" in report["command"]
    assert report["memorisation"]["samples"]["alarms"] == 1
    missing = run_command("evaluate", *common, "--samples", tmp_path / "missing", expected=2).stderr
    assert missing.splitlines()[-1] == f"symbolic-music: {tmp_path / 'missing'}: no such folder of samples"
    run_command("evaluate", *common, "--only", "copies", expected=0)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["memorisation"]["samples"] is None
