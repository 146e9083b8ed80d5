"""Who plays: line-ups and shares, by hand."""

import pytest
from metrics.pieces import EMPTY, ONLY_DRUMS, band, melody

from symbolic_music.metrics.ensembles.instruments import LINEUPS, instrument_shares, instruments_of, lineup_of

NOTES = melody(60, 62)


def players(*programs, drums=False):
    return band([(program, False, NOTES) for program in programs] + ([(0, True, NOTES)] if drums else []))


@pytest.mark.parametrize(
    ("score", "lineup"),
    [
        (EMPTY, "nothing"),
        (ONLY_DRUMS, "drums alone"),
        (players(0), "keyboard alone"),
        (players(6, 6), "keyboard alone"),
        (players(40), "one other instrument"),
        (players(0, 1), "two instruments"),
        (players(0, 53), "two instruments"),
        (players(40, 40, 41, 42), "three or more instruments"),
        (players(33, drums=True), "instruments and drums"),
    ],
)
def test_the_line_up_of_a_piece(score, lineup):
    assert lineup_of(score) == lineup
    assert lineup in LINEUPS


def test_tracks_without_notes_play_nothing_and_two_of_a_program_are_one():
    score = band([(40, False, NOTES), (40, False, NOTES), (41, False, []), (0, True, NOTES), (0, True, [])])
    assert instruments_of(score) == {40, -1}


def test_shares_with_their_intervals():
    shares = instrument_shares([players(0), players(40, 41, 42), players(0, 33, drums=True), ONLY_DRUMS])
    assert shares["3 or more instruments"]["pieces"] == shares["with drums"]["pieces"] == 2
    assert shares["with drums"]["share"] == 0.5
    assert 0 < shares["with drums"]["low"] < 0.5 < shares["with drums"]["high"] < 1
    assert sum(shares[name]["pieces"] for name in LINEUPS) == 4
    with pytest.raises(ValueError, match="at least one trial"):
        instrument_shares([])
