"""Runs in folders where another run was: what is overwritten, what is not, and what a kill on the way leaves."""

import fcntl
import json

import pytest
from prepared_folders import bytes_of, prepared

from symbolic_music.data.preparation import prepare
from symbolic_music.data.preparation.prepare import PrepareError, PrepareSettings, prepare_dataset
from symbolic_music.data.sources.folders import list_directory
from symbolic_music.score.storage import remove_all


@pytest.mark.parametrize("removed", range(8))
@pytest.mark.parametrize("goes_on_with", ["old", "new"])
def test_an_overwriting_that_is_cut_short_can_go_on_either_way(
    midi_folder, tmp_path, monkeypatch, removed, goes_on_with
):
    folder, output = midi_folder(8), tmp_path / "out"
    for name, seed in (("old", 0), ("new", 1)):
        prepared(folder, tmp_path / name, seed=seed)
    prepared(folder, output, seed=0)

    def cut_short(place, names):
        remove_all(place, list(names)[:removed])
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare, "remove_all", cut_short)
    with pytest.raises(KeyboardInterrupt):
        prepare_dataset(list_directory(folder), output, PrepareSettings(seed=1), overwrite=True, progress=False)
    monkeypatch.undo()
    is_new = goes_on_with == "new"
    units, settings = list_directory(folder, license="made up"), PrepareSettings(seed=int(is_new))
    prepare_dataset(units, output, settings, overwrite=is_new, progress=False)
    assert bytes_of(output) == bytes_of(tmp_path / goes_on_with)


def test_files_under_another_licence_are_another_run(midi_folder, tmp_path):
    first = prepared(midi_folder(8), tmp_path / "out")
    units = list_directory(tmp_path / "music", license="another")
    with pytest.raises(PrepareError, match=r"another plan \(other licences of the files\)"):
        prepare_dataset(units, tmp_path / "out", PrepareSettings(), progress=False)
    # A dataset made before plans named licences is still taken as it is.
    del first["plan"]["licenses"]
    (tmp_path / "out" / "prepare.json").write_text(json.dumps(first))
    assert prepared(tmp_path / "music", tmp_path / "out") == first


def test_shards_of_an_unknown_run_are_not_taken_over(midi_folder, tmp_path):
    folder = midi_folder(8)
    prepared(folder, tmp_path / "expected")
    (tmp_path / "out" / ".work").mkdir(parents=True)
    (tmp_path / "out" / ".work" / "shard-000000000.parquet").write_bytes(b"of another run")
    prepared(folder, tmp_path / "out")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "expected")


def test_a_run_that_goes_on_is_not_overwritten(midi_folder, tmp_path):
    prepared(midi_folder(8), tmp_path / "out")
    before = bytes_of(tmp_path / "out")
    (tmp_path / "out" / ".work").mkdir()
    with (tmp_path / "out" / ".work" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PrepareError, match="another run is writing there"):
            prepare_dataset(list_directory(midi_folder(8)), tmp_path / "out", PrepareSettings(seed=1), overwrite=True)
    assert bytes_of(tmp_path / "out").items() >= before.items()
