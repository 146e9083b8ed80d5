"""Note-on and note-off messages as notes, and pedals. Knows nothing of programs or of Scores."""

from dataclasses import dataclass

import numpy as np

from symbolic_music.score.midi.messages import (
    CONTROL,
    NOTE_OFF,
    NOTE_ON,
    PEDAL,
    PEDAL_DOWN,
    PITCHES,
    SILENCING_CONTROLS,
)
from symbolic_music.score.midi.reading.scan import Events


@dataclass(frozen=True)
class Notes:
    """The notes of a file, one entry each.

    Args:
        message: number of the note-on among the messages.
        duration: in ticks, 0 or more.
        endless: note-ons that nothing ends; they are left out.
    """

    message: np.ndarray
    duration: np.ndarray
    endless: int


def pair_notes(events: Events, channels: np.ndarray) -> Notes:
    """Let each note-off end the oldest note of its pitch that sounds on its channel in its track.

    A note-off that ends nothing is passed over. What no note-off ends lasts until its channel is silenced.

    Args:
        events: of all tracks.
        channels: the channel of each message.
    """
    messages = events.of_kind(NOTE_OFF, NOTE_ON)
    number_of_channels = int(channels.max(initial=0)) + 1
    group = (events.track[messages] * number_of_channels + channels[messages]) * PITCHES + events.first[messages]
    order = np.argsort(group, kind="stable")
    messages, group = messages[order], group[order]
    begins = (events.status[messages] >> 4 == NOTE_ON) & (events.second[messages] > 0)
    ends = _effective_ends(group, begins)
    note_ons, note_offs = messages[begins], messages[ends]
    # The k-th note-on of a group is ended by its k-th note-off.
    rank = _rank(group[begins])
    first_off = np.searchsorted(group[ends], group[begins])
    target = first_off + rank
    ended = target < np.searchsorted(group[ends], group[begins], side="right")
    last = np.full(len(note_ons), -1, np.int64)
    last[ended] = note_offs[target[ended]]
    if not ended.all():
        _silence(events, channels, note_ons, last)
        note_ons, last = note_ons[last >= 0], last[last >= 0]
    return Notes(note_ons, events.tick[last] - events.tick[note_ons], len(ended) - len(note_ons))


def _rank(group: np.ndarray) -> np.ndarray:
    """The number of each entry within its group, for groups that follow each other."""
    return np.arange(len(group)) - np.searchsorted(group, group)


def _effective_ends(group: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Which note-offs find a note that sounds.

    The sum of +1 for each note-on and -1 for each note-off falls to a new low below zero exactly where one finds none.
    """
    if not len(group):
        return begins
    sounding = np.cumsum(np.where(begins, 1, -1))
    starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    lengths = np.diff(np.append(starts, len(group)))
    sounding -= np.repeat(np.append(0, sounding[starts[1:] - 1]), lengths)
    # Far lower from group to group, so that one running minimum serves them all.
    floor = np.repeat(np.arange(len(starts)), lengths) * (2 * len(group) + 2)
    lowest = np.minimum.accumulate(sounding - floor) + floor
    before = np.minimum(np.append(0, lowest[:-1]), 0)
    before[starts] = 0
    return ~begins & (sounding >= before)


def _silence(events: Events, channels: np.ndarray, note_ons: np.ndarray, last: np.ndarray) -> None:
    """End what still sounds at the first message in its track that silences its channel."""
    controls = events.of_kind(CONTROL)
    silencing = controls[np.isin(events.first[controls], SILENCING_CONTROLS)]
    if not len(silencing):
        return
    number_of_channels = int(channels.max()) + 1

    def place(messages: np.ndarray) -> np.ndarray:
        """Messages of one channel of one track beside each other, in their order."""
        return (events.track[messages] * number_of_channels + channels[messages]) * len(channels) + messages

    silencing = silencing[np.argsort(place(silencing))]
    endless = np.flatnonzero(last < 0)
    next_one = np.minimum(np.searchsorted(place(silencing), place(note_ons[endless])), len(silencing) - 1)
    heard, note = silencing[next_one], note_ons[endless]
    same = (heard > note) & (events.track[heard] == events.track[note]) & (channels[heard] == channels[note])
    last[endless[same]] = heard[same]


def pedal_spans(events: Events, channels: np.ndarray) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """When the sustain pedal of each channel is down: start and duration in ticks.

    A pedal that is never lifted is down until the last track ends.
    """
    controls = events.of_kind(CONTROL)
    pedals = controls[events.first[controls] == PEDAL]
    if not len(pedals):
        return {}
    pedals = pedals[np.lexsort((events.place[pedals], events.track[pedals], events.tick[pedals]))]
    spans = {}
    for channel in np.unique(channels[pedals]).tolist():
        chosen = pedals[channels[pedals] == channel]
        down = events.second[chosen] >= PEDAL_DOWN
        tick = events.tick[chosen][down != np.append(False, down[:-1])]
        if len(tick) % 2:
            tick = np.append(tick, max(max(events.ends), tick[-1]))
        if len(tick):
            spans[channel] = (tick[::2], tick[1::2] - tick[::2])
    return spans
