"""Pure Score -> Score: transpose, tempo, cut by bars. Nothing here changes its argument; times are in ticks.

Knows nothing of files or of events.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from symusic.core import (
    ControlChangeTickList,
    KeySignatureTickList,
    NoteTick,
    NoteTickList,
    PedalTickList,
    PitchBendTickList,
    TempoTick,
    TempoTickList,
    TextMetaTickList,
    TimeSignatureTickList,
    TrackTick,
)
from symusic.core import ScoreTick as Score

from symbolic_music.score.bars import Bars, bar_table, count_bars
from symbolic_music.score.errors import Refusal, ScoreError

__all__ = [
    "Bars",
    "bar_table",
    "count_bars",
    "count_notes",
    "cut_bars",
    "delay",
    "median_velocity",
    "scale_tempo",
    "transpose",
    "transposed_key",
]

# 120 quarter notes per minute, where a file states no tempo (Standard MIDI Files 1.0).
_DEFAULT_MICROSECONDS = 500_000
# A MIDI file holds microseconds per quarter note in 24 bits.
_MAX_MICROSECONDS = 2**24 - 1


def count_notes(score: Score) -> int:
    """Notes in all tracks, drums included."""
    return score.note_num()


def median_velocity(notes: Iterable[NoteTick], usual: int) -> int:
    """How loud notes are; the usual where there are none."""
    found = [note.velocity for note in notes]
    return round(float(np.median(found))) if found else usual


def transpose(score: Score, semitones: int) -> Score:
    """Every pitched note moved by `semitones`; drum tracks stay, for their pitches name instruments.

    Key signatures move along: their major or minor tonic is the same number of semitones away.

    Raises:
        ScoreError: pitch_out_of_range, when a note would leave MIDI's 0 to 127.
    """
    moved = score.copy()
    for track in moved.tracks:
        if track.is_drum or not len(track.notes):
            continue
        pitches = track.notes.numpy()["pitch"].astype(np.int64) + semitones
        if pitches.min() < 0 or pitches.max() > 127:
            detail = (
                f"transposing by {semitones:+d} gives pitches {pitches.min()} to {pitches.max()}, expected 0 to 127"
            )
            raise ScoreError(Refusal.PITCH_OUT_OF_RANGE, None, detail)
        track.shift_pitch(semitones, inplace=True)
    for signature in moved.key_signatures:
        signature.key = transposed_key(signature.key, semitones)
    return moved


def transposed_key(fifths: int, semitones: int) -> int:
    """Sharps (positive) or flats (negative) of a key signature after a transposition, from -5 to 6.

    A semitone is seven steps on the circle of fifths. A transposition by whole octaves leaves the spelling alone.
    """
    return fifths if semitones % 12 == 0 else (fifths + 7 * semitones + 5) % 12 - 5


def scale_tempo(score: Score, factor: float) -> Score:
    """Every tempo multiplied by `factor`, so that 2.0 plays twice as fast; the ticks stay.

    A Score without a tempo at its start plays at 120 quarter notes per minute, and gets that one written.

    Raises:
        ValueError: when `factor` is not positive.
    """
    if not factor > 0:
        raise ValueError(f"expected a tempo factor above 0, got {factor}")
    tempos = [(tempo.time, tempo.mspq) for tempo in score.tempos]
    if not any(tick == 0 for tick, _ in tempos):
        tempos.insert(0, (0, _DEFAULT_MICROSECONDS))
    scaled = score.copy()
    scaled.tempos = TempoTickList([TempoTick(tick, mspq=_scaled_tempo(mspq, factor)) for tick, mspq in tempos])
    return scaled


def _scaled_tempo(microseconds: int, factor: float) -> int:
    scaled = round(microseconds / factor)
    if not 1 <= scaled <= _MAX_MICROSECONDS:
        raise ValueError(
            f"tempo factor {factor} gives {scaled} microseconds per quarter note, expected 1 to {_MAX_MICROSECONDS}"
        )
    return scaled


def delay(score: Score, ticks: int) -> Score:
    """Everything `ticks` later; the tempo, meter and key that held at tick 0 still hold from there.

    Raises:
        ValueError: when `ticks` is negative.
    """
    if ticks < 0:
        raise ValueError(f"expected a delay of 0 ticks or more, got {ticks}")
    delayed = score.shift_time(ticks)
    for events in (delayed.tempos, delayed.time_signatures, delayed.key_signatures):
        for event in events:
            if event.time == ticks:
                event.time = 0
    return delayed


def cut_bars(score: Score, first_bar: int, num_bars: int) -> Score:
    """The bars `first_bar` to `first_bar + num_bars - 1` as a Score that begins at tick 0.

    Notes that start inside are kept, and end at the cut at the latest; notes held over from before are left out. The
    tempo, meter and key in force at the cut hold from its start. All tracks stay, even those that fall silent.
    Controllers and pitch bends are kept where they are written inside the cut.

    Args:
        score: in ticks.
        first_bar: 0 is the first; must exist.
        num_bars: at least 1; a cut that reaches beyond the last bar ends with it.

    Raises:
        ValueError: when the first bar does not exist or no bar is asked for.
    """
    bars = bar_table(score)
    if not 0 <= first_bar < len(bars) or num_bars < 1:
        raise ValueError(f"expected bars within 0 to {len(bars) - 1}, got {num_bars} from bar {first_bar}")
    last = min(first_bar + num_bars, len(bars)) - 1
    start, end = int(bars.starts[first_bar]), int(bars.starts[last] + bars.lengths[last])
    cut = score.copy()
    for track in cut.tracks:
        _cut_track(track, start, end)
    cut.tempos = TempoTickList(_in_force(cut.tempos, start, end))
    cut.time_signatures = TimeSignatureTickList(_in_force(cut.time_signatures, start, end))
    cut.key_signatures = KeySignatureTickList(_in_force(cut.key_signatures, start, end))
    cut.markers = TextMetaTickList(_inside(cut.markers, start, end))
    return cut


def _cut_track(track: TrackTick, start: int, end: int) -> None:
    notes = track.notes.numpy()
    kept = (notes["time"] >= start) & (notes["time"] < end)
    times, durations = notes["time"][kept], notes["duration"][kept]
    durations = np.minimum(durations, end - times).astype(np.int32)
    times = (times - start).astype(np.int32)
    track.notes = NoteTickList.from_numpy(times, durations, notes["pitch"][kept], notes["velocity"][kept])
    track.controls = ControlChangeTickList(_inside(track.controls, start, end))
    track.pitch_bends = PitchBendTickList(_inside(track.pitch_bends, start, end))
    track.pedals = PedalTickList(_inside(track.pedals, start, end))
    track.lyrics = TextMetaTickList(_inside(track.lyrics, start, end))


def _in_force(events: Iterable, start: int, end: int) -> list:
    """The events of [start, end), and at 0 the last one written up to `start`."""
    ordered = sorted(events, key=lambda event: event.time)
    held = [_moved(event, 0) for event in ordered if event.time <= start][-1:]
    return held + [_moved(event, event.time - start) for event in ordered if start < event.time < end]


def _inside(events: Iterable, start: int, end: int) -> list:
    return [_moved(event, event.time - start) for event in events if start <= event.time < end]


def _moved(event: Any, tick: int) -> Any:
    """A copy of any timed event at `tick`. (symusic 0.6.0's `event.shift_time` returns its copy unshifted.)"""
    moved = event.copy()
    moved.time = tick
    return moved
