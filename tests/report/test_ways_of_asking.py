"""Pieces that are asked for one thing in several ways, each a row of its own."""

from made_up_music import melody_score
from tiny_model import tiny_model, tiny_processor

from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.report.asked.obedience import Way, measure_obedience

HUMAN = [melody_score([60 + shift, 62, 64, 65, 67, 69, 71, 72] * 4) for shift in range(3)]


def test_each_way_is_a_row_and_the_first_is_that_of_the_mask_alone():
    processor = tiny_processor()
    model, options = tiny_model(processor), SamplingOptions(seed=1)
    ways = [Way(), Way(best_of=2), Way(particles=3)]
    found = measure_obedience(model, processor, HUMAN, 2, 0, options, only={"key"}, ways=ways)["rows"]
    assert [row["asked"] for row in found] == ["free", "key", "key", "key"]
    assert [(row.get("best of"), row.get("particles")) for row in found[1:]] == [(None, None), (2, None), (None, 3)]
    assert all(row["kept"] == row["pieces"] == 2 for row in found[1:])
    alone = measure_obedience(model, processor, HUMAN, 2, 0, options, only={"key"})["rows"]
    assert alone == found[:2]
    assert found[2]["bits per note"] < found[1]["bits per note"]
    for row in found:
        assert abs(row["bits per note"] * row["notes per bar"] - row["bits per bar"]) < 0.1
