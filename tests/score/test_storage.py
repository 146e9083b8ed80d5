"""Files are written whole or not at all."""

import os
import stat

import pytest

from symbolic_music.score.storage import as_path, new_file, write_atomically


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "tune.abc"
    path.write_bytes(b"old and longer")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["tune.abc"]


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "written", b"")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "written")]
    assert modes[0] == modes[1]


def test_a_write_that_fails_leaves_nothing(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path / "folder", b"data")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("on_this_machine", [True, False], ids=["here", "object store"])
def test_what_ends_half_written_has_no_name(tmp_path, on_this_machine):
    folder = tmp_path if on_this_machine else as_path("memory://half-written")
    folder.mkdir(exist_ok=True)
    with pytest.raises(TypeError), new_file(folder / "archive.tar") as file:
        file.writelines([b"half", "not bytes"])
    assert list(folder.iterdir()) == []
    with new_file(folder / "archive.tar") as file:
        file.write(b"whole")
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("archive.tar", b"whole")]
