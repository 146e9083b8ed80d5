import io
import pickle
import tarfile
import zipfile

import pytest
from made_up_music import melody_score, random_melody

from symbolic_music.data.sources import archives
from symbolic_music.data.sources.archives import MemberUnit, archive_source, list_archive, with_contents
from symbolic_music.data.sources.licenses import Licenses, is_license_file, stated_license
from symbolic_music.data.sources.units import UNKNOWN_LICENSE, CorpusError, RefusedUnit, TuneUnit, shown_name
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.midi.io import midi_bytes

BOOK = b"X:1\nT:One\nM:4/4\nL:1/8\nK:Ador\nABcd efga|\n\nX:2\nT:Two\nM:6/8\nL:1/8\nK:G\nGAB d2e|\n"


def midi(seed):
    return midi_bytes(melody_score(random_melody(seed)))


def zip_file(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def tar_file(path, files, compression="xz"):
    with tarfile.open(path, f"w:{compression}", encoding="utf-8", errors="surrogateescape") as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def pieces_of(unit):
    try:
        return [piece.score.note_num() for piece in unit.read().pieces]
    except ScoreError as error:
        return error.refusal


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_music_becomes_units_and_everything_else_is_counted(tmp_path, kind):
    files = [
        ("b.MID", midi(0)),
        ("set/book.abc", BOOK),
        ("set/info.csv", b"a,b\n"),
        ("README", b"words"),
        ("__MACOSX/._b.MID", b"fork"),
        ("set/._c.mid", b"fork"),
        ("more.tar.gz", b"\x1f\x8b"),
        ("empty.abc", b"nothing here"),
        ("a.mid", b"no midi"),
    ]
    path = zip_file(tmp_path / "x.zip", files) if kind == "zip" else tar_file(tmp_path / "x.tar.xz", files)
    listing = list_archive(path, "made up")
    assert [(type(unit), unit.name, unit.source, unit.license) for unit in listing.units] == [
        (MemberUnit, "b.MID", "x", "made up"),
        (TuneUnit, "set/book.abc#1 One", "x", "made up"),
        (TuneUnit, "set/book.abc#2 Two", "x", "made up"),
        (RefusedUnit, "more.tar.gz", "x", "made up"),
        (MemberUnit, "empty.abc", "x", "made up"),
        (MemberUnit, "a.mid", "x", "made up"),
    ]
    assert listing.ignored == {".csv": 1, "no suffix": 1, "macOS resource forks": 2}
    given = list(with_contents(listing.units))
    assert [unit.name for unit in given] == [unit.name for unit in listing.units]
    found = [[48], [8], [5], Refusal.NESTED_ARCHIVE, Refusal.NOT_MUSIC, Refusal.NOT_MUSIC]
    assert [pieces_of(unit) for unit in given] == found
    assert [pieces_of(unit) for unit in listing.units] == found, "a unit without its bytes finds them itself"
    assert pickle.loads(pickle.dumps(given)) == given
    assert given[0].size() == len(midi(0))
    assert listing.units[0].size() == 0


def test_names_of_any_bytes_become_one_line_of_text(tmp_path):
    names = [
        "/abs/a.mid",
        "../../up.mid",
        "./dot.mid",
        "b\udcff.mid",
        "new\nline.mid",
        "twice.mid",
        "twice.mid",
        "ŷ.mid",
    ]
    units = list_archive(tar_file(tmp_path / "x.tar.xz", [(name, midi(0)) for name in names])).units
    assert [unit.name for unit in units] == [
        "abs/a.mid",
        "up.mid",
        "dot.mid",
        "b\\xff.mid",
        "new\\nline.mid",
        "twice.mid",
        "twice.mid (2)",
        "ŷ.mid",
    ]
    assert all(pieces_of(unit) == [48] for unit in with_contents(units))
    assert len({unit.stamp() for unit in units}) == len(names)


def test_zip_names_with_backslashes_and_utf8_without_the_flag(tmp_path):
    path = zip_file(tmp_path / "x.zip", [("dir/a.mid", midi(0)), ("dZr/b.mid", midi(1))])
    # The same length, so that nothing else moves.
    data = path.read_bytes().replace(b"dir/a.mid", b"dir\\a.mid")
    path.write_bytes(data.replace(b"dZr/b.mid", b"\xc3\xa9r/b.mid"))
    assert [unit.name for unit in list_archive(path).units] == ["dir/a.mid", "ér/b.mid"]


@pytest.mark.parametrize(
    ("name", "source"), [("s.tar.xz", "s"), ("s.zip", "s"), ("s.v2.TAR.GZ", "s.v2"), ("s.tgz", "s")]
)
def test_rows_name_their_archive_without_its_suffix(tmp_path, name, source):
    assert archive_source(tmp_path / name) == source


def test_each_archive_is_read_once_however_its_units_are_mixed(tmp_path, monkeypatch):
    files = [("a.mid", midi(0)), ("book.abc", BOOK), ("b.mid", midi(1)), ("c.mid", midi(2))]
    first = list_archive(tar_file(tmp_path / "one.tar.xz", files)).units
    second = list_archive(zip_file(tmp_path / "two.zip", files)).units
    opened = []
    real = archives.iter_members
    monkeypatch.setattr(archives, "iter_members", lambda path: opened.append(path.name) or real(path))
    wanted = [*first[:3], first[4], *second[1:]]
    assert [pieces_of(unit) for unit in with_contents(wanted)] == [[48], [8], [5], [48], [8], [5], [48], [48]]
    assert opened == ["one.tar.xz", "two.zip"]


def test_an_archive_changed_since_it_was_listed_is_an_error(tmp_path):
    path = tar_file(tmp_path / "x.tar.xz", [("a.mid", midi(0)), ("b.mid", midi(1))])
    units = list_archive(path).units
    stamps = [unit.stamp() for unit in units]
    tar_file(path, [("a.mid", midi(0))])
    with pytest.raises(CorpusError, match=r"x\.tar\.xz: b\.mid is no longer in it"):
        list(with_contents(units))
    assert list_archive(path).units[0].stamp() != stamps[0]


def test_a_damaged_zip_member_is_refused_and_the_others_read(tmp_path):
    path = zip_file(tmp_path / "x.zip", [("a.mid", midi(0)), ("b.mid", midi(1))])
    data = bytearray(path.read_bytes())
    data[data.index(b"MThd") + 20] ^= 255
    path.write_bytes(data)
    given = list(with_contents(list_archive(path, "none").units))
    assert [pieces_of(unit) for unit in given] == [Refusal.UNREADABLE, [48]]


def test_archives_without_music_and_cut_off_ones_are_one_line(tmp_path):
    with pytest.raises(CorpusError, match=r"x\.zip: no file in it ends in \.mid"):
        list_archive(zip_file(tmp_path / "x.zip", [("a.txt", b"words")]))
    path = tar_file(tmp_path / "x.tar.xz", [(f"{seed}.mid", midi(seed)) for seed in range(9)])
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(CorpusError, match=r"x\.tar\.xz: cut off or damaged"):
        list_archive(path)


def test_the_licence_is_the_users_else_that_of_the_file_at_the_top(tmp_path):
    files = [
        ("set/a.mid", midi(0)),
        ("set/deep/down/LICENSE", b"MIT License"),
        ("set/LICENSE.txt", b"Terms\n\nCC0 1.0\n"),
    ]
    path = zip_file(tmp_path / "x.zip", files)
    assert list_archive(path).units[0].license == "CC0 1.0 (as set/LICENSE.txt in x.zip says)"
    assert list_archive(path, "mine").units[0].license == "mine"
    assert list_archive(zip_file(tmp_path / "y.zip", files[:2])).units[0].license == UNKNOWN_LICENSE


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Creative Commons Legal Code\n\nCC0 1.0 Universal\n", "CC0 1.0 Universal"),
        ("Heritage\nLicense: https://creativecommons.org/licenses/by/4.0\n", None),
        ("MIT License\n\nCopyright", "MIT License"),
        ("\n  All rights\treserved\n", "All rights reserved"),
        ("", ""),
    ],
)
def test_the_line_that_names_the_licence(text, line):
    assert stated_license(text.encode()) == (text.splitlines()[1] if line is None else line)
    assert len(stated_license(b"x" * 10_000)) == 200


def test_licence_files_by_name():
    assert all(is_license_file(name) for name in ("LICENSE", "a/licence.md", "COPYING", "LICENSE-CC0.txt"))
    assert not any(is_license_file(name) for name in ("licenses.py2/x", "relicense", "license plates.mid"))


def test_licences_for_all_and_for_one_source():
    licenses = Licenses(["CC BY 4.0, see https://x.org/?a=b", "groove=CC0"], ["groove", "other"])
    assert licenses.of("groove") == "CC0"
    assert licenses.of("other") == "CC BY 4.0, see https://x.org/?a=b"
    assert Licenses([], ["groove"]).of("groove") is None


def test_shown_names_are_printable():
    assert shown_name("a\udcffb\x1b\u200bü") == "a\\xffb\\x1b\\u200bü"
