"""Which MIDI channel plays which notes: channels are dealt by program. Knows nothing of bytes.

A channel has one program at a time, and a port has 15 channels besides the one of drums. Tracks of one program share a
channel, unless they would be in each other's way: they strike a pitch that the other holds, or they are steered
differently. Up to 15 programs have channels for the whole piece. Of more programs each has a channel while it sounds,
and only where more than 15 sound at once a second port is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from symusic.core import NoteTickList, TrackTick, TrackTickList
from symusic.core import ScoreTick as Score

from symbolic_music.score.midi.messages import CHANNELS_PER_PORT, DRUM_CHANNEL

CHANNELS = tuple(channel for channel in range(CHANNELS_PER_PORT) if channel != DRUM_CHANNEL)
"""The channels of a port that play melodies."""
_MOST_LAYERS = 16


@dataclass
class Part:
    """Notes that one track of a file can hold so that each note-off ends the right note.

    Args:
        track: the track of the Score that they come from.
        time, duration, pitch, velocity: of each note, in the order of onsets and then of ends.
        port: of each note, filled in by `deal_channels`.
        channel: likewise.
    """

    track: TrackTick
    time: np.ndarray
    duration: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    port: np.ndarray = field(init=False)
    channel: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.port = np.zeros(len(self.time), np.int64)
        self.channel = np.full(len(self.time), DRUM_CHANNEL)

    @property
    def end(self) -> np.ndarray:
        """The tick at which each note ends."""
        return self.time + self.duration


def deal_channels(score: Score) -> list[Part]:
    """The notes of a Score by the tracks of a file, each with its port and channel; drums on channel 10."""
    parts = [part for track in score.tracks if len(track.notes) for part in _layers(track)]
    melodic = [part for part in parts if not part.track.is_drum]
    programs = list(dict.fromkeys(part.track.program for part in melodic))
    if len(programs) <= len(CHANNELS):
        _deal_for_good(melodic, len(programs))
    else:
        _deal_while_sounding(melodic)
    return parts


def count_ports(score: Score) -> int:
    """The ports that a Score needs in a MIDI file: 1, unless more than 15 programs sound at once."""
    if len({track.program for track in score.tracks if not track.is_drum}) <= len(CHANNELS):
        return 1
    return 1 + max((int(part.port.max()) for part in deal_channels(score)), default=0)


def split_ports(score: Score) -> list[Score]:
    """The Score in parts of one port each, for players that know no ports; the Score itself where one is enough."""
    ports = count_ports(score)
    if ports == 1:
        return [score]
    parts = deal_channels(score)
    return [_on_port(score, parts, port) for port in range(ports)]


def _on_port(score: Score, parts: list[Part], port: int) -> Score:
    split = score.copy()
    split.tracks = TrackTickList([])
    for part in parts:
        here = part.port == port
        columns = [column[here].astype(np.int32) for column in (part.time, part.duration)]
        columns += [column[here].astype(np.int8) for column in (part.pitch, part.velocity)]
        track = part.track.copy()
        track.notes = NoteTickList.from_numpy(*columns)
        split.tracks.append(track)
    return split


def _layers(track: TrackTick) -> Iterator[Part]:
    """A track's notes, apart where one begins and ends while another of its pitch sounds.

    Of notes of one pitch, the first to begin is the first that a note-off ends.
    """
    notes = track.notes.numpy()
    columns = [notes[name].astype(np.int64) for name in ("time", "duration", "pitch", "velocity")]
    time, duration, pitch, _ = columns
    order = np.lexsort((time + duration, time, pitch))
    columns = [column[order] for column in columns]
    for layer in range(_MOST_LAYERS):
        time, duration, pitch, _ = columns
        if not len(time):
            return
        apart = pitch * (int((time + duration).max()) + 1)
        end = time + duration + apart
        in_turn = end >= np.maximum.accumulate(end)
        if layer == _MOST_LAYERS - 1:
            in_turn[:] = True
        chosen = np.flatnonzero(in_turn)
        chosen = chosen[np.lexsort((pitch[chosen], (time + duration)[chosen], time[chosen]))]
        yield Part(track, *(column[chosen] for column in columns))
        columns = [column[~in_turn] for column in columns]


def _deal_for_good(parts: list[Part], programs: int) -> None:
    """Give each part one channel: that of its program, or a spare one where it would be in the way there."""
    spare = len(CHANNELS) - programs
    taken: list[list[Part]] = []
    by_program: dict[int, list[int]] = {}
    for part in parts:
        own = by_program.setdefault(part.track.program, [])
        free = [number for number in own if not any(_in_the_way(part, other) for other in taken[number])]
        if not free and (not own or spare):
            spare -= bool(own)
            own.append(len(taken))
            taken.append([])
            free = own[-1:]
        number = (free or own)[0]
        taken[number].append(part)
        part.channel[:] = CHANNELS[number]


def _in_the_way(part: Part, other: Part) -> bool:
    """Whether two parts of one program need a channel each."""
    return not _steered_alike(part.track, other.track) or _meet(part, other)


def _steered_alike(track: TrackTick, other: TrackTick) -> bool:
    return track.controls == other.controls and track.pitch_bends == other.pitch_bends and track.pedals == other.pedals


def _meet(part: Part, other: Part) -> bool:
    """Whether one strikes a pitch that the other holds, or lets go of at the same tick."""
    if part.end.max() < other.time.min() or other.end.max() < part.time.min():
        return False
    time, end, pitch = (
        np.concatenate([getattr(part, name), getattr(other, name)]) for name in ("time", "end", "pitch")
    )
    mine = np.arange(len(time)) < len(part.time)
    apart = pitch * (int(end.max()) + 1)
    order = np.argsort(time + apart, kind="stable")
    time, end, mine = (time + apart)[order], (end + apart)[order], mine[order]
    # The latest end of each one's notes so far; a note of the other meets it when it begins no later.
    for held, struck in ((mine, ~mine), (~mine, mine)):
        latest = np.maximum.accumulate(np.where(held, end, -1))
        if (latest[struck] >= time[struck]).any():
            return True
    return False


def _deal_while_sounding(parts: list[Part]) -> None:
    """Give each program a channel for as long as it sounds: the one it had, a fresh one, or the one idle longest."""
    by_program: dict[int, list[Part]] = {}
    for part in parts:
        by_program.setdefault(part.track.program, []).append(part)
    lanes: list[tuple[int, int]] = []  # program and end of what sounded there last
    spans = [span for program, sounding in by_program.items() for span in _spans(sounding, program)]
    for start, end, program in sorted(spans):
        lane = _choose_lane(lanes, program, start)
        lanes[lane : lane + 1] = [(program, end)]
        for part in by_program[program]:
            inside = (part.time >= start) & (part.time <= end)
            part.port[inside] = lane // len(CHANNELS)
            part.channel[inside] = CHANNELS[lane % len(CHANNELS)]


def _spans(parts: list[Part], program: int) -> Iterator[tuple[int, int, int]]:
    """From when until when a program sounds without a rest: start, end, program."""
    time = np.concatenate([part.time for part in parts])
    order = np.argsort(time, kind="stable")
    time = time[order]
    latest = np.maximum.accumulate(np.concatenate([part.end for part in parts])[order])
    rests = np.flatnonzero(time[1:] > latest[:-1])
    for first, last in zip([0, *(rests + 1).tolist()], [*rests.tolist(), len(time) - 1], strict=True):
        yield int(time[first]), int(latest[last]), program


def _choose_lane(lanes: list[tuple[int, int]], program: int, start: int) -> int:
    """Number of a lane that is idle from `start` on; lanes beyond 15 are of further ports."""
    idle = [number for number, (_, end) in enumerate(lanes) if end < start]
    own = [number for number in idle if lanes[number][0] == program]
    if own:
        return own[0]
    if len(lanes) < len(CHANNELS) or not idle:
        return len(lanes)
    return min(idle, key=lambda number: lanes[number][1])
