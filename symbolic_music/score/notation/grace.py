"""Grace notes as played: short, before their main note, which keeps its onset and its length.

Each lasts a 32nd note; more than four share an eighth note. Where there is no room before the main note (it is tick 0,
or one of them would sound within a note of its own pitch), all that lead to it follow one another from its onset on,
over it. A grace note that is tied to its main note, or that has no room there either, is left out and
counted. Knows nothing of files.
"""

from collections import Counter

import numpy as np

from symbolic_music.score.notation.rows import row_keys
from symbolic_music.score.notation.written import NoteTable

LENGTHS_PER_QUARTER = 8
MOST_PER_QUARTER = 2
"""A grace note lasts a quarter note divided by the first number, all before one main note by the second."""
HELD = "grace notes tied to their main note"
WITHIN = "grace notes within a note of their pitch"


def place_grace_notes(
    notes: NoteTable, starts: np.ndarray, ends: np.ndarray, ticks_per_quarter: int, left_out: Counter[str]
) -> np.ndarray:
    """Set `starts` and `ends` of grace notes in place; say which notes are to be kept.

    Args:
        notes: as played; main notes as they are before ties are joined.
        starts: ticks, (notes,) int64; of grace notes those of their main note.
        ends: likewise.
        ticks_per_quarter: the Score's.
        left_out: counts those that are not kept.

    Returns:
        A mask, (notes,) bool.
    """
    kept = np.ones(len(notes), bool)
    grace = np.flatnonzero(notes.grace > 0)
    if not len(grace):
        return kept
    held = _held(notes, starts, grace)
    longest = ticks_per_quarter // LENGTHS_PER_QUARTER
    room = ticks_per_quarter // MOST_PER_QUARTER
    sizes, group = _groups(notes, starts, grace)
    lengths = np.maximum(1, np.minimum(longest, room // sizes))
    main = starts[grace]
    sounding = _Sounding(notes, starts, ends, grace, room + int(sizes.max()))
    starts[grace] = np.maximum(0, main - notes.grace[grace] * lengths)
    ends[grace] = starts[grace] + lengths
    no_room = (main < sizes * lengths) | (sounding.at(starts[grace]) & ~held)
    on_the_beat = np.isin(group, group[no_room])
    starts[grace[on_the_beat]] = (main + (sizes - notes.grace[grace]) * lengths)[on_the_beat]
    ends[grace] = starts[grace] + lengths
    within = sounding.at(starts[grace]) & ~held
    kept[grace[held | within]] = False
    left_out.update({kind: int(mask.sum()) for kind, mask in ((HELD, held), (WITHIN, within)) if mask.any()})
    return kept


def _groups(notes: NoteTable, starts: np.ndarray, grace: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each grace note how many follow one another before its main note, and a number for all that do."""
    keys = row_keys([notes.part[grace], notes.voice[grace], notes.bar[grace], starts[grace]])
    group = np.unique(keys, return_inverse=True)[1]
    sizes = np.zeros(group.max() + 1, np.int64)
    np.maximum.at(sizes, group, notes.grace[grace])
    return sizes[group], group


def _held(notes: NoteTable, starts: np.ndarray, grace: np.ndarray) -> np.ndarray:
    """Whether each grace note is tied to a main note."""
    tied = notes.tie_start[grace] > 0
    if not tied.any():
        return tied
    main = np.flatnonzero((notes.tie_stop > 0) & (notes.grace == 0))
    both = np.concatenate([grace, main])
    keys = row_keys([notes.part[both], notes.pitch[both], starts[both]])
    return np.isin(keys[: len(grace)], keys[len(grace) :]) & tied


class _Sounding:
    """When main notes of the tracks and pitches of grace notes sound."""

    def __init__(self, notes: NoteTable, starts: np.ndarray, ends: np.ndarray, grace: np.ndarray, room: int) -> None:
        """Args: as of `place_grace_notes`; `room` ticks at most lie between a grace note and its main note."""
        tone = notes.track * 128 + notes.pitch
        sought = np.zeros(int(tone.max()) + 1, bool)
        sought[tone[grace]] = True
        main = np.flatnonzero(sought[tone] & (notes.grace == 0))
        span = int(max(starts.max(), ends.max())) + room + 1
        self.lane = tone[grace] * span
        begun, until = tone[main] * span + starts[main], tone[main] * span + ends[main]
        order = np.argsort(begun, kind="stable")
        self.begun = begun[order]
        # Within a lane ends grow with starts, but for unisons of unequal length: their running maximum does.
        self.until = np.maximum.accumulate(until[order])

    def at(self, starts: np.ndarray) -> np.ndarray:
        """Whether a main note of the same track and pitch sounds when each grace note begins."""
        if not len(self.begun):
            return np.zeros(len(starts), bool)
        place = np.searchsorted(self.begun, self.lane + starts, side="right") - 1
        return (place >= 0) & (self.until[place] > self.lane + starts)
