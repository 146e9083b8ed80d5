"""What codecs lose is counted by kind; what they lost before and keep now, by every fault that was found."""

from functools import cache

import pytest
from hypothesis import given, settings
from random_music import scores
from score.scores import make_score, scale
from symusic.core import NoteTick, TimeSignatureTick, TrackTick

from symbolic_music.events.codec import EncodingError
from symbolic_music.events.losses import losses
from symbolic_music.events.remi.codec import RemiCodec, RemiSettings
from symbolic_music.events.voices.abc_notes import AbcNotesCodec, AbcNotesSettings
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.score.checks import play_seconds
from symbolic_music.score.midi.io import read_midi

CODECS = {
    "remi": lambda: RemiCodec(),
    "abc_notes": lambda: AbcNotesCodec(),
    "track_text": lambda: TrackTextCodec(TrackTextSettings(max_bars=4, max_tracks=12)),
}
FIRST = {
    "remi": lambda: RemiCodec(RemiSettings(long_meters=(), tempo_range=(40, 240), num_tempos=41, edition=1)),
    "abc_notes": lambda: AbcNotesCodec(
        AbcNotesSettings(
            lowest_pitch=21,
            highest_pitch=108,
            meters=("4/4", "3/4"),
            num_tempos=41,
            tempo_range=(40, 240),
            max_voices=8,
            edition=1,
        )
    ),
    "track_text": lambda: TrackTextCodec(
        TrackTextSettings(lowest_pitch=21, highest_pitch=108, meters=("4/4", "3/4"), max_tracks=8, edition=1)
    ),
}


@cache
def codec_named(name, table="now"):
    return (CODECS if table == "now" else FIRST)[name]()


@pytest.fixture(params=CODECS)
def codec(request):
    return codec_named(request.param)


def faulty(shared_data, name):
    return read_midi(shared_data("faults") / f"{name}.mid")


# --- Faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["p02_tempo_400", "p03_tempo_24"])
def test_fast_and_slow_pieces_keep_their_time(codec, shared_data, name):
    lost = losses(codec, faulty(shared_data, name))
    assert abs(lost.drift) <= 0.015 * lost.seconds
    assert lost.left_out == lost.shortened == lost.bars_changed == 0


def test_bars_of_fifteen_eighths_stay(codec, shared_data):
    lost = losses(codec, faulty(shared_data, "m27_15_8"))
    assert (lost.bars, lost.bars_changed, lost.left_out) == (6, 0, 0)


@pytest.mark.parametrize("name", ["p04_nine_voices", "p05_pitch_12"])
def test_many_voices_and_low_pitches_are_written(codec, shared_data, name):
    lost = losses(codec, faulty(shared_data, name))
    assert (lost.refused, lost.left_out, lost.merged) == (0, 0, 0)


def test_a_held_note_is_held_or_counted(codec, shared_data):
    lost = losses(codec, faulty(shared_data, "p07_held_600"))
    assert (lost.notes, lost.left_out) == (601, 0)
    assert lost.shortened == (codec.codec_type == "track_text")  # a note ends with its window


# --- The same without files ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tempo", [16.1, 23, 58.5, 113, 187, 233, 299, 407, 599])
def test_a_steady_tempo_keeps_its_time(codec, tempo):
    lost = losses(codec, scale(bars=16, tempos=[(0, tempo)]))
    assert abs(lost.drift) <= 0.0076 * lost.seconds


def test_errors_of_many_tempos_do_not_add_up():
    score = scale(bars=64, tempos=[(960 * number, 60.5 + 0.3 * (number % 6)) for number in range(128)])
    for name in ("remi", "abc_notes"):
        now, before = losses(codec_named(name), score), losses(codec_named(name, "first"), score)
        assert abs(now.drift) < 0.02 < 0.2 < abs(before.drift)


@pytest.mark.parametrize("beats", [13, 17, 25, 33, 47, 64])
def test_a_meter_outside_the_vocabulary_is_cut(codec, beats):
    score = make_score([(240 * eighth, 240, 60) for eighth in range(beats * 3)], meters=[(0, beats, 8)])
    quantised = [codec.quantise(window) for window in codec.windows(score)]
    meters = [(meter.numerator, meter.denominator) for part in quantised for meter in part.time_signatures]
    assert (4, 4) not in meters
    lost = losses(codec, score)
    assert lost.left_out == 0
    assert lost.bars_changed == (0 if beats == 13 else 3)


@pytest.mark.parametrize("quarters", [31.5, 33, 64, 100.25, 257])
@pytest.mark.parametrize("name", ["remi", "abc_notes"])
def test_any_length_is_held(name, quarters):
    score = scale(bars=70)
    score.tracks[0].notes.append(NoteTick(480, round(480 * quarters), 100, 80))
    quantised = codec_named(name).quantise(score)
    longest = max(note.duration / quantised.ticks_per_quarter for track in quantised.tracks for note in track.notes)
    assert longest == pytest.approx(quarters, rel=0.02)


def crowd(tracks, program=0):
    """Tracks of one program that all play another rhythm; no two of them can be one voice for long."""
    score = make_score([])
    score.tracks = [TrackTick("", program, False) for _ in range(tracks)]
    for number, track in enumerate(score.tracks):
        for beat in range(4):
            track.notes.append(NoteTick(480 * (beat * tracks + number), 480, 40 + number, 80))
    return score


def test_tracks_of_one_instrument_share_voices_where_there_are_too_many():
    codec = AbcNotesCodec(AbcNotesSettings(max_voices=3, tempo_range=(100, 140)))
    score = crowd(8)
    assert len(codec.quantise(score).tracks) == 1
    assert losses(codec, score).left_out == 0


def test_the_busiest_voices_are_kept_and_the_notes_of_others_counted():
    codec = AbcNotesCodec(AbcNotesSettings(max_voices=2, tempo_range=(100, 140)))
    score = make_score([(480 * beat, 480, 60) for beat in range(8)])
    for program, beats in ((40, 3), (70, 5)):
        score.tracks.append(TrackTick("", program, False))
        score.tracks[-1].notes.extend([NoteTick(480 * beat, 480, 50, 80) for beat in range(beats)])
    assert [track.program for track in codec.quantise(score).tracks] == [0, 70]
    assert losses(codec, score).left_out == 3


def test_single_notes_outside_the_range_are_left_out_and_counted():
    codec = AbcNotesCodec(AbcNotesSettings(lowest_pitch=40, highest_pitch=90, tempo_range=(100, 140)))
    score = make_score([(480 * beat, 480, pitch) for beat, pitch in enumerate((20, 60, 62, 100))])
    assert losses(codec, score).left_out == 2
    assert codec.quantise(score).note_num() == 2
    with pytest.raises(EncodingError, match="no note lies within pitches 40 to 90"):
        codec.encode(make_score([(0, 480, 20)]))


def test_the_first_edition_refuses_and_says_so():
    lost = losses(codec_named("abc_notes", "first"), make_score([(0, 480, 12), (480, 480, 60)]))
    assert (lost.left_out, lost.refused) == (2, 1)
    assert lost.reason == "bar 1 holds pitch 12; expected 21 to 108"


def test_notes_moved_merged_and_shortened_are_told_apart():
    score = make_score([(0, 480, 60), (1, 480, 60), (485, 480, 64), (960, 48_000, 67)])
    score.time_signatures.append(TimeSignatureTick(0, 4, 4))
    lost = losses(codec_named("remi", "first"), score)
    assert (lost.notes, lost.merged, lost.moved, lost.shortened, lost.left_out) == (4, 1, 2, 1, 0)
    assert lost.counts() == {"notes": 4, "merged": 1, "shortened": 1, "moved": 2, "bars": 1, "seconds": lost.seconds}


@settings(max_examples=40, deadline=None)
@given(score=scores())
@pytest.mark.parametrize("name", ["remi", "abc_notes"])
def test_what_a_codec_wrote_it_writes_again_without_loss(name, score):
    codec = codec_named(name)
    quantised = codec.quantise(score)
    lost = losses(codec, quantised)
    assert (lost.left_out, lost.merged, lost.shortened, lost.moved, lost.bars_changed) == (0, 0, 0, 0, 0)
    assert lost.drift == pytest.approx(0, abs=1e-6)
    assert losses(codec, score).notes == score.note_num()
    assert play_seconds(quantised) > 0


def test_silence_has_nothing_to_lose(codec):
    with pytest.raises(EncodingError, match="no notes"):
        losses(codec, make_score([]))
