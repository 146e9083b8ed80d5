"""Figures by bar, by source and by kind, of scores that were made up."""

import json
import math

import numpy as np
import pytest
from made_up_scores import scores

from symbolic_music.report.plots import draw_loss_by_bar
from symbolic_music.training.evaluation.tables import bits_per_note_by_label, bits_per_note_by_single_bar


def even_piece(group, nats_of_bar, notes_per_bar=2):
    """A token for each note, the first of each bar with its bar line."""
    nats = np.repeat(np.asarray(nats_of_bar, dtype=float), notes_per_bar)
    bars = np.tile([1] + [0] * (notes_per_bar - 1), len(nats_of_bar))
    return scores(group, nats, np.ones(len(nats), dtype=int), bars)


def falling(group, bars, start=2.0):
    return even_piece(group, [start / bar for bar in range(1, bars + 1)])


def test_every_bar_has_the_pieces_that_reach_it():
    table = bits_per_note_by_single_bar([falling(0, 3), falling(1, 5), falling(2, 70)])
    assert table["all"]["pieces"] == 3
    rows = table["all"]["rows"]
    assert [row["bar"] for row in rows] == list(range(1, 65))
    assert [row["pieces"] for row in rows[:6]] == [3, 3, 3, 2, 2, 1]
    assert [row["notes"] for row in rows[:6]] == [6, 6, 6, 4, 4, 2]
    assert rows[3]["bits_per_note"] == pytest.approx(0.5 / math.log(2))
    json.dumps(table, allow_nan=False)


def test_bits_per_note_of_a_bar_are_of_all_its_notes():
    two = [even_piece(0, [1.0], notes_per_bar=3), even_piece(1, [5.0], notes_per_bar=1)]
    row = bits_per_note_by_single_bar(two)["all"]["rows"][0]
    assert row["bits_per_note"] == pytest.approx((3 * 1 + 5) / 4 / math.log(2))
    # Of two groups, a quarter of the resamples holds one of them twice.
    assert (row["low"], row["high"]) == pytest.approx((1 / math.log(2), 5 / math.log(2)))


def test_what_stands_before_the_first_bar_line_is_of_bar_1():
    piece = scores(0, [4.0, 1.0, 2.0], [0, 1, 1], [0, 1, 1])
    rows = bits_per_note_by_single_bar([piece])["all"]["rows"]
    assert [row["bits_per_note"] for row in rows] == pytest.approx([5 / math.log(2), 2 / math.log(2)])
    assert [row["low"] for row in rows] == [None, None], "one group has no interval"


def test_the_curve_of_long_pieces_has_the_same_pieces_in_every_bar():
    cheap_and_short = [even_piece(group, [0.1] * 20) for group in range(5)]
    table = bits_per_note_by_single_bar([*cheap_and_short, falling(5, 32), falling(6, 40)])
    assert (table["long"]["pieces"], table["long"]["at_least_bars"]) == (2, 32)
    assert {row["pieces"] for row in table["long"]["rows"]} == {2}
    assert [row["bits_per_note"] for row in table["long"]["rows"]] == pytest.approx(
        [2 / bar / math.log(2) for bar in range(1, 33)]
    )


def test_whether_the_loss_still_falls_after_bar_16():
    random = np.random.default_rng(0)
    hard = random.gamma(4.0, size=30)
    fall = [even_piece(group, [cost] * 16 + [cost - 0.1] * 16) for group, cost in enumerate(hard)]
    found = bits_per_note_by_single_bar(fall)["later_is_cheaper_by"]
    assert (found["earlier"], found["later"], found["pieces"]) == ("9-16", "17-32", 30)
    for name in ("bits_per_note", "low", "high"):  # the same pieces on both sides: their hardness widens nothing
        assert found[name] == pytest.approx(0.1 / math.log(2))
    flat = [even_piece(group, random.gamma(4.0, size=32)) for group in range(30)]
    found = bits_per_note_by_single_bar(flat)["later_is_cheaper_by"]
    assert found["low"] < 0 < found["high"]
    assert bits_per_note_by_single_bar(fall[:1])["later_is_cheaper_by"] is None


def test_figures_by_source():
    pieces = [even_piece(0, [1.0] * 4), even_piece(1, [3.0] * 4), even_piece(2, [2.0] * 2)]
    table = bits_per_note_by_label(pieces, ["quartets", "quartets", "drums"])
    assert list(table) == ["drums", "quartets"]
    row = table["quartets"]
    assert (row["pieces"], row["groups"], row["tokens"], row["notes"], row["bars"]) == (2, 2, 16, 16, 8)
    assert row["bits_per_note"] == pytest.approx(2 / math.log(2))
    assert row["bits_per_bar"] == pytest.approx(4 / math.log(2))
    assert row["nats_per_token"] == pytest.approx(2)
    assert (row["interval"]["low"], row["interval"]["high"]) == pytest.approx((1 / math.log(2), 3 / math.log(2)))
    assert table["drums"]["interval"] is None


def test_a_label_without_notes_has_no_figures():
    row = bits_per_note_by_label([scores(0, [1.0], [0], [0])], ["silence"])["silence"]
    assert row["bits_per_note"] is row["bits_per_bar"] is None


def test_the_curve_is_drawn_with_and_without_intervals(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip extra 'audio')")
    for number, pieces in enumerate(([falling(0, 40), falling(1, 9)], [falling(0, 3)])):
        draw_loss_by_bar(bits_per_note_by_single_bar(pieces), tmp_path / f"{number}.png")
        draw_loss_by_bar(bits_per_note_by_single_bar(pieces), tmp_path / "again.png")
        drawn = (tmp_path / f"{number}.png").read_bytes()
        assert drawn[:4] == b"\x89PNG"
        assert drawn == (tmp_path / "again.png").read_bytes()
