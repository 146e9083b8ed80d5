"""Score -> sound, with what pip installs: the midirenderer synthesiser and pretty_midi's General MIDI soundfont.

Needs the pip extra "audio". Writes 16-bit WAV and MP3.
"""

import io
import wave
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from symusic.core import ScoreTick as Score
from symusic.core import TextMetaTick, TextMetaTickList, TrackTick, TrackTickList

from symbolic_music._extras import MissingExtraError, require
from symbolic_music.score.bars import last_note_end
from symbolic_music.score.checks import DEFAULT_TEMPO, play_seconds
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.midi.io import midi_bytes, split_ports
from symbolic_music.score.storage import write_atomically

PEAK = 10 ** (-1 / 20)
"""Loudest sample after normalising: -1 dB below full scale, room for a player's own resampling to overshoot."""
MAX_SECONDS = 3_600.0
"""No longer piece is synthesised: an hour of stereo takes 1.3 GB."""
_TAIL_SECONDS = 2.0
_MP3_RATE = 32_000
SOUNDFONT = "TimGM6mb.sf2"
# The resampler works on blocks of 10 s; by a second away the ringing from a block's edge is below 16-bit resolution.
_BLOCK_SECONDS = 10
_MARGIN_SECONDS = 1


def synthesise(score: Score, sample_rate: int = 44_100) -> np.ndarray:
    """Play a Score on the General MIDI soundfont TimGM6mb.

    Args:
        score: in ticks.
        sample_rate: samples per second, in hertz.

    Returns:
        float32 of shape (2, samples), the louder peak at -1 dB of full scale; the last notes ring for two seconds.

    Raises:
        ScoreError: no_notes when nothing sounds, too_long above an hour, corrupt_timing without a clock.
        MissingExtraError: the extra "audio" is not installed.
    """
    _check_playable(score)
    (audio,), rendered_rate = _render_unclipped([_with_tail(score)])
    if not audio.any():
        raise ScoreError(Refusal.NO_NOTES, None, "expected notes that sound, found only silence")
    audio = _resample(audio, rendered_rate, sample_rate)
    return audio * np.float32(PEAK / np.abs(audio).max())


def synthesise_tracks(score: Score, sample_rate: int = 44_100) -> list[np.ndarray]:
    """Each track that has notes by itself, as loud as it is in the whole: added up, they are what `synthesise` gives.

    Args:
        score: in ticks.
        sample_rate: samples per second, in hertz.

    Returns:
        For each of these tracks, float32 of shape (2, samples), all equally long.

    Raises:
        ScoreError: as `synthesise`.
        MissingExtraError: the extra "audio" is not installed.
    """
    _check_playable(score)
    tailed = _with_tail(score)
    rendered, rendered_rate = _render_unclipped([_alone(tailed, track) for track in tailed.tracks if len(track.notes)])
    length = max(audio.shape[1] for audio in rendered)
    tracks = [np.pad(audio, ((0, 0), (0, length - audio.shape[1]))) for audio in rendered]
    # No track alone may be cut off either, where others cancel its peak in the sum.
    peak = max(np.abs(audio).max() for audio in (sum(tracks), *tracks))
    if peak == 0:
        raise ScoreError(Refusal.NO_NOTES, None, "expected notes that sound, found only silence")
    return [_resample(audio, rendered_rate, sample_rate) * np.float32(PEAK / peak) for audio in tracks]


def _alone(score: Score, track: TrackTick) -> Score:
    part = score.copy()
    part.tracks = TrackTickList([track])
    return part


def write_wav(score: Score, path: Path | str) -> None:
    """Write a Score as a WAV file, 16-bit stereo at 44.1 kHz, whole or not at all; equal Scores give equal bytes."""
    sample_rate = 44_100
    samples = np.rint(synthesise(score, sample_rate).T * 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())
    write_atomically(path, buffer.getvalue())


def write_mp3(score: Score, path: Path | str) -> None:
    """Write a Score as an MP3 file, mono at 32 kHz, whole or not at all: a twentieth of the WAV, for a web page.

    Equal Scores give equal bytes under one version of libsndfile.
    """
    write_atomically(path, _mp3_bytes(synthesise(score, _MP3_RATE)))


def mp3_tracks(score: Score) -> list[bytes]:
    """Each track that has notes as an MP3 file, to be played together: see `synthesise_tracks` and `write_mp3`."""
    return [_mp3_bytes(audio) for audio in synthesise_tracks(score, _MP3_RATE)]


def _mp3_bytes(audio: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    require("soundfile").write(buffer, audio.mean(axis=0), _MP3_RATE, format="MP3", subtype="MPEG_LAYER_III")
    return buffer.getvalue()


def _check_playable(score: Score) -> None:
    if score.ticks_per_quarter <= 0:
        detail = f"expected ticks per quarter note above 0, found {score.ticks_per_quarter}"
        raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
    if score.note_num() == 0:
        raise ScoreError(Refusal.NO_NOTES, None, "expected notes to play, found none")
    seconds = play_seconds(score)
    if seconds > MAX_SECONDS:
        raise ScoreError(
            Refusal.TOO_LONG, None, f"expected at most {MAX_SECONDS:.0f} s to play, found {seconds:.0f} s"
        )


def _with_tail(score: Score) -> Score:
    """The Score up to two seconds after its last note: the renderer stops at the last event, whatever still sounds.

    Events beyond are left out, for one stray controller could make the sound hours long.
    """
    end = last_note_end(score)
    tempo = max(((tempo.time, tempo.qpm) for tempo in score.tempos if tempo.time < end), default=(0, DEFAULT_TEMPO))[1]
    silence = end + round(_TAIL_SECONDS * tempo / 60 * score.ticks_per_quarter)
    tailed = score.clip(0, silence)
    tailed.markers = TextMetaTickList([TextMetaTick(silence, "end")])
    return tailed


def _render_unclipped(parts: list[Score]) -> tuple[list[np.ndarray], int]:
    """The renderer's samples of each part (channels, samples), full scale 32767, and their rate.

    The renderer cuts off what exceeds 16 bits (about 64 loud notes at once), so all parts are played again softer:
    the sound's amplitude goes with the square of the velocity.
    """
    rendered = [_render(part) for part in parts]
    while any(np.abs(audio).max(initial=0.0) >= 32767 for audio, _ in rendered) and _loudest(parts) > 1:
        parts = [_softer(part) for part in parts]
        rendered = [_render(part) for part in parts]
    return [audio for audio, _ in rendered], rendered[0][1]


def _softer(score: Score) -> Score:
    softer = score.copy()
    for track in softer.tracks:
        for note in track.notes:
            note.velocity = max(1, note.velocity // 2)
    return softer


def _loudest(parts: list[Score]) -> int:
    tracks = [track for part in parts for track in part.tracks if len(track.notes)]
    return max(int(track.notes.numpy()["velocity"].max()) for track in tracks)


def _render(score: Score) -> tuple[np.ndarray, int]:
    """The synthesiser knows one MIDI port, so what needs more is played port by port and added up."""
    rendered = [_render_midi(midi_bytes(part)) for part in split_ports(score)]
    audio = np.zeros((2, max(samples.shape[1] for samples, _ in rendered)), np.float32)
    for samples, _ in rendered:
        audio[:, : samples.shape[1]] += samples
    return audio, rendered[0][1]


def _render_midi(midi: bytes) -> tuple[np.ndarray, int]:
    wav = require("midirenderer").render_wave_from(soundfont_bytes(), midi)
    with wave.open(io.BytesIO(wav)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return samples.reshape(-1, file.getnchannels()).T.astype(np.float32), file.getframerate()


@lru_cache(maxsize=1)
def soundfont_bytes() -> bytes:
    """The soundfont, found beside pretty_midi without importing it, for its import takes seconds and warns.

    Raises:
        MissingExtraError: the extra "audio" is not installed.
    """
    package = find_spec("pretty_midi")
    if package is None or package.origin is None:
        raise MissingExtraError("pretty_midi is not installed; run: pip install 'symbolic-music-hf[audio]'")
    return Path(package.origin).with_name(SOUNDFONT).read_bytes()


def _resample(audio: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Band-limited resampling of (channels, samples): each block's spectrum is cut or padded to the new rate."""
    if from_rate == to_rate:
        return audio
    samples = audio.shape[1]
    blocks = -(-samples // (_BLOCK_SECONDS * from_rate))
    margin = _MARGIN_SECONDS * from_rate
    padded = np.pad(audio, ((0, 0), (margin, margin + blocks * _BLOCK_SECONDS * from_rate - samples)))
    resampled = [_resample_block(padded, block, from_rate, to_rate) for block in range(blocks)]
    return np.concatenate(resampled, axis=1)[:, : samples * to_rate // from_rate]


def _resample_block(padded: np.ndarray, block: int, from_rate: int, to_rate: int) -> np.ndarray:
    seconds = _BLOCK_SECONDS + 2 * _MARGIN_SECONDS
    start = block * _BLOCK_SECONDS * from_rate
    spectrum = np.fft.rfft(padded[:, start : start + seconds * from_rate])
    resampled = np.fft.irfft(spectrum[:, : seconds * to_rate // 2 + 1], seconds * to_rate) * (to_rate / from_rate)
    return resampled[:, _MARGIN_SECONDS * to_rate : -_MARGIN_SECONDS * to_rate].astype(np.float32)
