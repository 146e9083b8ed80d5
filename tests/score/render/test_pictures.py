import sys

import numpy as np
import pytest
from score.scores import make_score, scale
from symusic import Note, Track

from symbolic_music.score.bars import bar_table
from symbolic_music.score.checks import Refusal, ScoreError
from symbolic_music.score.render import pictures
from symbolic_music.score.render.pictures import write_piano_roll

pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip extra 'audio')")


def band():
    score = scale(bars=4, program=40, meters=[(0, 4, 4)], tempos=[(0, 96.0)])
    drums = Track(is_drum=True)
    drums.notes = [Note(480 * beat, 240, 36 if beat % 2 else 42, 100) for beat in range(16)]
    score.tracks.append(drums)
    return score


def pixels(path) -> np.ndarray:
    from matplotlib.image import imread

    return imread(path)


def shows(image: np.ndarray, colour: str) -> bool:
    wanted = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return bool((np.abs(image[..., :3] - wanted).max(axis=-1) < 0.01).any())


def test_a_picture_shows_each_part_in_its_colour_and_is_the_same_twice(tmp_path):
    for name in ("one.png", "two.png"):
        write_piano_roll(band(), tmp_path / name, title="Band")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    image = pixels(tmp_path / "one.png")
    assert image.shape[1] == 1540
    assert shows(image, pictures._COLOURS[0])
    assert shows(image, pictures._DRUM_COLOUR)


def test_long_pieces_wrap_into_systems():
    def lengths(bars):
        systems = pictures._systems(bar_table(scale(bars=bars)), 480)
        return [system.last - system.first + 1 for system in systems]

    assert lengths(20) == [8, 8, 4]
    assert set(lengths(200)[:-1]) == {16}
    assert sum(lengths(1_000)) == pictures.MAX_BARS


def test_a_note_over_the_end_of_a_system_is_drawn_in_both():
    score = make_score([(0, 20_000, 60)])
    notes = pictures._note_table(score, pictures._rows(score), [0])
    first, second = (notes.between(*span) for span in [(0, 15_360), (15_360, 30_720)])
    assert (first.end.tolist(), second.start.tolist(), second.end.tolist()) == ([15_360], [15_360], [20_000])


def test_voices_that_share_an_instrument_are_told_apart():
    score = scale()
    score.tracks.append(Track(name="Bass"))
    score.tracks[1].notes = [Note(0, 480, 40, 80)]
    assert pictures._part_names(score) == ["Acoustic Grand Piano 1", "Bass"]


@pytest.mark.parametrize(
    "score",
    [
        make_score([(0, 480, 36)], is_drum=True),
        make_score([(0, 0, 0), (100, 0, 127)]),
        make_score([(0, 480, 60)], meters=[(0, 64, 1)]),
        make_score([(0, 30, 60)], meters=[(0, 1, 64)], tpq=4),
    ],
    ids=["drums alone", "no durations", "an endless bar", "tiny bars"],
)
def test_odd_scores_are_drawn(tmp_path, score):
    write_piano_roll(score, tmp_path / "odd.png")
    assert pixels(tmp_path / "odd.png").size > 0


def test_other_plots_are_left_alone(tmp_path):
    write_piano_roll(scale(), tmp_path / "scale.png")
    assert "matplotlib.pyplot" not in sys.modules


def test_nothing_to_draw_is_refused_by_name(tmp_path):
    with pytest.raises(ScoreError) as caught:
        write_piano_roll(make_score([]), tmp_path / "empty.png")
    assert caught.value.refusal is Refusal.NO_NOTES
    assert not list(tmp_path.iterdir())
