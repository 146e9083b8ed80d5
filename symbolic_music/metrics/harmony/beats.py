"""Where the beats of a Score are, and which are strong. Knows nothing of pitches."""

import numpy as np

from symbolic_music.score.bars import Bars


def beats_per_bar(bars: Bars) -> np.ndarray:
    """How many beats the meter of each bar has, (bars,): 6/8, 9/8 and 12/8 have two, three and four dotted ones.

    A meter whose upper number is a multiple of three, and more than three, is compound (The New Harvard Dictionary of
    Music, "meter").
    """
    compound = (bars.numerators > 3) & (bars.numerators % 3 == 0)
    return np.where(compound, bars.numerators // 3, bars.numerators)


def beat_edges(bars: Bars, ticks_per_quarter: int) -> np.ndarray:
    """The tick at which each beat begins, and where the last one ends; sorted, (beats + 1,), (0,) without bars."""
    if not len(bars):
        return np.empty(0, np.int64)
    counts = beats_per_bar(bars)
    bar = np.repeat(np.arange(len(bars)), counts)
    number = np.arange(len(bar)) - np.repeat(np.cumsum(counts) - counts, counts)
    within = number * _meter_ticks(bars, ticks_per_quarter)[bar] // counts[bar]
    heard = within < bars.lengths[bar]  # a change of meter may cut a bar short
    return np.append(np.unique((bars.starts[bar] + within)[heard]), bars.starts[-1] + bars.lengths[-1])


def strong_beats(bars: Bars, ticks_per_quarter: int) -> np.ndarray:
    """The ticks of the strong beats, sorted: the first of every bar, and the middle one where a bar has four or eight.

    In duple and triple meters the downbeat alone is strong; quadruple meters (4/4, 12/8) have a second strong beat in
    their middle (Lerdahl & Jackendoff, "A Generative Theory of Tonal Music", 1983, section 4.1).
    """
    middles = _meter_ticks(bars, ticks_per_quarter) // 2
    halved = (beats_per_bar(bars) % 4 == 0) & (middles < bars.lengths)
    return np.unique(np.concatenate([bars.starts, (bars.starts + middles)[halved]]))


def _meter_ticks(bars: Bars, ticks_per_quarter: int) -> np.ndarray:
    """Ticks of each bar had no change of meter cut it short, (bars,)."""
    return 4 * ticks_per_quarter * bars.numerators // bars.denominators
