"""Shares and runs of rests."""

import pytest

from symbolic_music.metrics.rests import count_rests, describe_rests, longest_rest_run

WINDOW = "Track_1 Instrument_0 Bar_None Note_C4:q With_E4 Rest_q Bar_last Rest_h Rest_h Track_2 Rest_w".split()  # noqa: SIM905


def test_rests_are_counted_among_what_fills_lines():
    assert count_rests(WINDOW) == (4, 6)


@pytest.mark.parametrize(
    ("events", "longest"),
    [
        (WINDOW, 3),
        (["Rest_q", "Note_C4:q", "Rest_q", "Tie_q", "Rest_q", "Rest_q"], 2),
        (["Rest_q", "Track_2", "Rest_q"], 1),
        (["Note_C4:w"], 0),
        ([], 0),
    ],
)
def test_a_run_goes_over_bar_lines_and_ends_with_its_line(events, longest):
    assert longest_rest_run(events) == longest


def test_windows_are_pooled():
    found = describe_rests([["Rest_q"] * 3, ["Note_C4:q"] * 9])
    assert (found["windows"], found["events"], found["rest_share"], found["longest_run"]) == (2, 12, 0.25, 3)
    assert found["rest_share_interval"] == {"low": 0.0, "high": 1.0}
    assert found["longest_run_99"] == pytest.approx(2.97)


def test_without_music_there_is_no_share():
    with pytest.raises(ValueError, match="no window has a note or a rest"):
        describe_rests([["Other"], []])
