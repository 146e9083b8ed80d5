"""Which notes of a score, as played, are tied to which: by part, voice and pitch. Knows nothing of bars or files.

A tie joins two notes of one part and pitch where the first, at whose head a tie begins, ends when the second, at which
one ends, starts. Notes of one voice are joined first; only what is left may cross voices, as in piano music that
changes hands. What is still left may miss by up to a 64th note, since programs round the lengths of tuplets. Both
notes must say that they are tied: what a tie leads to after a repeat may be another note.
"""

from bisect import bisect_left

import numpy as np

from symbolic_music.score.notation.rows import row_keys
from symbolic_music.score.notation.written import NoteTable

SLACK_PER_QUARTER = 16
"""Ties may miss by a quarter note divided by this."""


def tie_links(notes: NoteTable, starts: np.ndarray, ends: np.ndarray, ticks_per_quarter: int) -> np.ndarray:
    """For each note the number of the one that it is tied to, or its own; (notes,) int64.

    Args:
        notes: as played; grace notes are not joined.
        starts: ticks, (notes,) int64.
        ends: likewise.
        ticks_per_quarter: the Score's.
    """
    links = np.arange(len(notes), dtype=np.int64)
    whole = (notes.grace == 0) & (ends > starts)
    first = np.flatnonzero((notes.tie_start > 0) & whole)
    second = np.flatnonzero((notes.tie_stop > 0) & whole)
    for columns in ((notes.part, notes.pitch, notes.voice), (notes.part, notes.pitch)):
        found_first, found_second = _equal_rows(
            [*(column[first] for column in columns), ends[first]],
            [*(column[second] for column in columns), starts[second]],
        )
        links[first[found_first]] = second[found_second]
        first, second = np.delete(first, found_first), np.delete(second, found_second)
    for one, other in _near_pairs(notes, starts, ends, first, second, max(1, ticks_per_quarter // SLACK_PER_QUARTER)):
        links[one] = other
    return links


def follow(links: np.ndarray) -> np.ndarray:
    """The last note of the chain that each note begins or is in; links lead forward in time."""
    while True:
        further = links[links]
        if np.array_equal(further, links):
            return links
        links = further


def _equal_rows(left: list[np.ndarray], right: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of rows of two tables that are equal, pair by pair; of several equal ones the first with the first."""
    split = len(left[0])
    if not split or not len(right[0]):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    key = row_keys([np.concatenate(both) for both in zip(left, right, strict=True)])
    # Equal rows side by side, those of the left table first.
    order = np.argsort(key, kind="stable")
    ranked, is_left = key[order], order < split
    places = np.arange(len(key))
    opens = np.append(True, ranked[1:] != ranked[:-1])
    begin = np.maximum.accumulate(np.where(opens, places, 0))
    lefts_above: np.ndarray = np.cumsum(is_left) - is_left
    lefts: np.ndarray = lefts_above - lefts_above[begin]
    partner = places - lefts
    paired = ~is_left & (partner - begin < lefts)
    return order[partner[paired]], order[paired] - split


def _near_pairs(
    notes: NoteTable, starts: np.ndarray, ends: np.ndarray, first: np.ndarray, second: np.ndarray, slack: int
) -> list[tuple[int, int]]:
    """Pairs of one part and pitch that miss each other by at most `slack` ticks; each note in one pair at most."""
    waiting: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for note in first.tolist():
        waiting.setdefault((int(notes.part[note]), int(notes.pitch[note])), []).append((int(ends[note]), note))
    for found in waiting.values():
        found.sort()
    pairs, taken = [], set()
    for note in second.tolist():
        begin = int(starts[note])
        candidates = waiting.get((int(notes.part[note]), int(notes.pitch[note])), [])
        place = bisect_left(candidates, (begin - slack, -1))
        while place < len(candidates) and candidates[place][0] <= begin + slack:
            one = candidates[place][1]
            if one not in taken and starts[one] < begin:
                taken.add(one)
                pairs.append((one, note))
                break
            place += 1
    return pairs
