import pickle
from collections import Counter

import pytest

from symbolic_music.data.sources import rows
from symbolic_music.data.sources.folders import list_directory
from symbolic_music.data.sources.named.packaged import list_corpus
from symbolic_music.data.sources.rows import list_dataset
from symbolic_music.data.sources.units import CorpusError, FileUnit, TuneUnit
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.files import ABC_SUFFIXES

BOOK = "% a book\n\nX:1\nT:One\nM:4/4\nL:1/8\nK:Ador\nABcd efga|\n\nX:2\nT:Two  Words\nM:6/8\nL:1/8\nK:G\nGAB d2e|\n"


def test_folk_holds_every_tune_of_the_three_books():
    units = list_corpus("folk")
    assert Counter(unit.source for unit in units) == {
        "music21/airdsAirs": 1180,
        "music21/oneills1850": 2009,
        "music21/ryansMammoth": 1059,
    }
    assert len({(unit.source, unit.name) for unit in units}) == 4248
    assert all("not be used for commercial uses" in unit.license for unit in units)
    assert [piece.score.note_num() > 0 for piece in units[0].read().pieces] == [True]


def test_chorales_leave_out_the_prelude_that_lies_among_them():
    names = [unit.name for unit in list_corpus("chorales")]
    assert len(names) == 409
    assert "bwv846.mxl" not in names
    assert {"bwv67.4.xml", "bwv69.6.xml"} <= set(names)


def test_unknown_corpus_names_the_known_ones():
    with pytest.raises(CorpusError, match="expected one of chorales, folk"):
        list_corpus("lakh")


def test_folders_are_listed_recursively_in_order_and_tune_books_by_tune(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "book.ABC").write_text(BOOK)
    (tmp_path / "a.mid").write_bytes(b"MThd")
    (tmp_path / "notes.txt").write_text("not music")
    units = list_directory(tmp_path)
    assert [unit.name for unit in units] == ["a.mid", "b/book.ABC#1 One", "b/book.ABC#2 Two  Words"]
    assert [type(unit) for unit in units] == [FileUnit, TuneUnit, TuneUnit]
    assert units[1].read().pieces[0].key == "Ador"
    assert [unit.name for unit in list_directory(tmp_path, ABC_SUFFIXES)] == [unit.name for unit in units[1:]]
    assert pickle.loads(pickle.dumps(units)) == units


def test_a_tune_book_without_tunes_stays_a_unit_that_says_why(tmp_path):
    (tmp_path / "empty.abc").write_text("nothing here")
    (unit,) = list_directory(tmp_path)
    with pytest.raises(ScoreError):
        unit.read()


def test_missing_and_empty_folders_are_named(tmp_path):
    with pytest.raises(CorpusError, match="no such folder"):
        list_directory(tmp_path / "absent")
    with pytest.raises(CorpusError, match="no file ends in"):
        list_directory(tmp_path)


def test_a_stamp_changes_with_the_file(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(b"MThd")
    (unit,) = list_directory(tmp_path)
    before = unit.stamp()
    path.write_bytes(b"MThd and more")
    assert unit.stamp() != before


def test_dataset_without_midi_column_is_refused(tmp_path):
    from datasets import Dataset

    (tmp_path / "data").mkdir()
    Dataset.from_dict({"text": ["a"]}).to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    with pytest.raises(CorpusError, match="no `midi` column, only text"):
        list_dataset(str(tmp_path))
    with pytest.raises(CorpusError, match="cannot be opened as a dataset"):
        list_dataset(str(tmp_path / "absent"))


def test_a_dataset_changed_under_its_name_is_read_anew(tmp_path, monkeypatch):
    from datasets import Dataset, config

    monkeypatch.setattr(config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "set" / "data" / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    for count in (1, 3):
        Dataset.from_dict({"midi": [b"MThd"] * count}).to_parquet(path)
        rows.open_split.cache_clear()  # stands for a new process
        assert len(list_dataset(str(tmp_path / "set"))) == count
