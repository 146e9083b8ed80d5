"""What each MIDI channel plays at any time: its program, and whether it plays drums.

A channel is one whatever track speaks to it: a program set in one track holds for the notes of another. Knows nothing
of notes.

Sources: MIDI 1.0, "Program Change", "Bank Select"; General MIDI 1 (channel 10 plays drums); meta event 21 of Standard
MIDI Files (the port); General MIDI 2, section 3.2 (banks 120 and 121); Roland GS, "Use for Rhythm Part", address 40 1x
15; Yamaha XG, banks 126 and 127 and "Part Mode", address 08 nn 07.
"""

import re
from dataclasses import dataclass

import numpy as np

from symbolic_music.score.midi.messages import (
    BANK_SELECT,
    CHANNELS_PER_PORT,
    CONTROL,
    DRUM_CHANNEL,
    PORT,
    PROGRAM,
    PROGRAMS,
)
from symbolic_music.score.midi.reading.scan import SYSTEM_EXCLUSIVE, Events

# Of the three answers to "drums?" the first leaves it to the channel's number.
_UNSAID, _DRUMS, _MELODY = 0, 1, 2
_XG_ON = re.compile(rb"\x43[\x10-\x1f]\x4c\x00\x00\x7e\x00", re.DOTALL)
_XG_PART_MODE = re.compile(rb"\x43[\x10-\x1f]\x4c\x08([\x00-\x1f])\x07([\x00-\x7f])", re.DOTALL)
_GS = re.compile(rb"\x41[\x00-\x7f]\x42\x12", re.DOTALL)
_GS_RHYTHM_PART = re.compile(rb"\x41[\x00-\x7f]\x42\x12([\x40\x50])([\x10-\x1f])\x15([\x00-\x02])", re.DOTALL)
_GM2_ON = re.compile(rb"\x7e[\x00-\x7f]\x09\x03", re.DOTALL)
_XG_DRUM_BANKS, _GM2_DRUM_BANK, _GM2_MELODY_BANK = (126, 127), 120, 121
# Places fill 25 bits (files have at most 16 MiB), which leaves 37 for twice the tick.
_PLACE_BITS = 25


def channel_numbers(events: Events) -> np.ndarray:
    """The channel of each message, 16 for each port: (messages,) int64, 0 to 15 where a file names no port."""
    numbers = (events.status & 0x0F).astype(np.int64)
    ports = [meta for meta in events.metas if meta.kind == PORT and len(meta.data) == 1]
    if not any(meta.data[0] for meta in ports):
        return numbers
    last = np.searchsorted([meta.place for meta in ports], events.place) - 1
    said = np.array([meta.data[0] for meta in ports])[last]
    in_track = (last >= 0) & (np.array([meta.track for meta in ports])[last] == events.track)
    return numbers + CHANNELS_PER_PORT * np.where(in_track, said, 0)


@dataclass(frozen=True)
class _Changes:
    """Changes of one thing on one channel, in the order of their ticks, tracks and places."""

    tick: np.ndarray
    track: np.ndarray
    place: np.ndarray
    value: np.ndarray

    def in_force(self, track: int, tick: np.ndarray, place: np.ndarray) -> np.ndarray:
        """What holds at events of a track; 0 before the first change.

        Tracks of a file sound together, so nothing says which of two changes at one tick in two tracks comes first:
        then a track's own counts for its notes. So files whose tracks share a channel and each set its program at
        their start, as many programs write them, keep a program for each track.
        """
        own = self.track == track
        key = self.tick << 1 | own
        key = key << _PLACE_BITS | np.where(own, self.place, 0)
        order = np.argsort(key, kind="stable")
        last = np.searchsorted(key[order], (tick << 1 | 1) << _PLACE_BITS | place)
        return np.append(0, self.value[order])[last]


class ChannelStates:
    """What the channels of a file play.

    Args:
        events: of all tracks.
        channels: the channel of each message, from `channel_numbers`.
    """

    def __init__(self, events: Events, channels: np.ndarray):
        self._programs = _program_changes(events, channels)
        self._modes = _mode_changes(events, channels)

    def instruments(self, channel: int, track: int, tick: np.ndarray, place: np.ndarray) -> np.ndarray:
        """What a channel plays at events of a track, (events,) int64: the program, and 128 more for drums."""
        programs = self._programs.get(channel)
        said = programs.in_force(track, tick, place) if programs else np.zeros(len(tick), np.int64)
        program, drums = said % PROGRAMS, said // PROGRAMS
        if channel in self._modes:
            mode = self._modes[channel].in_force(track, tick, place)
            drums = np.where(mode == _UNSAID, drums, mode)
        if channel % CHANNELS_PER_PORT == DRUM_CHANNEL:
            drums = np.where(drums == _UNSAID, _DRUMS, drums)
        return program + PROGRAMS * (drums == _DRUMS)


def _program_changes(events: Events, channels: np.ndarray) -> dict[int, _Changes]:
    """The program changes of each channel; the value is the program and 128 times what its bank says of drums."""
    found = events.of_kind(PROGRAM)
    value = events.first[found].astype(np.int64)
    value += PROGRAMS * _said_by_banks(events, channels, found)
    order = np.lexsort((events.place[found], events.track[found], events.tick[found]))
    changes: dict[int, _Changes] = {}
    for channel in np.unique(channels[found]).tolist():
        chosen = order[channels[found][order] == channel]
        at = found[chosen]
        changes[channel] = _Changes(events.tick[at], events.track[at], events.place[at], value[chosen])
    return changes


def _said_by_banks(events: Events, channels: np.ndarray, programs: np.ndarray) -> np.ndarray:
    """For each program change, whether the bank chosen for it holds drums."""
    said = np.zeros(len(programs), np.int64)
    controls = events.of_kind(CONTROL)
    banks = controls[events.first[controls] == BANK_SELECT]
    meaning = _meaning_of_banks(events)
    if not np.isin(events.second[banks], list(meaning)).any():
        return said
    both = np.concatenate([banks, programs])
    where = np.concatenate([np.full(len(banks), -1), np.arange(len(programs))])
    order = np.lexsort((events.place[both], events.track[both], events.tick[both]))
    chosen: dict[int, int] = {}
    for index, number in zip(both[order].tolist(), where[order].tolist(), strict=True):
        channel = int(channels[index])
        if number < 0:
            chosen[channel] = meaning.get(int(events.second[index]), _UNSAID)
        else:
            said[number] = chosen.get(channel, _UNSAID)
    return said


def _meaning_of_banks(events: Events) -> dict[int, int]:
    """What the banks of drums are, by the standard that the file switches on; all of them where it names none."""
    messages = [meta.data for meta in events.metas if meta.kind == SYSTEM_EXCLUSIVE]
    xg, gs, gm2 = (any(pattern.match(data) for data in messages) for pattern in (_XG_ON, _GS, _GM2_ON))
    unnamed = not (xg or gs or gm2)
    meaning = dict.fromkeys(_XG_DRUM_BANKS, _DRUMS) if xg or unnamed else {}
    if gm2 or unnamed:
        meaning[_GM2_DRUM_BANK] = _DRUMS
    if gm2:
        meaning[_GM2_MELODY_BANK] = _MELODY
    return meaning


def _mode_changes(events: Events, channels: np.ndarray) -> dict[int, _Changes]:
    """Channels that GS or XG messages turn into drums or back."""
    found: dict[int, list[tuple[int, int, int, int]]] = {}
    for meta in events.metas:
        if meta.kind != SYSTEM_EXCLUSIVE:
            continue
        if gs := _GS_RHYTHM_PART.match(meta.data):
            channel, drums = _gs_channel(gs[2][0] & 0x0F) + CHANNELS_PER_PORT * (gs[1] == b"\x50"), gs[3][0] > 0
        elif xg := _XG_PART_MODE.match(meta.data):
            channel, drums = xg[1][0], xg[2][0] > 0
        else:
            continue
        found.setdefault(channel, []).append((meta.tick, meta.track, meta.place, _DRUMS if drums else _MELODY))
    return {channel: _Changes(*np.array(sorted(rows), np.int64).T) for channel, rows in found.items()}


def _gs_channel(block: int) -> int:
    """Blocks 1 to 9 are channels 1 to 9, block 0 is channel 10, blocks A to F are channels 11 to 16; from 0 here."""
    if block == 0:
        return DRUM_CHANNEL
    return block - 1 if block <= DRUM_CHANNEL else block
