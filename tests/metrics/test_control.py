"""Whether pieces are what was asked for."""

import pytest
from metrics.pieces import EMPTY, band, melody, piece

from symbolic_music.metrics.control import Controls, control_accuracy, kept_controls

WALTZ = band(
    [(40, False, melody(60, 62, 64)), (0, False, melody(48, start=3)), (0, True, [(0, 1, 36)]), (9, False, [])],
    meters=[(0, 3, 4)],
    tempo=96.0,
)
ASKED = Controls(instruments=(0, -1, 40), tempo=96, meter="3/4", bars=2)


def test_all_that_was_asked_for_is_kept():
    assert kept_controls(WALTZ, ASKED) == {"instruments": True, "tempo": True, "meter": True, "bars": True}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (Controls(instruments=(40, 0)), False),  # drums are one too much
        (Controls(instruments=(0, 0, 40, -1)), False),
        (Controls(tempo=96.4), True),
        (Controls(tempo=97), False),
        (Controls(meter="6/8"), False),
        (Controls(bars=3), False),
    ],
)
def test_each_control_alone(asked, kept):
    assert list(kept_controls(WALTZ, asked).values()) == [kept]


def test_what_changes_on_the_way_is_not_what_was_asked_for():
    changing = piece(melody(60, 62, 64, 65, 67, 69, 71), meters=[(0, 3, 4), (3, 4, 4)])
    assert kept_controls(changing, Controls(meter="3/4", tempo=120)) == {"meter": False, "tempo": True}


def test_a_score_without_notes_has_no_meter_and_no_bars():
    assert kept_controls(EMPTY, Controls(instruments=(), meter="4/4", bars=0)) == {
        "instruments": True,
        "meter": False,
        "bars": True,
    }


def test_shares_are_of_those_that_were_asked():
    table = control_accuracy([WALTZ, WALTZ, None], [ASKED, Controls(bars=3), Controls(bars=2)])
    assert {name: (row["kept"], row["asked"]) for name, row in table.items()} == {
        "instruments": (1, 1),
        "tempo": (1, 1),
        "meter": (1, 1),
        "bars": (1, 3),
        "all": (1, 3),
    }
    assert table["bars"]["share"] == pytest.approx(1 / 3)
    assert table["bars"]["low"] < 1 / 3 < table["bars"]["high"]


def test_asking_for_nothing_is_an_error():
    with pytest.raises(ValueError, match="nothing was asked for of 1 pieces"):
        control_accuracy([WALTZ], [Controls()])


def test_a_last_note_may_be_held_beyond_the_last_bar():
    held = band([(0, False, [(0, 1, 60), (3, 5, 62)])], meters=[(0, 4, 4)])  # begins in bar 1, ends in bar 2
    assert [kept_controls(held, Controls(bars=bars))["bars"] for bars in (1, 2, 3)] == [True, True, False]
