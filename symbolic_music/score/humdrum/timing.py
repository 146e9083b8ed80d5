"""When each data record of a `**kern` score sounds, from the durations of its tokens.

A token ends where the next one of its voice begins, so that each row lies at the row of some earlier token plus that
token's duration. Where durations of several voices contradict each other (a bar too full or not full enough in one of
them), the row lies where most voices say, or where the latest does. Knows nothing of pitches or of files.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_TICKS_PER_QUARTER = 2**24
FALLBACK_TICKS_PER_QUARTER = 2**6 * 3**3 * 5 * 7 * 11 * 13
"""12,972,960: where a score has no exact grid below 2^24 (17-, 19- and 23-tuplets side by side), each duration is
rounded to a ten-millionth of a quarter note."""


def ticks_per_quarter(denominators: np.ndarray) -> int:
    """The least number of ticks on which durations with these denominators end, or `FALLBACK_TICKS_PER_QUARTER`."""
    exact = math.lcm(1, *set(denominators.tolist()))
    return exact if exact <= MAX_TICKS_PER_QUARTER else FALLBACK_TICKS_PER_QUARTER


@dataclass
class Edges:
    """What follows what: cell `after` begins where cell `before` ends; the cells are tokens that are not null."""

    before: np.ndarray
    after: np.ndarray


def find_edges(lane: np.ndarray, parents: Sequence[tuple[int, ...]]) -> tuple[Edges, np.ndarray]:
    """The edges between cells, and all cells in order of their lanes.

    Args:
        lane: of each cell; cells are in the order of their rows.
        parents: the lanes that each lane goes on from.
    """
    order = np.argsort(lane, kind="stable")
    ranked = lane[order]
    same = ranked[1:] == ranked[:-1]
    before, after = order[:-1][same], order[1:][same]
    firsts = np.searchsorted(ranked, np.arange(len(parents)))
    ends = np.append(firsts[1:], len(ranked))
    bounded = np.append(order, -1)
    # Of each lane the first cell and the last; -1 where it has none.
    openings = np.where(firsts < ends, bounded[firsts], -1).tolist()
    closings = np.where(firsts < ends, bounded[ends - 1], -1).tolist()
    extra_before: list[int] = []
    extra_after: list[int] = []
    last: list[tuple[int, ...]] = []
    for above, opening, closing in zip(parents, openings, closings, strict=True):
        came_from = [cell for parent in above for cell in last[parent]]
        if opening < 0:
            # A lane without tokens passes on what it goes on from, which may be many lanes that never had any.
            last.append(tuple(dict.fromkeys(came_from))[:8])
            continue
        extra_before += came_from
        extra_after += [opening] * len(came_from)
        last.append((closing,))
    return Edges(np.append(before, extra_before).astype(int), np.append(after, extra_after).astype(int)), order


def row_times(rows: int, row: np.ndarray, advance: np.ndarray, edges: Edges) -> tuple[np.ndarray, int]:
    """When each row begins, in ticks, and how many tokens do not begin where the one before them ends.

    Args:
        rows: how many there are.
        row: of each cell.
        advance: ticks that each cell lasts.
        edges: between the cells.
    """
    target = row[edges.after]
    by_row = np.argsort(target, kind="stable")
    target, source = target[by_row], edges.before[by_row]
    is_first = np.append(True, target[1:] != target[:-1]) if len(target) else np.empty(0, bool)
    came_from = np.arange(-1, rows - 1)
    waited = np.zeros(rows, np.int64)
    came_from[target[is_first]] = row[source[is_first]]
    waited[target[is_first]] = advance[source[is_first]]
    came_from[:1] = 0
    found = waited
    while came_from.any():
        # Each row knows its distance from an earlier one; two such steps are one from here on.
        found, came_from = found + found[came_from], came_from[came_from]
    wrong = found[target] != found[row[source]] + advance[source]
    unled = np.zeros(rows, bool)
    unled[row] = True
    unled[target] = unled[:1] = False
    if wrong.any() or unled.any() or (np.diff(found) < 0).any():
        found = _settle(rows, row, advance, target, source)
        wrong = found[target] != found[row[source]] + advance[source]
    return found, int(wrong.sum())


def _settle(rows: int, row: np.ndarray, advance: np.ndarray, target: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Times of rows whose voices do not agree: what most say, or else the latest, never before the row above."""
    edges = np.searchsorted(target, np.arange(rows + 1)).tolist()
    begins, waits = row[source].tolist(), advance[source].tolist()
    shortest = _shortest_advance(rows, row, advance)
    times = [0] * rows
    for number in range(rows):
        first, end = edges[number], edges[number + 1]
        above = times[number - 1] if number else 0
        if first < end:
            votes = Counter(times[begins[edge]] + waits[edge] for edge in range(first, end))
            most = max(votes.values())
            times[number] = max(above, max(time for time, count in votes.items() if count == most))
        else:
            # No voice leads here: a row of other spines only, or a spine that was added.
            times[number] = above + (shortest[number - 1] if number else 0)
    return np.array(times, np.int64)


def _shortest_advance(rows: int, row: np.ndarray, advance: np.ndarray) -> list[int]:
    """The shortest duration that begins in each row, 0 where none does."""
    shortest = np.full(rows, np.iinfo(np.int64).max)
    np.minimum.at(shortest, row, advance)
    shortest[shortest == np.iinfo(np.int64).max] = 0
    return shortest.tolist()
