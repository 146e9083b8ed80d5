"""How the channels of a file are set as it plays: programs, controllers, pedals, pitch bends. Knows nothing of bytes.

A program is said once at the start of each track where its channel has no other, else before the notes that need it.
"""

import numpy as np
from symusic.core import TrackTick

from symbolic_music.score.midi.messages import (
    CHANNELS_PER_PORT,
    CONTROL,
    PARAMETER_CONTROLS,
    PEDAL,
    PITCH_BEND,
    PITCH_BEND_CENTRE,
    PROGRAM,
)
from symbolic_music.score.midi.writing.deal import Part

# The order of events at one tick: notes end before others begin; a note without length ends at last.
ENDS, SETS, BEGINS, ENDS_AT_ONCE = range(4)

_PEDAL_UP, _PEDAL_DOWN = 0, 127
# Volume, pan and expression; other controllers begin at 0 (General MIDI 2, "Reset All Controllers").
_DEFAULTS = {7: 100, 10: 64, 11: 127}
_BEND = -1
"""Stands for the pitch bend among the numbers of controllers."""


def channel_settings(parts: list[Part]) -> list[np.ndarray]:
    """What sets the channels of each part, (messages, 6): port, tick, order at one tick, status, data; -1 for none."""
    programs = _programs_by_channel(parts)
    shared = {key for key, found in programs.items() if len(found) > 1}
    needed = _program_changes(parts)
    settings = []
    for part, notes in zip(parts, needed, strict=True):
        steering = _steering(part.track)
        rows = [_on_channels(part, steering)]
        for note in notes.tolist():
            key = (int(part.port[note]), int(part.channel[note]))
            tick = int(part.time[note]) if key in shared else 0
            rows.append(np.array([[key[0], tick, SETS, PROGRAM << 4 | key[1], part.track.program, -1]]))
            if key in shared:
                rows.append(_restored(steering, _steered(programs[key]), tick, *key))
        settings.append(np.concatenate(rows[1:] + rows[:1]))
    return settings


def _programs_by_channel(parts: list[Part]) -> dict[tuple[int, int], dict[int, list[TrackTick]]]:
    """The programs that each channel of each port plays, and their tracks."""
    found: dict[tuple[int, int], dict[int, list[TrackTick]]] = {}
    for part in parts:
        for key in np.unique(part.port * CHANNELS_PER_PORT + part.channel).tolist():
            programs = found.setdefault(divmod(key, CHANNELS_PER_PORT), {})
            programs.setdefault(part.track.program, []).append(part.track)
    return found


def _program_changes(parts: list[Part]) -> list[np.ndarray]:
    """The notes of each part that need a program change before them, by number.

    The first on each channel of a part, for readers that take tracks one by one; and any whose channel last played
    another program, for those that merge them.
    """
    if not parts:
        return []
    owner = np.repeat(np.arange(len(parts)), [len(part.time) for part in parts])
    number = np.concatenate([np.arange(len(part.time)) for part in parts])
    channel = np.concatenate([part.port * CHANNELS_PER_PORT + part.channel for part in parts])
    time = np.concatenate([part.time for part in parts])
    program = np.array([part.track.program for part in parts])[owner]
    order = np.lexsort((number, owner, time, channel))
    changed = np.append(True, (np.diff(channel[order]) != 0) | (np.diff(program[order]) != 0))
    _, first = np.unique(owner * (int(channel.max()) + 1) + channel, return_index=True)
    needed = np.union1d(order[changed], first)
    return [number[needed[owner[needed] == part]] for part in range(len(parts))]


def _steering(track: TrackTick) -> np.ndarray:
    """Controllers and pitch bends of a track, (events, 3): tick, number or -1, value.

    A track without the pedal's controller gets it from its pedals.
    """
    controls, bends, pedals = track.controls.numpy(), track.pitch_bends.numpy(), track.pedals.numpy()
    columns = [[controls["time"], controls["number"], controls["value"]]]
    columns.append([bends["time"], np.full(len(bends["time"]), _BEND), bends["value"] + PITCH_BEND_CENTRE])
    if not (controls["number"] == PEDAL).any():
        lifted = pedals["time"] + pedals["duration"]
        # A pedal that is lifted and pressed at one tick is lifted first.
        for tick, value in ((lifted, _PEDAL_UP), (pedals["time"], _PEDAL_DOWN)):
            columns.append([tick, np.full(len(tick), PEDAL), np.full(len(tick), value)])
    rows = np.concatenate([np.stack(column, axis=1).astype(np.int64) for column in columns])
    return rows[np.argsort(rows[:, 0], kind="stable")]


def _on_channels(part: Part, steering: np.ndarray) -> np.ndarray:
    """A track's controllers and pitch bends, on the channel that it plays on at the time or will play on first."""
    note = np.maximum(np.searchsorted(part.time, steering[:, 0], side="right") - 1, 0)
    return _messages(part.port[note], part.channel[note], steering)


def _messages(port: np.ndarray, channel: np.ndarray, steering: np.ndarray) -> np.ndarray:
    tick, number, value = steering.T
    bend = number == _BEND
    status = np.where(bend, PITCH_BEND, CONTROL) << 4 | channel
    first, second = np.where(bend, value & 0x7F, number), np.where(bend, value >> 7, value)
    return np.stack([port, tick, np.full(len(tick), SETS), status, first, second], axis=1)


def _steered(tracks: dict[int, list[TrackTick]]) -> set[int]:
    """The controllers of tracks that mean something by themselves, and -1 where there are pitch bends."""
    rows = [_steering(track) for found in tracks.values() for track in found]
    return {int(number) for row in rows for number in np.unique(row[:, 1])} - set(PARAMETER_CONTROLS)


def _restored(steering: np.ndarray, numbers: set[int], tick: int, port: int, channel: int) -> np.ndarray:
    """What a track had set so far, for a channel that another program steered meanwhile."""
    before = steering[steering[:, 0] < tick]
    values = {number: PITCH_BEND_CENTRE if number == _BEND else _DEFAULTS.get(number, 0) for number in numbers}
    values |= {int(number): int(value) for _, number, value in before if int(number) in numbers}
    rows = np.array([[tick, number, value] for number, value in sorted(values.items())], np.int64).reshape(-1, 3)
    return _messages(np.full(len(rows), port), np.full(len(rows), channel), rows)
