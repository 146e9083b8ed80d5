"""A piece that goes on: its first bars as they were given, behind them what a model wrote. Pure Score -> Score.

What a model writes behind a given piece holds that piece once more, on the model's grid and without what its notation
leaves out: loudness, timing, controllers. Here the given bars are put back. Knows nothing of models or of events.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from symusic.core import ControlChangeTick, NoteTick, NoteTickList, PitchBendTick, TrackTick, TrackTickList
from symusic.core import ScoreTick as Score

from symbolic_music.score.bars import bar_start, bar_table
from symbolic_music.score.midi.messages import PEDAL
from symbolic_music.score.programs import DRUMS
from symbolic_music.score.transforms.edit import cut_bars, median_velocity

# A written note is the given one of its pitch that begins within a sixteenth: grids move notes by less.
_NEAR = 4
# A note that begins so many parts of a quarter note before a bar, and is held into it for longer, is played early.
_EARLY = 8


def first_bars(score: Score, num_bars: int) -> Score:
    """The bars that a model goes on from: a note of the next one that is played early is not among them.

    Args:
        score: has notes.
        num_bars: 1 or more; bars behind the last are not there.
    """
    opening, bars = cut_bars(score, 0, num_bars), bar_table(score)
    last = min(num_bars, len(bars)) - 1
    end = int(bars.starts[last] + bars.lengths[last])
    for track, whole in zip(opening.tracks, score.tracks, strict=True):
        early = {
            (note.time, note.pitch)
            for note in whole.notes
            if 0 < (end - note.time) * _EARLY <= score.ticks_per_quarter and note.end - end > end - note.time
        }
        if early:
            track.notes = NoteTickList([note for note in track.notes if (note.time, note.pitch) not in early])
    return opening


def with_given_bars(given: Score, num_bars: int, written: Score) -> Score:
    """The first bars of one Score, and behind them the later bars of another that goes on from them.

    The given bars keep their timing, loudness and controllers; a note that was held over their end may be held on, and
    pedals and pitch bends end with them. New notes go to the track that plays what their own track plays in the given
    bars, or to a new one. Where all that is written is equally loud, they are as loud as that track's given notes.

    Args:
        given: the piece that was continued; has notes.
        num_bars: how many of its bars stay, 1 or more; bars behind its last are empty.
        written: its first `num_bars` bars are the given ones; what follows is new.

    Returns:
        The whole, in ticks of `given`.
    """
    opening = first_bars(given, num_bars)
    starts = bar_start(opening, num_bars), bar_start(written, num_bars)
    clock = _Clock(*starts, given.ticks_per_quarter, written.ticks_per_quarter)
    for track in opening.tracks:
        _end_with(track, clock.here)
    velocities = {note.velocity for track in written.tracks for note in track.notes}
    given_notes = [note for track in opening.tracks for note in track.notes]
    usual = median_velocity(given_notes, max(velocities, default=0))
    new: list[tuple[TrackTick, list[NoteTick]]] = [(track, []) for track in opening.tracks]
    for source in written.tracks:
        track, notes = _part_of(source, new, clock)
        loudness = median_velocity(track.notes, usual) if len(velocities) == 1 else None
        _hold_on(track, source, clock)
        notes += [_moved_note(note, clock, loudness) for note in source.notes if note.time >= clock.there]
    for track, notes in new:
        track.notes.extend(NoteTickList(sorted(notes, key=lambda note: note.time)))
    opening.tracks.extend(TrackTickList([track for track, notes in new[len(opening.tracks) :] if notes]))
    for events, others, value in (
        (opening.tempos, written.tempos, lambda tempo: tempo.mspq),
        (opening.key_signatures, written.key_signatures, lambda key: (key.key, key.tonality)),
        (opening.time_signatures, written.time_signatures, lambda meter: (meter.numerator, meter.denominator)),
    ):
        for event in _changes(others, clock, value):
            events.append(event)
    return opening


@dataclass(frozen=True)
class _Clock:
    """Where the new bars begin, and how ticks of the written Score become those of the given one.

    Attributes:
        here: in the given Score.
        there: in the written one.
        given: ticks of a quarter note in the given Score.
        written: in the written one.
    """

    here: int
    there: int
    given: int
    written: int

    def tick(self, time: int) -> int:
        """The nearest tick of the given Score."""
        return self.here + (2 * (time - self.there) * self.given + self.written) // (2 * self.written)


def _end_with(track: TrackTick, end: int) -> None:
    """Let nothing sound on behind the given bars that no new note could know of."""
    for pedal in track.pedals:
        pedal.duration = min(pedal.duration, end - pedal.time)
    held = [control.value for control in track.controls if control.number == PEDAL][-1:]
    if held and held[0]:
        track.controls.append(ControlChangeTick(end, PEDAL, 0))
    if len(track.pitch_bends) and track.pitch_bends[-1].value:
        track.pitch_bends.append(PitchBendTick(end, 0))


def _part_of(
    source: TrackTick, parts: list[tuple[TrackTick, list[NoteTick]]], clock: _Clock
) -> tuple[TrackTick, list[NoteTick]]:
    """The given track that plays what a written one plays in the given bars; a new one where no such instrument is."""
    same = [part for part in parts if _instrument(part[0]) == _instrument(source)]
    if not same:
        same = [(TrackTick(source.name, source.program, source.is_drum), [])]
        parts += same
    return max(same, key=lambda part: _count_shared(source, part[0], clock))  # the first of several


def _instrument(track: TrackTick) -> int:
    return DRUMS if track.is_drum else track.program


def _count_shared(source: TrackTick, track: TrackTick, clock: _Clock) -> int:
    """How many notes of the given bars both play."""
    onsets: dict[int, list[int]] = {}
    for note in track.notes:
        onsets.setdefault(note.pitch, []).append(note.time)
    found = 0
    for note in source.notes:
        times = np.array(onsets.get(note.pitch, ()), np.int64)
        found += bool((np.abs(times - clock.tick(note.time)) * _NEAR <= clock.given).any())
    return found


def _hold_on(track: TrackTick, source: TrackTick, clock: _Clock) -> None:
    """Make given notes longer that are held over the end of their bars in the written Score."""
    for note in source.notes:
        if not note.time < clock.there < note.end:
            continue
        sounding = [known for known in track.notes if known.pitch == note.pitch and known.end >= clock.here]
        for known in sounding[-1:]:
            known.duration = clock.tick(note.end) - known.time


def _moved_note(note: NoteTick, clock: _Clock, loudness: int | None) -> NoteTick:
    time = clock.tick(note.time)
    velocity = note.velocity if loudness is None else loudness
    return NoteTick(time, max(clock.tick(note.end) - time, 1), note.pitch, velocity)


def _changes(events: Iterable[Any], clock: _Clock, value: Callable[[Any], Any]) -> list[Any]:
    """Copies of the events behind the given bars that change what the written Score says in them."""
    in_force, changed = None, []
    for event in sorted(events, key=lambda event: event.time):
        if event.time >= clock.there and value(event) != in_force:
            moved = event.copy()
            moved.time = clock.tick(event.time)
            changed.append(moved)
        in_force = value(event)
    return changed
