"""What abc2midi and music21 make of a tune."""

from symbolic_music.score.abc.readers import read_by_others

HEADER = "X:1\nT:A tune\nM:4/4\nL:1/4\nQ:1/4=120\nK:C\n"


def test_a_sound_tune_is_read_by_both():
    found = read_by_others(HEADER + "C D E F|[CE]- [CE] G- G|(3C/D/E/ z c2|]\n", 13, [4, 4, 4])
    assert (found.read, found.uneven_bars, found.complaint) == (True, 0, "")


def test_a_lying_bar_is_counted_and_complained_of():
    found = read_by_others(HEADER + "C D E F|G A B|C D E F|]\n", 11, [4, 4, 4])
    assert not found.abc2midi
    assert found.uneven_bars == 1
    assert "Bar 1 has 3 time units" in found.complaint


def test_a_missing_note_is_noticed():
    found = read_by_others(HEADER + "C D E F|]\n", 5.0, [4])
    assert found.abc2midi
    assert not found.music21
    assert found.complaint == "music21 reads notes of 4 quarters in all, expected 5"


def test_a_tune_of_two_bars_is_compared_by_its_whole_length():
    """music21 makes no measures of a tune of fewer than three bar lines."""
    tune = HEADER + "C D E F|G A B c|]\n"
    assert read_by_others(tune, 8, [4, 4]).uneven_bars == 0
    assert read_by_others(tune, 8, [4, 3]).uneven_bars == 1


def test_what_is_no_tune_is_read_by_neither():
    assert not read_by_others("X:1\nno key, no notes\n", 3, [4]).read
