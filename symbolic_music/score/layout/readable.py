"""Played rhythm as a player would read it: onsets on simple parts of the beat, notes held to where the next begins.

What a track states exactly (quavers, triplets, quintuplets) stays as it is; what was played, or cut short by a
sequencer's gate time, moves to the nearest note value. For notation to look at: the sound of the result is stiff.
Knows nothing of bars, staves or files.
"""

from bisect import bisect_left, bisect_right

import numpy as np
from symusic.core import (
    KeySignatureTick,
    KeySignatureTickList,
    NoteTick,
    NoteTickList,
    ScoreTick,
    TempoTick,
    TempoTickList,
    TimeSignatureTick,
    TimeSignatureTickList,
    TrackTick,
    TrackTickList,
)

from symbolic_music.score.layout.percussion import drum_sound

TICKS_PER_QUARTER = 10_080
"""A clock in which triplets, quintuplets, septuplets and groups of nine are whole numbers."""
# Parts of a quarter note that onsets are moved to, and how much each is worth avoiding.
_PLAYED_GRIDS = {1: 0.0, 2: 0.3, 4: 0.6, 3: 0.9, 6: 1.5}
# What written music divides a quarter note into.
_WRITTEN_GRIDS = (1, 2, 4, 3, 6, 8, 5, 12, 10, 16, 7, 9)
_MOSTLY = 0.9
"""The part of a track's onsets that must lie on one of `_WRITTEN_GRIDS` for the track to count as written."""
_INACCURACY = 0.05
"""Quarter notes by which a player is early or late."""
_CRUSHED = 0.6
"""What it costs to move two onsets that were apart to the same place."""
_LEGATO = (0.45, 1.3)
"""A note that lasts so much of the time to the next onset is held to it."""
_SIMPLE_LENGTHS = (2, 3, 4, 6, 8)
"""Parts of a quarter note of which a written length is a multiple."""


def readable_rhythm(score: ScoreTick) -> ScoreTick:
    """A Score for reading: the same notes with readable onsets and durations, `TICKS_PER_QUARTER` in a quarter note.

    Args:
        score: in ticks, with a clock above 0; tempos, meters and keys keep their places.
    """
    unit = score.ticks_per_quarter

    def moved(time: int) -> int:
        return round(time * TICKS_PER_QUARTER / unit)

    copy = ScoreTick(TICKS_PER_QUARTER)
    copy.time_signatures = TimeSignatureTickList(
        [TimeSignatureTick(moved(meter.time), meter.numerator, meter.denominator) for meter in score.time_signatures]
    )
    copy.key_signatures = KeySignatureTickList(
        [KeySignatureTick(moved(key.time), key.key, key.tonality) for key in score.key_signatures]
    )
    copy.tempos = TempoTickList([TempoTick(moved(tempo.time), tempo.qpm) for tempo in score.tempos])
    copy.tracks = TrackTickList([_readable_track(track, unit) for track in score.tracks])
    return copy


def _readable_track(track: TrackTick, unit: int) -> TrackTick:
    result = TrackTick(track.name, track.program, track.is_drum)
    if not len(track.notes):
        return result
    columns = {name: column.astype(np.int64) for name, column in track.notes.numpy().items()}
    order = np.lexsort((columns["pitch"], columns["time"]))
    times, durations, pitches, velocities = (
        columns[name][order] for name in ("time", "duration", "pitch", "velocity")
    )
    is_written = _is_written(times, unit)
    onsets = _quantise(times / unit, is_written)
    ends = _drum_ends(onsets, pitches) if track.is_drum else _ends(onsets, durations / unit, is_written)
    ticks = np.rint(np.stack([onsets, ends]) * TICKS_PER_QUARTER).astype(np.int64)
    rows = _without_overlap(list(zip(*ticks.tolist(), pitches.tolist(), velocities.tolist(), strict=True)))
    result.notes = NoteTickList(
        [NoteTick(onset, end - onset, pitch, velocity) for onset, end, pitch, velocity in rows]
    )
    return result


def _is_written(times: np.ndarray, unit: int) -> bool:
    on_grid = np.zeros(len(times), dtype=bool)
    for grid in _WRITTEN_GRIDS:
        on_grid |= times * grid % unit == 0
    return bool(on_grid.mean() >= _MOSTLY)


def _quantise(onsets: np.ndarray, is_written: bool) -> np.ndarray:
    """Onsets, in order, in quarter notes: beat by beat on the grid that fits best."""
    moved = onsets.copy()
    beats = np.floor(onsets + _INACCURACY).astype(np.int64)
    edges = np.flatnonzero(np.diff(beats, prepend=beats[0] - 1)).tolist()
    for first, end in zip(edges, [*edges[1:], len(onsets)], strict=True):
        beat = beats[first]
        within = onsets[first:end] - beat
        grid = (_exact_grid(within) if is_written else None) or _best_grid(within)
        moved[first:end] = beat + np.rint(within * grid) / grid
    return np.maximum(moved, 0)


def _exact_grid(within: np.ndarray) -> int | None:
    for grid in _WRITTEN_GRIDS:
        if (np.abs(within * grid - np.rint(within * grid)) < 1e-6).all():
            return grid
    return None


def _best_grid(within: np.ndarray) -> int:
    distinct = np.unique(np.rint(within / _INACCURACY))

    def cost(grid: int) -> float:
        error = within - np.rint(within * grid) / grid
        crushed = len(distinct) - len(np.unique(np.rint(distinct * _INACCURACY * grid)))
        return float(np.sqrt(np.square(error).mean())) / _INACCURACY + _PLAYED_GRIDS[grid] + _CRUSHED * crushed

    return min(_PLAYED_GRIDS, key=cost)


def _ends(onsets: np.ndarray, durations: np.ndarray, is_written: bool) -> np.ndarray:
    places = np.unique(onsets).tolist()
    ends = []
    for onset, duration in zip(onsets.tolist(), durations.tolist(), strict=True):
        if is_written and _is_simple(duration):
            ends.append(onset + duration)
            continue
        following = bisect_right(places, onset + 1e-9)
        gap = places[following] - onset if following < len(places) else None
        if gap and _LEGATO[0] * gap <= duration <= _LEGATO[1] * gap:
            ends.append(onset + gap)
        else:
            ends.append(_nearest_end(onset, duration, gap, places))
    return np.array(ends)


def _is_simple(duration: float) -> bool:
    return duration > 0 and any(abs(duration * part - round(duration * part)) < 1e-6 for part in _SIMPLE_LENGTHS)


def _nearest_end(onset: float, duration: float, gap: float | None, places: list[float]) -> float:
    """Where a note ends that is held beyond the next onset, or is much shorter than the way to it."""
    end = onset + duration
    if gap is None or duration < gap:
        # A short note: up to the next quaver, semiquaver or third of the beat, by its length.
        choices = [parts / part for part in (3, 4) for parts in range(1, 5)] + [
            float(np.ceil(duration * 2) / 2),
            float(np.ceil(duration)),
        ]
        fitting = [length for length in choices if gap is None or length <= gap + 1e-9]
        on_grid = [length for length in fitting if _is_even(onset + length)]
        length = min(on_grid or fitting or [gap or 1.0], key=lambda length: abs(length - duration))
        return onset + length
    near = places[max(bisect_left(places, end) - 1, 0) :][:2]
    halves = [np.floor(end * 2) / 2, np.ceil(end * 2) / 2]
    later = [place for place in (*near, *halves) if place > onset + 1e-9]
    # Another note's onset is the likelier end, for a hand moves on then.
    return float(min(later, key=lambda place: abs(place - end) + (0 if place in near else 0.08)))


def _is_even(place: float) -> bool:
    """Whether a place in quarter notes is a semiquaver's."""
    return abs(place * 4 - round(place * 4)) < 1e-6


def _drum_ends(onsets: np.ndarray, pitches: np.ndarray) -> np.ndarray:
    """A drum sound is written to the next one of hands or feet, and not beyond the beat."""
    feet = np.array([drum_sound(pitch).is_foot for pitch in pitches.tolist()])
    ends = np.floor(onsets + 1e-9) + 1
    for limbs in (feet, ~feet):
        places = np.unique(onsets[limbs])
        following = np.searchsorted(places, onsets[limbs] + 1e-9, side="right")
        nexts = np.append(places, np.inf)[following]
        ends[limbs] = np.minimum(ends[limbs], nexts)
    return ends


def _without_overlap(rows: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Notes of one pitch cut where the next begins; of two at once the louder stays."""
    last: dict[int, int] = {}
    kept: list[tuple[int, int, int, int]] = []
    for onset, end, pitch, velocity in sorted(rows):
        before = last.get(pitch)
        if before is not None and kept[before][0] == onset:
            kept[before] = (onset, max(end, kept[before][1]), pitch, max(velocity, kept[before][3]))
            continue
        if before is not None and kept[before][1] > onset:
            kept[before] = (kept[before][0], onset, pitch, kept[before][3])
        last[pitch] = len(kept)
        kept.append((onset, max(end, onset + 1), pitch, velocity))
    return kept
