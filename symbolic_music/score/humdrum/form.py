"""Bars of a `**kern` score and the order in which they are played.

Where the file has an expansion list (`*>[A,A,B]`, Humdrum's own way to say how a piece is played) whose labels it has,
that is the order, as of the `thru` command without an option: what stands before the first label comes first. Else the
repeat signs of the bar lines are followed, and labels that number endings (`*>B1`, `*>B2` behind `*>B`) are voltas.
Knows nothing of notes.
"""

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.notation.playback import MAX_PLAYED_BARS, NO_MARKS, BarMarks
from symbolic_music.score.notation.written import WrittenBar

UNUSABLE_LIST = "expansion lists whose labels are not there"
UNNOTATED_METERS = "meters that no notation has"
_SIGNS = re.compile(rb"[:|!]+")
_ENDING = re.compile(r"(.*?)(\d)$")


@dataclass
class Form:
    """The bars of a piece.

    Args:
        starts: where each begins, in ticks.
        records: the record from which each holds, of equal length.
        end: where the last one ends.
        bars: with meters and marks.
        order: the numbers of the bars as they are played; None: by their marks.
    """

    starts: list[int]
    records: list[int]
    end: int
    bars: list[WrittenBar]
    order: list[int] | None


def read_form(
    unit: int,
    end: int,
    bar_lines: list[tuple[int, int, bytes]],
    labels: list[tuple[int, int, str]],
    meters: list[tuple[int, int, int]],
    lists: dict[str, list[str]],
    left_out: Counter[str],
) -> Form:
    """Bars from bar lines, labels and meters.

    Args:
        unit: ticks of a quarter note.
        end: where the music ends, in ticks.
        bar_lines: record, tick and text of each.
        labels: record, tick and name of each.
        meters: tick, numerator and denominator of each.
        lists: expansion lists by name.
        left_out: is added to.
    """
    edges = {0: 0}
    for record, tick, _ in sorted([*bar_lines, *labels], key=lambda each: each[0]):
        edges.setdefault(tick, record)
    starts = [tick for tick in sorted(edges) if tick < end] or [0]
    records = [edges[tick] for tick in starts]
    places = {tick: number for number, tick in enumerate(starts)}
    marks = _repeat_marks(bar_lines, {**places, end: len(starts)}, len(starts))
    sections = _sections(labels, places, len(starts))
    order = _expand(lists.get(""), sections, left_out) if labels and "" in lists else None
    if order is None and labels:
        _mark_endings(labels, sections, marks)
    in_force = _meters_of_bars(meters, starts, left_out)
    lengths = [after - before for before, after in zip(starts, [*starts[1:], end], strict=True)]
    bars = [
        WrittenBar(_quarters(max(length, 1), unit), meter, mark)
        for length, meter, mark in zip(lengths, in_force, marks, strict=True)
    ]
    return Form(starts, records, end, bars, order)


@lru_cache(maxsize=4096)
def _quarters(ticks: int, unit: int) -> Fraction:
    return Fraction(ticks, unit)


def _repeat_marks(bar_lines: list[tuple[int, int, bytes]], places: dict[int, int], count: int) -> list[BarMarks]:
    marks = [NO_MARKS] * count
    for _, tick, text in bar_lines:
        if b":" not in text or tick not in places:
            continue
        signs = b"".join(_SIGNS.findall(text.partition(b"\t")[0]) or _SIGNS.findall(text))
        place = places[tick]
        if signs[:1] == b":" and len(signs) > 1 and place > 0:
            marks[place - 1] = replace(marks[place - 1], repeat_times=2)
        if signs[-1:] == b":" and len(signs) > 1 and place < count:
            marks[place] = replace(marks[place], repeat_start=True)
    return marks


def _sections(labels: list[tuple[int, int, str]], places: dict[int, int], count: int) -> list[tuple[str, int, int]]:
    """Name, first bar and the bar behind the last of each section."""
    firsts = [places.get(tick, count) for _, tick, _ in labels]
    ends = [*firsts[1:], count][: len(firsts)]
    return [(name, first, end) for (_, _, name), first, end in zip(labels, firsts, ends, strict=True)]


def _expand(names: list[str] | None, sections: list[tuple[str, int, int]], left_out: Counter[str]) -> list[int] | None:
    """The bars that an expansion list asks for; None where it does not fit the labels.

    Raises:
        ScoreError: too_long, for more than `MAX_PLAYED_BARS` bars.
    """
    known = {name: (first, end) for name, first, end in sections}
    counts = Counter(name for name, _, _ in sections)
    if not names or any(counts[name] != 1 for name in names):
        left_out[UNUSABLE_LIST] += 1
        return None
    order = list(range(sections[0][1]))
    for name in names:
        order += range(*known[name])
        if len(order) > MAX_PLAYED_BARS:
            detail = f"expected at most {MAX_PLAYED_BARS:,} bars with sections played out, found more"
            raise ScoreError(Refusal.TOO_LONG, None, detail)
    if not order:
        left_out[UNUSABLE_LIST] += 1
        return None
    return order


def _mark_endings(
    labels: list[tuple[int, int, str]], sections: list[tuple[str, int, int]], marks: list[BarMarks]
) -> None:
    """Sections "B1" and "B2" where there is a section "B" are its first and second ending."""
    names = {name for _, _, name in labels}
    for name, first, end in sections:
        match = _ENDING.match(name)
        if match and match[1] in names and match[2] != "0":
            for bar in range(first, end):
                marks[bar] = replace(marks[bar], endings=(int(match[2]),))


def _meters_of_bars(
    meters: list[tuple[int, int, int]], starts: list[int], left_out: Counter[str]
) -> list[tuple[int, int] | None]:
    """The meter in force at the beginning of each bar; None before the first."""
    ticks, values = [], []
    for tick, numerator, denominator in meters:
        if not 1 <= numerator <= 64 or denominator not in (1, 2, 4, 8, 16, 32, 64):
            left_out[UNNOTATED_METERS] += 1
            continue
        ticks.append(tick)
        values.append((numerator, denominator))
    places = (bisect_right(ticks, start) for start in starts)
    return [values[place - 1] if place else None for place in places]
