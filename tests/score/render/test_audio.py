import wave

import numpy as np
import pytest
from score.scores import make_score, scale
from symusic import ControlChange

from symbolic_music.score.checks import Refusal, ScoreError
from symbolic_music.score.render import audio as audio_module
from symbolic_music.score.render.audio import PEAK, mp3_tracks, synthesise, synthesise_tracks, write_mp3, write_wav

pytest.importorskip("midirenderer", reason="midirenderer is not installed (pip extra 'audio')")


def loudest_frequency(audio: np.ndarray, sample_rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(audio[0]))
    return float(np.argmax(spectrum)) * sample_rate / audio.shape[1]


@pytest.mark.parametrize("sample_rate", [22_050, 44_100, 48_000])
def test_a_note_sounds_at_its_pitch_and_lasts_its_time(sample_rate):
    # A flute: its loudest partial is the fundamental.
    audio = synthesise(make_score([(0, 1920, 69)], program=73), sample_rate)
    assert audio.dtype == np.float32
    assert audio.shape[0] == 2
    assert audio.shape[1] / sample_rate == pytest.approx(4.0, abs=0.05)
    assert loudest_frequency(audio, sample_rate) == pytest.approx(440, abs=6)


def test_the_peak_is_one_decibel_below_full_scale():
    assert np.abs(synthesise(scale(bars=1))).max() == pytest.approx(PEAK, abs=1e-6)


def test_a_wall_of_sound_is_played_softer_until_nothing_is_cut_off():
    wall = make_score([(0, 480, pitch, 127) for pitch in (36, 48, 55, 60)], program=81)
    wall.tracks.extend([wall.tracks[0].copy() for _ in range(14)])
    raw, _ = audio_module._render(wall)
    assert np.abs(raw).max() >= 32767
    (softer,), _ = audio_module._render_unclipped([wall])
    assert 1_000 < np.abs(softer).max() < 32767


def test_a_wav_file_is_stereo_16_bit_and_the_same_twice(tmp_path):
    for name in ("one.wav", "two.wav"):
        write_wav(scale(bars=1), tmp_path / name)
    with wave.open(str(tmp_path / "one.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 44_100)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.abs(samples.astype(int)).max() == round(PEAK * 32767)
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_an_mp3_file_is_small_and_sounds_as_the_score_does(tmp_path):
    soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed (pip extra 'audio')")
    piece = make_score([(0, 1920, 69)], program=73)
    for name in ("first.mp3", "second.mp3"):
        write_mp3(piece, tmp_path / name)
    write_wav(piece, tmp_path / "piece.wav")
    data = (tmp_path / "first.mp3").read_bytes()
    assert data == (tmp_path / "second.mp3").read_bytes()
    assert len(data) < (tmp_path / "piece.wav").stat().st_size / 8
    audio, sample_rate = soundfile.read(tmp_path / "first.mp3", always_2d=True)
    assert loudest_frequency(audio.T, sample_rate) == pytest.approx(440, abs=6)


def test_a_stray_event_after_the_last_note_does_not_prolong_the_sound():
    score = make_score([(0, 480, 60)])
    score.tracks[0].controls = [ControlChange(0, 7, 100), ControlChange(10**9, 7, 100)]
    assert synthesise(score).shape[1] / 44_100 == pytest.approx(2.5, abs=0.05)


def test_the_last_note_fades_to_silence():
    audio = synthesise(scale(bars=1))
    assert np.abs(audio[:, -2_000:]).max() < 0.02


def test_resampling_keeps_a_tone_across_block_edges():
    tone = np.sin(2 * np.pi * 1_000 * np.arange(48_000 * 25) / 48_000)[None].astype(np.float32)
    resampled = audio_module._resample(tone, 48_000, 44_100)
    expected = np.sin(2 * np.pi * 1_000 * np.arange(resampled.shape[1]) / 44_100)
    assert resampled.shape == (1, 44_100 * 25)
    assert np.abs(resampled[0] - expected)[1_000:-1_000].max() < 1e-5


@pytest.mark.parametrize(
    ("score", "refusal"),
    [
        (make_score([]), Refusal.NO_NOTES),
        (make_score([(2**31 - 1000, 480, 60)]), Refusal.TOO_LONG),
        (scale(tpq=0), Refusal.CORRUPT_TIMING),
    ],
)
def test_what_cannot_be_played_is_refused_by_name(score, refusal):
    with pytest.raises(ScoreError) as caught:
        synthesise(score)
    assert caught.value.refusal is refusal


def three_instruments(tracks: int):
    """Violins, flutes and cellos in as many tracks, each its own note of one chord."""
    programs = (40, 73, 42)
    score = make_score([])
    score.tracks.clear()
    for number in range(tracks):
        part = make_score([(0, 960, 48 + 2 * number, 40)], program=programs[number % 3])
        score.tracks.extend(part.tracks)
    return score


def test_tracks_of_one_program_sound_as_one_track_does():
    """18 tracks of 3 programs need 3 channels: every note keeps its program."""
    merged = three_instruments(3)
    for track in three_instruments(18).tracks[3:]:
        for note in track.notes:
            next(other for other in merged.tracks if other.program == track.program).notes.append(note)
    apart, together = synthesise(three_instruments(18), 44_100), synthesise(merged, 44_100)
    assert np.abs(apart - together).max() < 1e-3


def test_forty_programs_at_once_all_sound_as_they_are():
    score = make_score([])
    score.tracks.clear()
    for program in range(40):
        score.tracks.extend(make_score([(0, 480, 60, 20)], program=program).tracks)
    whole, _ = audio_module._render(audio_module._with_tail(score))
    alone = []
    for track in score.tracks:
        part = score.copy()
        part.tracks = [track]
        alone.append(audio_module._render(audio_module._with_tail(part))[0])
    length = min(samples.shape[1] for samples in (whole, *alone))
    difference = whole[:, :length] - sum(samples[:, :length] for samples in alone)
    assert np.abs(difference).max() < 0.02 * np.abs(whole).max()


def test_tracks_apart_add_up_to_the_whole():
    score = make_score([(0, 960, 60, 90), (960, 960, 64, 40)], program=40)
    score.tracks.extend(make_score([], program=5).tracks)
    score.tracks.extend(make_score([(480, 480, 43, 100)], program=32).tracks)
    tracks, whole = synthesise_tracks(score), synthesise(score)
    assert [track.shape for track in tracks] == [whole.shape] * 2  # the silent one has none
    assert np.abs(sum(tracks) - whole).max() < 0.02
    assert np.abs(tracks[1][:, : 44_100 // 4]).max() < 1e-4
    files = mp3_tracks(score)
    assert len(files) == 2
    assert all(file[:2] in (b"ID", b"\xff\xfb", b"\xff\xf3") for file in files)
