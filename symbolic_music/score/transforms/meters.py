"""Bars longer than notation writes, such as a cadenza in one bar of 65/4, cut into bars of usual length.

Pure Score -> Score. Knows nothing of files or of vocabularies.
"""

from math import gcd

from symusic.core import ScoreTick as Score
from symusic.core import TimeSignatureTick, TimeSignatureTickList

from symbolic_music.score.bars import MAX_METER_NUMERATOR, METER_DENOMINATORS, last_note_end, meter_is_sound

METERS_CUT = "meters cut"
"""Stretches under a meter of more beats than notation writes; their bars are cut into shorter ones."""

Meter = tuple[int, int]

# A longer stretch is no cadenza but a broken clock; its meter stays, and `check_score` refuses it.
_MOST_BARS = 10_000


def cut_long_meters(score: Score) -> tuple[Score, int]:
    """Cut every bar of more than 64 beats into bars of usual length; notes and times stay as they are.

    A bar of n beats becomes bars of four beats, of which the last takes what is left over: 65/4 is fifteen bars of 4/4
    and one of 5/4. Where eighths come in threes they become bars of 6/8, halves bars of 2/2.

    Args:
        score: in ticks.

    Returns:
        The Score, and how many of its changes of meter were such; the Score itself when there are none.
    """
    meters = sorted(score.time_signatures, key=lambda meter: meter.time)
    if not any(_is_long(meter.numerator, meter.denominator) for meter in meters):
        return score, 0
    written, cut = [], 0
    ends = [meter.time for meter in meters[1:]] + [last_note_end(score)]
    for meter, end in zip(meters, ends, strict=True):
        bars = _cut_bars(meter, end, score.ticks_per_quarter)
        written += bars or [meter]
        cut += bool(bars)
    shorter = score.copy()
    shorter.time_signatures = TimeSignatureTickList(written)
    return shorter, cut


def bar_parts(numerator: int, denominator: int) -> list[Meter]:
    """The meters of the bars that one long bar is cut into; together they last as long.

    Args:
        numerator: beats of the long bar, at least 8.
        denominator: their note value, a power of two.
    """
    if denominator == 1:
        return [(2, 2)] * numerator
    if denominator > 8:
        whole, rest = divmod(numerator, denominator)
        shared = gcd(rest, denominator // 4)
        return [(4, 4)] * whole + ([(rest // shared, denominator // shared)] if rest else [])
    beats = 2 if denominator == 2 else 6 if denominator == 8 and numerator % 3 == 0 else 4
    count, rest = divmod(numerator, beats)
    return [(beats, denominator)] * (count - 1) + [(beats + rest, denominator)]


def _is_long(numerator: int, denominator: int) -> bool:
    return numerator > MAX_METER_NUMERATOR and denominator in METER_DENOMINATORS


def _cut_bars(meter: TimeSignatureTick, end: int, ticks_per_quarter: int) -> list[TimeSignatureTick]:
    """The changes of meter within a stretch of long bars; none where its meter is not a long one."""
    if not _is_long(meter.numerator, meter.denominator):
        return []
    whole_bar = 4 * ticks_per_quarter * meter.numerator
    parts = bar_parts(meter.numerator, meter.denominator)
    long_bars = max(-(-(end - meter.time) * meter.denominator // whole_bar), 1)
    if long_bars > _MOST_BARS or not all(meter_is_sound(*part, ticks_per_quarter) for part in parts):
        return []
    changes: list[TimeSignatureTick] = []
    passed = 0  # in units of the smallest denominator, so that no rounding adds up
    for numerator, denominator in parts * long_bars:
        tick = meter.time + 4 * ticks_per_quarter * passed // METER_DENOMINATORS[-1]
        passed += numerator * METER_DENOMINATORS[-1] // denominator
        if tick >= end and changes:
            break
        if not changes or (changes[-1].numerator, changes[-1].denominator) != (numerator, denominator):
            changes.append(TimeSignatureTick(tick, numerator, denominator))
    return changes
