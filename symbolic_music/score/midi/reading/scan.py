"""The bytes of MIDI tracks as arrays of events with their times. Knows nothing of what the events mean.

A track is a chain: where an event begins follows from the one before. A regular expression walks over the long runs of
channel messages, and arrays take them apart, so that no Python runs for a single note.

Source: Standard MIDI Files 1.0 (RP-001), "MTrk events"; MIDI 1.0, "Running Status".
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.midi.messages import END_OF_TRACK

SYSTEM_EXCLUSIVE = -1
"""Stands for system exclusive messages, where meta events have their type."""

# More than music has: each of 100,000 notes may have 18 other messages. More would fill the memory or take minutes.
_MOST_MESSAGES, _MOST_METAS, _MOST_RUNS = 2_000_000, 200_000, 400_000

_TIME = rb"[\x80-\xff]{0,3}+[\x00-\x7f]"
# Runs of messages with two bytes of data, and with one. A status may be left out where it repeats the one before.
_PAIRS = re.compile(rb"(?:" + _TIME + rb"[\x80-\xbf\xe0-\xef]?+[\x00-\x7f]{2})++")
_SINGLES = re.compile(rb"(?:" + _TIME + rb"[\xc0-\xdf]?+[\x00-\x7f])++")
_STATUS = re.compile(_TIME + rb"[\x80-\xff]")
_NUMBER = re.compile(_TIME)
_META, _SYSTEM_EXCLUSIVES = 0xFF, (0xF0, 0xF7)
# System common and real-time messages do not belong in a file; those whose length is known are passed over.
_STRAY_DATA_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0, 0xF8: 0, 0xFA: 0, 0xFB: 0, 0xFC: 0, 0xFE: 0}


class Meta(NamedTuple):
    """A meta event or a system exclusive message.

    Args:
        track: number of its track.
        tick: its time.
        place: where in the file it begins.
        kind: type of the meta event, or `SYSTEM_EXCLUSIVE`.
        data: what it says.
    """

    track: int
    tick: int
    place: int
    kind: int
    data: bytes


@dataclass(frozen=True)
class Events:
    """Everything that the tracks of a file say, in the file's order.

    Args:
        track, tick, place, status, first, second: of each channel message, arrays of shape (messages,); `second` is 0
            for messages with one byte of data.
        metas: the rest.
        ends: the tick at which each track ends.
    """

    track: np.ndarray
    tick: np.ndarray
    place: np.ndarray
    status: np.ndarray
    first: np.ndarray
    second: np.ndarray
    metas: list[Meta]
    ends: list[int]

    def of_kind(self, *nibbles: int) -> np.ndarray:
        """Indices of the channel messages whose status begins so, 0x9 for note-on."""
        high = self.status >> 4
        chosen = high == nibbles[0]
        for nibble in nibbles[1:]:
            chosen |= high == nibble
        return np.flatnonzero(chosen)


class _Runs:
    """What the walk over a file has found: the places of runs of messages, and what was read one by one."""

    def __init__(self) -> None:
        self.pairs: list[tuple[int, int]] = []
        self.singles: list[tuple[int, int]] = []
        self.metas: list[tuple[int, int, bytes]] = []  # track, kind, data
        self.meta_places: list[int] = []
        self.meta_deltas: list[int] = []

    def too_many(self) -> bool:
        """Whether there is more than any music has."""
        return len(self.metas) > _MOST_METAS or len(self.pairs) + len(self.singles) > _MOST_RUNS


def scan_tracks(data: bytes, spans: list[tuple[int, int]], path: Path | None) -> Events:
    """Take the tracks of a MIDI file apart.

    Args:
        data: the file.
        spans: first byte and end of each track.
        path: for errors.

    Raises:
        ScoreError: unreadable, when a track breaks the format.
    """
    runs = _Runs()
    file = np.frombuffer(data, np.uint8)
    for track, (start, end) in enumerate(spans):
        broken = _walk(data, track, start, end, runs)
        if broken is not None:
            found = data[broken : min(broken + 5, end)].hex(" ")
            detail = f"expected a MIDI event at byte {broken}, in track {track + 1}, found {found}"
            raise ScoreError(Refusal.UNREADABLE, path, detail)
        if runs.too_many():
            break
    # A message takes three bytes, or two, at least.
    messages = sum((end - start) // 3 for start, end in runs.pairs)
    messages += sum((end - start) // 2 for start, end in runs.singles)
    if messages > _MOST_MESSAGES or runs.too_many():
        most = f"at most {_MOST_MESSAGES:,} MIDI messages and {_MOST_METAS:,} meta events"
        detail = f"expected {most}, found up to {messages:,} and {len(runs.metas):,} or more"
        raise ScoreError(Refusal.FILE_TOO_LARGE, path, detail)
    return _merged(file, [start for start, _ in spans], runs)


def _walk(data: bytes, track: int, place: int, end: int, runs: _Runs) -> int | None:
    """Pass over a track; the place of what is no event, None where all is well."""
    running: list[tuple[int, int]] | None = None
    while place < end and not runs.too_many():
        led = _STATUS.match(data, place, end)
        status = data[led.end() - 1] if led else None
        if led and status is not None and status >= 0xF0:
            after = _pass_other(data, track, place, led.end(), runs)
            if after is None or after > end:
                return place
            if runs.metas[-1][1] == END_OF_TRACK:
                return None
            place = after
            continue
        if status is not None:
            running = runs.singles if 0xC0 <= status < 0xE0 else runs.pairs
        found = (
            (_SINGLES if running is runs.singles else _PAIRS).match(data, place, end) if running is not None else None
        )
        if running is None or found is None:
            return place
        running.append(found.span())
        place = found.end()
    return None


def _pass_other(data: bytes, track: int, place: int, after_status: int, runs: _Runs) -> int | None:
    """Keep one meta event or system message; where the next event begins, None where this one breaks the format."""
    status = data[after_status - 1]
    kind, start, length = SYSTEM_EXCLUSIVE, after_status, 0
    if status == _META or status in _SYSTEM_EXCLUSIVES:
        if status == _META:
            kind, start = data[start] if start < len(data) else SYSTEM_EXCLUSIVE, start + 1
        found = _NUMBER.match(data, start)
        if found is None:
            return None
        length, start = _number(data[start : found.end()]), found.end()
    elif status in _STRAY_DATA_BYTES:
        start += _STRAY_DATA_BYTES[status]
    else:
        return None
    runs.meta_places.append(place)
    runs.meta_deltas.append(_number(data[place : after_status - 1]))
    runs.metas.append((track, kind, data[start : start + length]))
    return start + length


def _number(variable_length: bytes) -> int:
    value = 0
    for byte in variable_length:
        value = value << 7 | byte & 0x7F
    return value


def _merged(file: np.ndarray, starts: list[int], runs: _Runs) -> Events:
    """All events in the file's order, their times counted from the start of their track."""
    columns = [_taken_apart(file, runs.pairs, 3), _taken_apart(file, runs.singles, 2), _meta_columns(runs)]
    place, delta, status, first, second = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    order = np.argsort(place, kind="stable")
    place, delta, status, first, second = (column[order] for column in (place, delta, status, first, second))
    edges = np.searchsorted(place, starts)
    passed = np.append(0, np.cumsum(delta))
    counts = np.diff(np.append(edges, len(place)))
    track = np.repeat(np.arange(len(starts)), counts)
    tick = passed[1:] - np.repeat(passed[edges], counts)
    ends = [
        int(passed[edge + count] - passed[edge]) for edge, count in zip(edges.tolist(), counts.tolist(), strict=True)
    ]
    channel = status > 0
    times = zip(runs.metas, tick[~channel].tolist(), runs.meta_places, strict=True)
    metas = [Meta(number, at, where, kind, text) for (number, kind, text), at, where in times]
    if len(metas):
        track, tick, place, status, first, second = (
            column[channel] for column in (track, tick, place, status, first, second)
        )
    return Events(track, tick, place, status, first, second, metas, ends)


def _taken_apart(file: np.ndarray, runs: list[tuple[int, int]], low_bytes: int) -> tuple[np.ndarray, ...]:
    """Place, delta, status and data of the messages in runs.

    Of the bytes of a message only those before the last of its time and its status have the high bit: the others come
    in groups of `low_bytes`, the last byte of the time and then the data.
    """
    if not runs:
        return (np.empty(0, np.int64),) * 2 + (np.empty(0, np.uint8),) * 3
    begins, ends = np.array(runs).T
    text = np.concatenate([file[begin:end] for begin, end in runs])
    low = np.flatnonzero(text < 0x80).reshape(-1, low_bytes)
    time, data = low[:, 0], low[:, 1]
    lead = time - np.append(-1, low[:-1, -1]) - 1
    delta = text[time].astype(np.int64)
    for place in range(1, int(lead.max()) + 1):
        delta += np.where(lead >= place, (text[np.maximum(time - place, 0)].astype(np.int64) & 0x7F) << 7 * place, 0)
    stated = data - time == 2
    in_force = np.maximum.accumulate(np.where(stated, np.arange(len(low)), 0))
    status = text[data - 1][in_force]
    moved = np.cumsum(ends - begins)
    place = time - lead + np.repeat(ends - moved, np.diff(np.append(0, np.searchsorted(time, moved))))
    second = text[low[:, 2]] if low_bytes == 3 else np.zeros(len(low), np.uint8)
    return place, delta, status, text[data], second


def _meta_columns(runs: _Runs) -> tuple[np.ndarray, ...]:
    """The same columns for what was read one by one; the status is 0."""
    nothing = np.zeros(len(runs.metas), np.uint8)
    return np.array(runs.meta_places, np.int64), np.array(runs.meta_deltas, np.int64), nothing, nothing, nothing
