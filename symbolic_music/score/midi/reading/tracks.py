"""The events of a MIDI file -> the tracks of a Score. Knows nothing of bytes, tempos or meters.

A Score's track is what one track of the file plays on one channel with one program: a note has the program in force at
its onset. Controllers and pitch bends go to the tracks that they sound on; a channel's pedal goes to all its tracks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from symusic.core import (
    ControlChangeTickList,
    NoteTickList,
    PedalTickList,
    PitchBendTickList,
    TextMetaTick,
    TextMetaTickList,
    TrackTick,
)

from symbolic_music.score.midi.messages import (
    CONTROL,
    LYRIC,
    PARAMETER_CONTROLS,
    PITCH_BEND,
    PITCH_BEND_CENTRE,
    PROGRAMS,
    TRACK_NAME,
)
from symbolic_music.score.midi.reading.channels import ChannelStates
from symbolic_music.score.midi.reading.meta import decode_text
from symbolic_music.score.midi.reading.notes import Notes, pedal_spans
from symbolic_music.score.midi.reading.scan import Events, Meta


@dataclass(frozen=True)
class _Group:
    """Notes of one track of the file, on one channel, with one program.

    Args:
        track: number of the file's track.
        channel: its channel.
        instrument: its program, and 128 more for drums.
        notes: the notes.
        first_message: number of its first note-on among the messages.
    """

    track: int
    channel: int
    instrument: int
    notes: NoteTickList
    first_message: int


def score_tracks(events: Events, channels: np.ndarray, notes: Notes) -> list[TrackTick]:
    """The tracks of a Score, in the order of the file's tracks, then of channels, then of programs.

    Args:
        events: of all tracks.
        channels: the channel of each message.
        notes: the file's notes.
    """
    states = ChannelStates(events, channels)
    groups = list(_groups(events, channels, notes, states))
    names = {meta.track: decode_text(meta.data) for meta in events.metas if meta.kind == TRACK_NAME}
    tracks = []
    for group in groups:
        drums, program = divmod(group.instrument, PROGRAMS)
        track = TrackTick(names.get(group.track, ""), program, bool(drums))
        track.notes = group.notes
        tracks.append(track)
    _add_controls(events, channels, states, groups, tracks)
    _add_pedals(events, channels, groups, tracks)
    return _with_lyrics(events.metas, names, groups, tracks)


def _groups(events: Events, channels: np.ndarray, notes: Notes, states: ChannelStates) -> Iterator[_Group]:
    message = notes.message
    instrument = _instruments(events, channels, message, states)
    part = (events.track[message] * (int(channels.max(initial=0)) + 1) + channels[message]) * 2 * PROGRAMS + instrument
    time, pitch = events.tick[message], events.first[message]
    # Notes that begin together stand in the order of the file.
    order = np.lexsort((message, part))
    message, part, instrument = message[order], part[order], instrument[order]
    columns = (
        time[order].astype(np.int32),
        notes.duration[order].astype(np.int32),
        pitch[order].astype(np.int8),
        events.second[message].astype(np.int8),
    )
    edges = np.flatnonzero(np.diff(part, prepend=-1)).tolist()
    for first, end in zip(edges, [*edges[1:], len(part)][: len(edges)], strict=True):
        yield _Group(
            int(events.track[message[first]]),
            int(channels[message[first]]),
            int(instrument[first]),
            NoteTickList.from_numpy(*(column[first:end] for column in columns)),
            int(message[first]),
        )


def _parts(events: Events, channels: np.ndarray, messages: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """The messages of each channel of each track, in their order: track, channel, which of `messages`."""
    if not len(messages):
        return
    part = events.track[messages] * (int(channels.max()) + 1) + channels[messages]
    order = np.argsort(part, kind="stable")
    for chosen in np.split(order, np.flatnonzero(np.diff(part[order])) + 1):
        first = messages[chosen[0]]
        yield int(events.track[first]), int(channels[first]), chosen


def _instruments(events: Events, channels: np.ndarray, messages: np.ndarray, states: ChannelStates) -> np.ndarray:
    """What plays at each message: the program, and 128 more for drums."""
    found = np.zeros(len(messages), np.int64)
    for track, channel, chosen in _parts(events, channels, messages):
        at = messages[chosen]
        found[chosen] = states.instruments(channel, track, events.tick[at], events.place[at])
    return found


def _add_controls(
    events: Events, channels: np.ndarray, states: ChannelStates, groups: list[_Group], tracks: list[TrackTick]
) -> None:
    """Give controllers and pitch bends to the tracks that they sound on."""
    messages = events.of_kind(CONTROL, PITCH_BEND)
    places: dict[tuple[int, int], list[int]] = {}
    first_on_channel: dict[int, int] = {}
    for number, group in enumerate(groups):
        places.setdefault((group.track, group.channel), []).append(number)
        first_on_channel.setdefault(group.channel, number)
    heard: dict[int, list[np.ndarray]] = {}
    for track, channel, chosen in _parts(events, channels, messages):
        at = messages[chosen]
        here = places.get((track, channel), [])
        if len(here) > 1:
            instrument = states.instruments(channel, track, events.tick[at], events.place[at])
            first = min(groups[number].first_message for number in here)
            for number in here:
                own = (instrument == groups[number].instrument) | (at < first)
                at_start = _last_settings(events, at[~own & (at < groups[number].first_message)])
                heard.setdefault(number, []).append(np.union1d(at[own], at_start))
        elif here or channel in first_on_channel:
            # A track that only steers a channel steers what plays there first.
            heard.setdefault(here[0] if here else first_on_channel[channel], []).append(at)
    for number, parts in heard.items():
        at = np.concatenate(parts)
        _set_controls(tracks[number], events, at[np.argsort(events.tick[at], kind="stable")])


def _last_settings(events: Events, messages: np.ndarray) -> np.ndarray:
    """What a channel is left at by the last program: the last pitch bend and the last value of each controller.

    Not of those that set parameters, which mean something in their sequence only.
    """
    bend = events.status[messages] >> 4 == PITCH_BEND
    number = np.where(bend, -1, events.first[messages].astype(np.int64))
    kept = ~np.isin(number, PARAMETER_CONTROLS)
    _, last = np.unique(number[kept][::-1], return_index=True)
    return messages[kept][::-1][last]


def _set_controls(track: TrackTick, events: Events, messages: np.ndarray) -> None:
    bend = events.status[messages] >> 4 == PITCH_BEND
    controls, bends = messages[~bend], messages[bend]
    if len(controls):
        columns = (events.tick[controls].astype(np.int32), events.first[controls], events.second[controls])
        track.controls = ControlChangeTickList.from_numpy(*columns)
    if len(bends):
        value = events.first[bends].astype(np.int32) + (events.second[bends].astype(np.int32) << 7)
        track.pitch_bends = PitchBendTickList.from_numpy(
            events.tick[bends].astype(np.int32), value - PITCH_BEND_CENTRE
        )


def _add_pedals(events: Events, channels: np.ndarray, groups: list[_Group], tracks: list[TrackTick]) -> None:
    spans = pedal_spans(events, channels)
    for group, track in zip(groups, tracks, strict=True):
        if group.channel not in spans:
            continue
        start, duration = spans[group.channel]
        notes = group.notes.numpy()
        # What is down while the track sounds; more would be many times as much where a channel has many programs.
        first = np.searchsorted(start + duration, notes["time"][0], side="right")
        last = np.searchsorted(start, (notes["time"] + notes["duration"]).max())
        columns = (column[first:last].astype(np.int32) for column in (start, duration))
        track.pedals = PedalTickList.from_numpy(*columns)


def _with_lyrics(
    metas: list[Meta], names: dict[int, str], groups: list[_Group], tracks: list[TrackTick]
) -> list[TrackTick]:
    """The words of a track of the file go to the first of its tracks; words without notes are a track of their own."""
    owner: dict[int, TrackTick] = {}
    for group, track in zip(groups, tracks, strict=True):
        owner.setdefault(group.track, track)
    placed = [(group.track, track) for group, track in zip(groups, tracks, strict=True)]
    words: dict[int, list[TextMetaTick]] = {}
    for meta in metas:
        if meta.kind == LYRIC and (text := decode_text(meta.data)):
            words.setdefault(meta.track, []).append(TextMetaTick(meta.tick, text))
    for number, texts in words.items():
        if number not in owner:
            owner[number] = TrackTick(names.get(number, ""), 0, False)
            placed.append((number, owner[number]))
        owner[number].lyrics = TextMetaTickList(texts)
    return [track for _, track in sorted(placed, key=lambda pair: pair[0])]
