"""A soundfont with compressed samples: the same instruments, loops and lengths, and nearly the same sound."""

import io
from itertools import pairwise

import numpy as np
import pytest

from symbolic_music.score.render.audio import soundfont_bytes
from symbolic_music.studio import soundfont
from symbolic_music.studio.soundfont import vorbis_soundfont

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed (pip extra 'audio')")
pytest.importorskip("pretty_midi", reason="pretty_midi is not installed (pip extra 'audio')")


def parts(data):
    return {content[:4]: dict(soundfont._chunks(content[4:])) for _, content in soundfont._chunks(data[12:])}


def headers(content):
    return list(soundfont._SAMPLE.iter_unpack(content[b"pdta"][b"shdr"]))


@pytest.fixture(scope="module")
def both():
    given = soundfont_bytes()
    return given, vorbis_soundfont(given)


@pytest.mark.slow
def test_samples_sound_as_they_did(both):
    given, made = map(parts, both)
    samples = np.frombuffer(given[b"sdta"][b"smpl"], "<i2").astype(np.float64)
    noise = []
    for before, now in zip(headers(given), headers(made), strict=True):
        name, begin, end, loop, loop_end, *rest, kind = before
        if not kind:
            assert now == before  # the last, which ends the list
            continue
        assert (now[0], now[3:5], now[5:-1], now[-1]) == (
            name,
            (loop - begin, loop_end - begin),
            tuple(rest),
            kind | 16,
        )
        sound, rate = soundfile.read(io.BytesIO(made[b"sdta"][b"smpl"][now[1] : now[2]]))
        assert (len(sound), rate) == (end - begin, rest[0])
        error = sound * 2**15 - samples[begin:end]
        noise.append(10 * np.log10((samples[begin:end] ** 2).sum() / max((error**2).sum(), 1)))
    assert min(noise) > 15  # decibels; the least are cymbals and waves of the sea
    assert np.median(noise) > 30
    assert all(before[2] == now[1] for before, now in pairwise(headers(made)[:-1]))


@pytest.mark.slow
def test_all_else_is_as_it_was_and_smaller(both):
    given, made = map(parts, both)
    for kind in given[b"pdta"]:
        if kind != b"shdr":
            assert made[b"pdta"][kind] == given[b"pdta"][kind]
    assert made[b"INFO"] == given[b"INFO"] | {b"ifil": b"\3\0\1\0"}
    assert int.from_bytes(both[1][4:8], "little") + 8 == len(both[1])
    assert len(both[1]) < 0.65 * len(both[0])


def test_a_sample_gives_the_same_bytes_each_time():
    """And pages with the right checksum, which libsndfile looks at."""
    sound = (np.sin(np.arange(20_000) / 9) * 9_000).astype(np.int16)
    stream = soundfont._vorbis(sound, 22_050)
    assert stream == soundfont._vorbis(sound, 22_050)
    assert len(soundfile.read(io.BytesIO(stream))[0]) == len(sound)
    first = stream.index(b"OggS", 1)
    assert stream[22:26] == soundfont._checksum(bytearray(stream[:22] + bytes(4) + stream[26:first]))


def test_what_is_no_soundfont_is_refused():
    with pytest.raises(ValueError, match="expected a soundfont, which begins with RIFF and sfbk, found b'MThd'"):
        vorbis_soundfont(b"MThd")
