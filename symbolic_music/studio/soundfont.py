"""A soundfont with its samples compressed, so that a page is smaller: SoundFont 2 -> SoundFont 3.

Sources: SoundFont Technical Specification 2.04, sections 5 to 7; MuseScore's SoundFont 3, in which `smpl` holds an Ogg
Vorbis stream for each sample, its header the stream's bytes and loop points counted from the sample's own start.
"""

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from symbolic_music._extras import require

_CHUNK = struct.Struct("<4sI")
_SAMPLE = struct.Struct("<20s5IBbHH")  # name, begin, end, begin and end of the loop, rate, pitch, cents, link, kind
_VERSION = struct.pack("<HH", 3, 1)
_COMPRESSED = 0x10  # in a sample's kind
_COMPRESSION = 0.2
"""Of libsndfile, from 0 to 1: Vorbis quality 8, at which few hear a difference."""
# Where in an Ogg page its stream's number stands, its checksum, and how many segments it has (RFC 3533).
_SERIAL, _CHECKSUM, _SEGMENTS = 14, 22, 26
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def vorbis_soundfont(data: bytes) -> bytes:
    """A soundfont with each sample as Ogg Vorbis; equal bytes give equal bytes under one version of libsndfile.

    Args:
        data: a SoundFont 2, with samples of 16 bits.

    Raises:
        ValueError: for bytes that are none.
        MissingExtraError: the extra "audio" is not installed.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
        raise ValueError(f"expected a soundfont, which begins with RIFF and sfbk, found {data[:12]!r}")
    lists = {content[:4]: dict(_chunks(content[4:])) for _, content in _chunks(data[12:])}
    samples = np.frombuffer(lists[b"sdta"][b"smpl"], "<i2")
    streams, headers, place = [], [], 0
    for header in _SAMPLE.iter_unpack(lists[b"pdta"][b"shdr"]):
        name, begin, end, loop, loop_end, rate, pitch, cents, link, kind = header
        if kind and end > begin:  # the last header ends the list
            streams.append(_vorbis(samples[begin:end], rate))
            begin_now, end_now = place, place + len(streams[-1])
            header = (
                *(name, begin_now, end_now, loop - begin, loop_end - begin),
                *(rate, pitch, cents, link, kind | _COMPRESSED),
            )
            place = end_now
        headers.append(_SAMPLE.pack(*header))
    lists[b"INFO"][b"ifil"] = _VERSION
    lists[b"sdta"] = {b"smpl": b"".join(streams)}
    lists[b"pdta"][b"shdr"] = b"".join(headers)
    content = [_chunk(b"LIST", kind + b"".join(map(_chunk, parts, parts.values()))) for kind, parts in lists.items()]
    return _chunk(b"RIFF", b"sfbk" + b"".join(content))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + _CHUNK.size <= len(data):
        kind, length = _CHUNK.unpack_from(data, place)
        place += _CHUNK.size
        yield kind, data[place : place + length]
        place += length + length % 2


def _chunk(kind: bytes, content: bytes) -> bytes:
    return _CHUNK.pack(kind, len(content)) + content + b"\0" * (len(content) % 2)


def _vorbis(sample: np.ndarray, rate: int) -> bytes:
    """A sample (n,) int16 as an Ogg Vorbis stream with the number 0; libsndfile draws one by chance."""
    soundfile, buffer = require("soundfile"), io.BytesIO()
    soundfile.write(buffer, sample, rate, format="OGG", subtype="VORBIS", compression_level=_COMPRESSION)
    stream, place = bytearray(buffer.getvalue()), 0
    while place < len(stream):
        segments = stream[place + _SEGMENTS]
        data = place + _SEGMENTS + 1 + segments
        end = data + sum(stream[data - segments : data])
        stream[place + _SERIAL : place + _SERIAL + 4] = stream[place + _CHECKSUM : place + _SEGMENTS] = bytes(4)
        stream[place + _CHECKSUM : place + _SEGMENTS] = _checksum(stream[place:end])
        place = end
    return bytes(stream)


def _checksum(page: bytearray) -> bytes:
    """Of an Ogg page: CRC-32 with the highest bit first, from 0; zlib's has the lowest first."""
    mirrored = zlib.crc32(page.translate(_MIRRORED), 2**32 - 1) ^ (2**32 - 1)
    return int(f"{mirrored:032b}"[::-1], 2).to_bytes(4, "little")
