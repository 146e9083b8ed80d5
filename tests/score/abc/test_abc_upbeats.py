"""Upbeats in ABC: read, they end the first bar; written, they are a short first bar without rests before it."""

import pytest
from score.scores import make_score

from symbolic_music.score.abc.bars import voice_bars
from symbolic_music.score.abc.io import parse_abc_tune
from symbolic_music.score.abc.write import abc_text, written_bar_quarters


def notes(score):
    quarter = score.ticks_per_quarter
    return sorted(
        (note.time / quarter, note.duration / quarter, note.pitch, track.program)
        for track in score.tracks
        for note in track.notes
    )


def grid(score):
    quarter = score.ticks_per_quarter
    return (
        [(meter.time / quarter, meter.numerator, meter.denominator) for meter in score.time_signatures],
        [(tempo.time / quarter, round(tempo.qpm, 2)) for tempo in score.tempos],
    )


@pytest.mark.parametrize("meter", ["2/4", "3/4", "4/4", "6/8", "5/8", "12/8", "2/2", "7/8"])
@pytest.mark.parametrize("upbeat", ["G/", "G", "(3GAB", "G3/2", "[GB]", "G//"])
def test_a_tune_read_and_written_keeps_its_upbeat(meter, upbeat):
    bar = "c" * int(meter.partition("/")[0])
    unit = f"1/{meter.partition('/')[2]}"
    read = parse_abc_tune(f"X:1\nM:{meter}\nL:{unit}\nK:C\n{upbeat}|{bar}|{bar}|]\n")
    written = abc_text(read)
    assert not written.partition("V:1")[2].partition("\n")[2].partition("|")[0].count("z")
    again = parse_abc_tune(written)
    assert (notes(again), grid(again)) == (notes(read), grid(read))
    assert abc_text(again) == written


@pytest.mark.parametrize("first", [120, 160, 240, 480, 720, 960, 1440, 1800])
def test_the_first_bar_is_as_short_as_its_music(first):
    score = make_score([(first, 1920 - first, 60), (1920, 1920, 62), (3840, 960, 64)])
    bars = voice_bars(abc_text(score))["1"]
    assert [float(bar) * 1920 for bar in bars] == [1920 - first, 1920, 1920]
    assert [float(bar) * 4 for bar in bars] == pytest.approx(written_bar_quarters(score))
    assert notes(parse_abc_tune(abc_text(score))) == notes(score)


def test_voices_that_begin_later_rest_from_the_upbeat_on():
    score = make_score([(1440, 480, 60), (1920, 960, 62)])
    for music in ([(1680, 240, 48), (1920, 960, 50)], [(1920, 960, 40)]):
        score.tracks.append(make_score(music, program=42).tracks[0])
    assert {bars[0] * 4 for bars in voice_bars(abc_text(score)).values()} == {1}
    assert notes(parse_abc_tune(abc_text(score))) == notes(score)


@pytest.mark.parametrize("music", [[(1920, 480, 60)], [(2400, 480, 60), (3840, 480, 62)], [(0, 480, 60)]])
def test_a_whole_bar_of_silence_is_written(music):
    score = make_score(music)
    assert voice_bars(abc_text(score))["1"][0] == 1
    assert notes(parse_abc_tune(abc_text(score))) == notes(score)
