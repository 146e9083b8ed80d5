"""`info`, `render` and `convert` on ABC tune books: tunes by their numbers, and those that cannot be used by name."""

import json

import pytest

from symbolic_music.cli import main
from symbolic_music.score.files import read_scores

BOOK = """X:4
T:Four
L:1/4
K:C
CDEF|

X:5
T:Five, without a key
L:1/4
CDEF|

X:12
T:Twelve
L:1/4
K:G
GABc|
"""


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "music" / "book.abc"
    path.parent.mkdir()
    path.write_text(BOOK)
    return path


def pitches(path):
    return [[note.pitch for track in score.tracks for note in track.notes] for score in read_scores(path)]


def test_a_tune_is_chosen_by_the_number_that_the_book_gives_it(book, tmp_path, capsys):
    assert main(["render", str(book), "--tune", "12", "--output", str(tmp_path / "x.mid")]) == 0
    assert pitches(tmp_path / "x.mid") == [[67, 69, 71, 72]]
    assert "skipped: " + str(book) in capsys.readouterr().err


@pytest.mark.parametrize("number", ["1", "2", "3", "5", "0", "-4"])
def test_a_tune_that_is_not_there_is_said_with_those_that_are(book, tmp_path, capsys, number):
    assert main(["render", str(book), "--tune", number, "--output", str(tmp_path / "x.mid")]) == 2
    assert f"holds no usable tune X:{number}; its tunes are 4, 12" in capsys.readouterr().err
    assert not (tmp_path / "x.mid").exists()


def test_the_shared_book(shared_data, tmp_path, capsys):
    book = shared_data("faults") / "book.abc"
    assert main(["render", str(book), "--tune", "3", "--output", str(tmp_path / "x.mid")]) == 0
    assert pitches(tmp_path / "x.mid") == [[67, 69, 71, 72, 74, 76]]
    assert main(["render", str(book), "--tune", "2", "--output", str(tmp_path / "y.mid")]) == 2
    assert "tune 2 (Two (no key))" in capsys.readouterr().err


def test_books_without_numbers_are_counted(tmp_path):
    (tmp_path / "one.abc").write_text("L:1/4\nK:C\nCDEF|\n")
    assert main(["render", str(tmp_path / "one.abc"), "--tune", "1", "--output", str(tmp_path / "x.mid")]) == 0


def test_info_names_tunes_and_what_is_skipped(book, capsys):
    assert main(["info", str(book)]) == 0
    printed = capsys.readouterr().out
    assert "tune 4   Four: 4 notes" in printed
    assert "tune 12  Twelve: 4 notes" in printed
    assert "tune 5 (Five, without a key): expected an ABC tune with a key" in printed


def test_convert_names_what_is_skipped(book, tmp_path, capsys):
    assert main(["convert", str(book), str(tmp_path / "x.abc")]) == 0
    assert "tune 5 (Five, without a key)" in capsys.readouterr().err
    assert main(["convert", str(book.parent), str(tmp_path / "out"), "--to", "mid"]) == 0
    assert "1 pieces of converted files skipped" in capsys.readouterr().out
    (row,) = map(json.loads, (tmp_path / "out" / "skipped.jsonl").read_text().splitlines())
    assert (row["refusal"], row["detail"].partition(":")[0]) == ("unreadable", "tune 5 (Five, without a key)")
