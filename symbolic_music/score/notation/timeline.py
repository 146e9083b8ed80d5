"""When the bars of a written score are played, in ticks, and which meters make their bar lines those of a Score.

The upbeat ends at a bar line: where the first bar is shorter than its meter, everything is delayed until the second
bar starts where a whole first bar would have ended. Bars that together last as long as their meter (cut in two by a
repeat or a double bar, or the last bar of a section and the upbeat it goes back to) are one bar. Any other bar that
does not last as long as its meter has a meter of its own, so that the next bar line is where it is written. Knows
nothing of notes.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

import numpy as np

from symbolic_music.score.bars import MAX_METER_NUMERATOR, METER_DENOMINATORS
from symbolic_music.score.notation.written import WrittenBar
from symbolic_music.score.transforms.meters import bar_parts

UNMETERED_BARS = "bars that no meter can write"
MAX_CADENZA_QUARTERS = 1_000
"""A longer bar is no cadenza; the meter in force goes on through it."""
Meter = tuple[int, int]


@dataclass
class Timeline:
    """The bars of a score as they are played.

    Args:
        order: the number of the written bar, for each played one.
        unit: parts of a quarter note that all bars begin and end on.
        positions: where each begins, in those, from the start of the Score; where the last one ends.
        meters: each change of meter and where it stands, in quarter notes.
        left_out: bars whose bar line no meter gives, by kind.
    """

    order: list[int]
    unit: int
    positions: list[int]
    meters: list[tuple[Fraction, Meter]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def end(self) -> Fraction:
        """Where the last bar ends, in quarter notes."""
        return Fraction(self.positions[-1], self.unit)

    def start(self, place: int) -> Fraction:
        """Where a played bar begins, in quarter notes."""
        return Fraction(self.positions[place], self.unit)

    def start_ticks(self, ticks_per_quarter: int) -> np.ndarray:
        """Where each played bar begins, shape (played bars,), int64; each is rounded by itself: no error adds up."""
        fits = 4 * (self.positions[-1] + self.unit) * ticks_per_quarter < 2**63
        positions = np.array(self.positions[:-1], np.int64 if fits else object)
        return ((2 * positions * ticks_per_quarter + self.unit) // (2 * self.unit)).astype(np.int64)


def to_ticks(quarters: Fraction, ticks_per_quarter: int) -> int:
    """The nearest tick; halves go up."""
    return (2 * quarters.numerator * ticks_per_quarter + quarters.denominator) // (2 * quarters.denominator)


def timeline(bars: Sequence[WrittenBar], order: list[int]) -> Timeline:
    """Lay the bars out in the order they are played."""
    first = bars[order[0]]
    whole = meter_quarters(first.meter) if first.meter else first.length
    delay = max(Fraction(0), whole - first.length)
    # Whole numbers of one unit: a sum of fractions would be reduced at every bar.
    fractions = [length.as_integer_ratio() for length in (delay, *(bar.length for bar in bars))]
    unit = math.lcm(*{denominator for _, denominator in fractions})
    now, *steps = (numerator * (unit // denominator) for numerator, denominator in fractions)
    line = Timeline(order, unit, list(accumulate((steps[number] for number in order), initial=now)))
    _place_meters(line, [bars[number] for number in order])
    return line


def meter_quarters(meter: Meter) -> Fraction:
    """How long a bar of a meter lasts, in quarter notes."""
    return Fraction(4 * meter[0], meter[1])


def _place_meters(line: Timeline, played: list[WrittenBar]) -> None:
    number = 0
    while number < len(played):
        bar = played[number]
        if line.meters and bar.meter == line.meters[-1][1] and _is_whole(bar):
            number += 1
            continue
        count, meters = _meters_of_bar(played, number)
        for offset, meter in meters:
            if meter is None:
                line.left_out[UNMETERED_BARS] += 1
            elif not line.meters or line.meters[-1][1] != meter:
                # The first meter holds from the beginning, before an upbeat.
                line.meters.append((line.start(number) + offset if line.meters else Fraction(0), meter))
        number += count


def _is_whole(bar: WrittenBar) -> bool:
    """Whether a bar is as long as its meter; most are, so that no fraction is made for it."""
    numerator, denominator = bar.length.as_integer_ratio()
    return bar.meter is not None and numerator * bar.meter[1] == 4 * bar.meter[0] * denominator


def _meters_of_bar(played: list[WrittenBar], number: int) -> tuple[int, list[tuple[Fraction, Meter | None]]]:
    """How many of the played bars from a number on are one bar of the Score, and its meters by their offset in it."""
    bar = played[number]
    if bar.meter is None:
        return 1, _own_meters(bar.length, (4, 4))
    whole = meter_quarters(bar.meter)
    if bar.length == whole or (number == 0 and bar.length < whole):
        return 1, [(Fraction(0), bar.meter)]
    count, total = 1, bar.length
    while total < whole and number + count < len(played) and played[number + count].meter == bar.meter:
        total += played[number + count].length
        count += 1
    if total == whole:
        return count, [(Fraction(0), bar.meter)]
    if number + 1 == len(played) and bar.length < whole:
        # Nothing follows that it could shift.
        return 1, [(Fraction(0), bar.meter)]
    return 1, _own_meters(bar.length, bar.meter)


def _own_meters(length: Fraction, meter: Meter) -> list[tuple[Fraction, Meter | None]]:
    """Meters of a bar that is not as long as the one in force says; a cadenza is cut into bars as `meters` does.

    None stands for what no meter can write.
    """
    numerator, denominator = _as_meter(length, meter)
    if denominator not in METER_DENOMINATORS or length > MAX_CADENZA_QUARTERS:
        return [(Fraction(0), None)]
    if numerator <= MAX_METER_NUMERATOR:
        return [(Fraction(0), (numerator, denominator))]
    meters: list[tuple[Fraction, Meter | None]] = []
    offset = Fraction(0)
    for part in bar_parts(numerator, denominator):
        meters.append((offset, part))
        offset += meter_quarters(part)
    return meters


def _as_meter(length: Fraction, meter: Meter) -> Meter:
    """The meter whose bar has this length in quarter notes, in the beats of `meter` if it can be."""
    beats = length * meter[1] / 4
    return beats.numerator, meter[1] * beats.denominator
