"""Meters that a vocabulary lacks, cut into bars that it has. Knows nothing of event names."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil, lcm

from symusic.core import ScoreTick

from symbolic_music.events.codec import MAX_BARS
from symbolic_music.score.bars import MAX_METER_NUMERATOR, METER_DENOMINATORS

Meter = tuple[int, int]


def text_of(meter: Meter) -> str:
    """A meter as it is written: "3/4"."""
    return f"{meter[0]}/{meter[1]}"


def parse_meter(text: str) -> Meter:
    """The numerator and denominator of "3/4"."""
    numerator, _, denominator = text.partition("/")
    return int(numerator), int(denominator)


def written_meters(score: ScoreTick, meters: frozenset[Meter], end: int) -> Iterator[tuple[int, Meter]]:
    """Each change of meter up to a tick, in meters of a vocabulary.

    A bar of another meter is written as bars of the vocabulary that together are as long; where none are, the meter
    is passed over, and the one before it goes on.

    Args:
        score: in ticks.
        meters: of the vocabulary.
        end: tick behind the last that is asked for.

    Yields:
        (tick, meter); a tick that is no whole number is rounded down.
    """
    changes = [
        (max(change.time, 0), bars)
        for change in sorted(score.time_signatures, key=lambda change: change.time)
        if (bars := cut_bar((change.numerator, change.denominator), meters))
    ]
    for index, (tick, bars) in enumerate(changes):
        until = changes[index + 1][0] if index + 1 < len(changes) else end
        if len(bars) == 1:
            yield tick, bars[0]
            continue
        at, written = Fraction(tick), 0
        while at < until and written <= MAX_BARS:
            for meter in bars:
                yield int(at), meter
                at += Fraction(4 * score.ticks_per_quarter * meter[0], meter[1])
                written += 1


@lru_cache(maxsize=1024)
def cut_bar(meter: Meter, meters: frozenset[Meter]) -> tuple[Meter, ...]:
    """The bars of a vocabulary that make one bar of a meter, as few and as even as can be; none where there are none.

    13/8 in a vocabulary up to 12/8 is 7/8 and 6/8. Beats stay what they are where that can be. What is no meter at all
    (see `score.bars.meter_is_sound`) makes no bars.
    """
    if meter in meters:
        return (meter,)
    if not 1 <= meter[0] <= MAX_METER_NUMERATOR or meter[1] not in METER_DENOMINATORS:
        return ()
    length = Fraction(*meter)
    equal = [other for other in meters if Fraction(*other) == length]
    if equal:
        return (min(equal, key=lambda other: (max(other[1], meter[1]) // min(other[1], meter[1]), other)),)
    return _even_parts(meter, meters) or _fewest_parts(length, sorted(meters))


def _even_parts(meter: Meter, meters: frozenset[Meter]) -> tuple[Meter, ...]:
    """Bars with the same beat, none longer than another by more than one; the longer ones first."""
    beats, unit = meter
    longest = max((numerator for numerator, denominator in meters if denominator == unit), default=0)
    for count in range(ceil(beats / longest), beats + 1) if longest else ():
        parts = [(beats // count + (place < beats % count), unit) for place in range(count)]
        if meters.issuperset(parts):
            return tuple(parts)
    return ()


def _fewest_parts(length: Fraction, meters: Sequence[Meter]) -> tuple[Meter, ...]:
    """The fewest bars of any meters that sum to a length in whole notes, the longest first."""
    unit = lcm(length.denominator, *(denominator for _, denominator in meters))
    sizes = {meter: meter[0] * unit // meter[1] for meter in meters}
    best: list[tuple[Meter, ...] | None] = [()]
    for total in range(1, int(length * unit) + 1):
        ways = [
            (*before, meter)
            for meter, size in sizes.items()
            if size <= total and (before := best[total - size]) is not None
        ]
        best.append(min(ways, key=lambda way: (len(way), way), default=None))
    return tuple(sorted(best[-1] or (), key=lambda meter: (-Fraction(*meter), meter)))
