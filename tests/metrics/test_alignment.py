"""Bars whose voices disagree."""

import pytest

from symbolic_music.metrics.alignment import bar_alignment_error, misaligned_bars
from symbolic_music.score.abc.io import decode_abc, split_tune_book

TWO_VOICES = "X:1\nL:1/4\nM:4/4\nK:C\nV:1\nCDEF|G4|{}|\nV:2\nC,4|G,2{}|C,4|\n"


@pytest.mark.parametrize(
    ("tune", "expected"),
    [
        (TWO_VOICES.format("c4", "G,2"), (0, 3)),
        (TWO_VOICES.format("c3", "G,2"), (1, 3)),
        (TWO_VOICES.format("c3", "G,"), (2, 3)),
        (TWO_VOICES.format("c3|c", "G,2"), (2, 4)),  # the fourth bar is in one voice alone
        ("X:1\nL:1/4\nM:4/4\nK:C\nCD|E|\n", (0, 2)),
        ("no music", (0, 0)),
    ],
)
def test_bars_that_disagree_are_counted_by_place(tune, expected):
    assert misaligned_bars(tune) == expected


def test_tunes_are_pooled():
    found = bar_alignment_error([TWO_VOICES.format("c4", "G,2"), TWO_VOICES.format("c3", "G,")])
    assert (found["tunes"], found["bars"], found["misaligned"]) == (2, 6, 2)
    assert found["share"] == pytest.approx(1 / 3)
    assert (found["low"], found["high"]) == pytest.approx((0, 2 / 3))


def test_no_bars_are_an_error():
    with pytest.raises(ValueError, match="no bars in 1 tunes"):
        bar_alignment_error(["no music"])


def test_human_editions_have_a_few(shared_data):
    """What the module's README says of the Open Hymnal; the missing bar lines were looked up in some of them."""
    books = sorted(shared_data("abc/open_hymnal").rglob("*.abc"))
    hymns = [tune for book in books for tune in split_tune_book(decode_abc(book.read_bytes()))]
    found = bar_alignment_error(hymns, resamples=10)
    assert (found["tunes"], found["bars"], found["misaligned"]) == (292, 4879, 59)
