"""Whether pieces are what was asked for."""

import pytest
from metrics.pieces import EMPTY, band, melody, piece

from symbolic_music.events.controls.asked import EVERY
from symbolic_music.metrics.control import Controls, control_accuracy, kept_controls, most_repeats

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


CHORDAL = band(
    [
        (40, False, [(0, 1, 64), (1, 1, 65), (2, 2, 67), (4, 4, 65)]),
        (42, False, [(0, 2, 48), (2, 2, 55), (4, 4, 53), (4, 4, 60)]),
        (0, True, [(0, 1, 36)]),
    ],
    meters=[(0, 4, 4)],
)


@pytest.mark.parametrize(
    ("chords", "kept"),
    [
        ((("C", "G"), ("F",)), True),
        ((("C",), ("F",)), True),  # the second half of the first bar begins no chord
        ((("C/E",), ("F",)), False),
        ((("N", "G"), ("F",)), True),
        ((("C", "C", "G", "G"), ("F",)), True),  # on the second beat the bass is held
        ((("C", "F", "G", "G"), ("F",)), False),
        ((("C", "G"), ("F", "C")), False),
    ],
)
def test_the_lowest_that_sounds_where_a_chord_begins_is_its_bass(chords, kept):
    assert kept_controls(CHORDAL, Controls(chords=chords, bass_on_root=True))["bass_on_root"] is kept


@pytest.mark.parametrize(
    ("bounds", "kept"),
    [
        (((EVERY, 1, 2),), True),
        (((EVERY, 1, 1),), False),
        (((42, 1, 2), (EVERY, 1, 1)), True),
        (((42, 2, 2),), False),
        (((-1, 2, 3),), False),  # drums are judged where they are named
    ],
)
def test_notes_that_tracks_begin_together(bounds, kept):
    assert kept_controls(CHORDAL, Controls(polyphony=bounds)) == {"polyphony": kept}


def test_repeats_are_counted_in_a_row_up_to_the_last_onset():
    same, other = [(0, 1, 60), (2, 1, 64)], [(0, 1, 60), (2, 1, 65)]
    bars = [same, same, other, same, same, same, []]
    notes = [(4 * bar + onset, length, pitch) for bar, part in enumerate(bars) for onset, length, pitch in part]
    assert most_repeats(band([(0, False, notes)], meters=[(0, 4, 4)])) == 2
    drums = (0, True, [(4 * bar, 1, 36 + bar) for bar in range(6)])  # which make every bar another
    assert most_repeats(band([(0, False, notes), drums], meters=[(0, 4, 4)])) == 0
    longer = [
        (onset, length + 8 * (onset == 22), pitch) for onset, length, pitch in notes
    ]  # sounds on, begins nothing
    assert most_repeats(band([(0, False, longer)], meters=[(0, 4, 4)])) == 2
    assert most_repeats(EMPTY) == 0
