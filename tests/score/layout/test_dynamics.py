"""A few dynamics where a part grows louder or softer for good."""

from score.scores import make_score

from symbolic_music.score.layout.dynamics import find_dynamics
from symbolic_music.score.layout.parts import lay_out


def dynamics(velocities):
    layout = lay_out(make_score([(480 * place, 480, 60, velocity) for place, velocity in enumerate(velocities)]))
    return find_dynamics(layout.parts[0], layout.bars)


def test_one_loudness_has_no_sign():
    assert dynamics([100] * 32) == []


def test_a_loud_part_after_a_soft_one():
    assert dynamics([60] * 32 + [100] * 32) == [(0, "mp"), (8, "f")]


def test_accents_are_no_dynamics():
    assert dynamics([90, 70, 80, 70] * 16) == [(0, "mf")]
