"""Score in ticks -> the bytes of a MIDI file of format 1; the same Score gives the same bytes.

A conductor's track with tempos, meters, keys and markers comes first, then a track for each track of the Score. Knows
nothing of how channels are dealt.

Source: Standard MIDI Files 1.0 (RP-001).
"""

import numpy as np
from symusic.core import ScoreTick as Score
from symusic.core import TrackTick

from symbolic_music.score.midi.messages import (
    END_OF_TRACK,
    KEY,
    LYRIC,
    MARKER,
    METER,
    NOTE_OFF,
    NOTE_ON,
    PORT,
    TEMPO,
    TRACK_NAME,
)
from symbolic_music.score.midi.writing.deal import Part, deal_channels
from symbolic_music.score.midi.writing.settings import BEGINS, ENDS, ENDS_AT_ONCE, channel_settings

_RELEASE_VELOCITY = 64  # of a keyboard that does not measure it (MIDI 1.0, "Note-Off")
_MAX_DELTA = 2**28 - 1  # what a number of four bytes holds
_MAX_TEMPO = 2**24 - 1
# An empty text after the longest time that can be written, where a rest is longer.
_FILLER = b"\xff\xff\xff\x7f\xff\x01\0"
_NO_MESSAGES = np.empty((0, 5), np.int64)

Text = tuple[int, bytes]
"""A tick, and the bytes of a meta event."""


def score_bytes(score: Score) -> bytes:
    """The Score as the bytes of a MIDI file."""
    parts = deal_channels(score)
    chunks = [_track_chunk(_conductor(score), _NO_MESSAGES)]
    said: set[int] = set()
    for part, settings in zip(parts, channel_settings(parts), strict=True):
        for port in np.unique(part.port).tolist():
            texts = [(0, _meta(PORT, bytes([port])))] if port else []
            # The words of a track go with the first of its parts.
            texts += _name(part.track) if id(part.track) in said else _texts(part.track)
            said.add(id(part.track))
            messages = np.concatenate([settings[settings[:, 0] == port, 1:], _notes(part, port)])
            chunks.append(_track_chunk(texts, messages))
    wordy = [track for track in score.tracks if not len(track.notes) and len(track.lyrics)]
    chunks += [_track_chunk(_texts(track), _NO_MESSAGES) for track in wordy]
    header = b"".join(value.to_bytes(2, "big") for value in (1, len(chunks), score.ticks_per_quarter))
    return b"MThd" + len(header).to_bytes(4, "big") + header + b"".join(chunks)


def _conductor(score: Score) -> list[Text]:
    texts = [
        (meter.time, _meta(METER, bytes([meter.numerator, meter.denominator.bit_length() - 1, 24, 8])))
        for meter in score.time_signatures
    ]
    texts += [
        (key.time, _meta(KEY, key.key.to_bytes(1, "big", signed=True) + bytes([key.tonality])))
        for key in score.key_signatures
    ]
    texts += [
        (tempo.time, _meta(TEMPO, min(max(tempo.mspq, 1), _MAX_TEMPO).to_bytes(3, "big"))) for tempo in score.tempos
    ]
    return texts + [(marker.time, _meta(MARKER, marker.text.encode())) for marker in score.markers]


def _name(track: TrackTick) -> list[Text]:
    return [(0, _meta(TRACK_NAME, track.name.encode()))] if track.name else []


def _texts(track: TrackTick) -> list[Text]:
    return _name(track) + [(word.time, _meta(LYRIC, word.text.encode())) for word in track.lyrics]


def _meta(kind: int, data: bytes) -> bytes:
    return bytes([0xFF, kind]) + _number(len(data)) + data


def _number(value: int) -> bytes:
    found = [value & 0x7F]
    while value := value >> 7:
        found.append(value & 0x7F | 0x80)
    return bytes(reversed(found))


def _notes(part: Part, port: int) -> np.ndarray:
    """Note-ons and note-offs of a part on one port, (messages, 5): tick, order, status, data."""
    here = part.port == port
    time, end, pitch, channel = part.time[here], part.end[here], part.pitch[here], part.channel[here]
    count = len(time)
    begins = [time, np.full(count, BEGINS), NOTE_ON << 4 | channel, pitch, np.maximum(part.velocity[here], 1)]
    order = np.where(end > time, ENDS, ENDS_AT_ONCE)
    ends = [end, order, NOTE_OFF << 4 | channel, pitch, np.full(count, _RELEASE_VELOCITY)]
    return np.concatenate([np.stack(begins, axis=1), np.stack(ends, axis=1)])


def _track_chunk(texts: list[Text], messages: np.ndarray) -> bytes:
    """One track of a file.

    Args:
        texts: meta events; at one tick they come before messages.
        messages: (messages, 5): tick, order at one tick, status, first byte of data, second or -1.
    """
    said = np.array([tick for tick, _ in texts], np.int64)
    tick = np.maximum(np.concatenate([said, messages[:, 0]]), 0)
    order = np.lexsort((np.concatenate([np.full(len(said), -1), messages[:, 1]]), tick))
    delta = np.diff(tick[order], prepend=0)
    numbers = _numbers(delta % _MAX_DELTA)
    columns = np.concatenate([numbers, np.concatenate([np.full((len(said), 3), -1), messages[:, 2:]])[order]], axis=1)
    kept = columns >= 0
    stream = columns.astype(np.uint8)[kept].tobytes()
    places = np.append(0, np.cumsum(np.count_nonzero(kept, axis=1)))
    texts_at = np.flatnonzero(order < len(said)) if len(said) else order[:0]
    fillers = delta // _MAX_DELTA
    pieces, done = [], 0
    for index in sorted({*texts_at.tolist(), *np.flatnonzero(fillers).tolist()}):
        pieces += [stream[done : places[index]], _FILLER * int(fillers[index])]
        pieces.append(stream[places[index] : places[index + 1]])
        pieces.append(texts[order[index]][1] if order[index] < len(texts) else b"")
        done = places[index + 1]
    body = b"".join([*pieces, stream[done:], b"\0", _meta(END_OF_TRACK, b"")])
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def _numbers(values: np.ndarray) -> np.ndarray:
    """Numbers of variable length, a row each, as wide as the longest; -1 where a byte is not needed."""
    width = max(-(-int(values.max(initial=1)).bit_length() // 7), 1)
    columns = [values & 0x7F]
    for place in range(1, width):
        digits = values >> 7 * place
        columns.insert(0, np.where(digits > 0, digits & 0x7F | 0x80, -1))
    return np.stack(columns, axis=1)
