"""Bar-alignment error: how often the voices of an ABC tune disagree on how long a bar lasts. Lower is better.

Wang et al., "NotaGen: Advancing musicality in symbolic music generation with large language model training paradigms",
2025. Meant for text that a model wrote freely; a Score, whose bars are cut from one clock, has no such error.
"""

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from symbolic_music.metrics.intervals import RESAMPLES, bootstrap_draws, ratio_with_interval
from symbolic_music.score.abc.bars import voice_bars


def misaligned_bars(text: str) -> tuple[int, int]:
    """Bars of one tune, by place, whose length differs between voices or which a voice lacks; and all its bars.

    A tune of one voice has none. No meter is asked: bars that are all too short agree.
    """
    voices = voice_bars(text).values()
    bars = list(zip_longest(*voices))
    return sum(len(set(bar)) > 1 for bar in bars), len(bars)


def bar_alignment_error(texts: Sequence[str], seed: int = 0, resamples: int = RESAMPLES) -> dict[str, float]:
    """The share of all bars whose voices disagree on duration.

    Args:
        texts: tunes, one each.
        seed: of the bootstrap over tunes.
        resamples: of the bootstrap.

    Returns:
        "tunes", "bars", "misaligned"; "share", with "low" and "high" of its 95% interval.

    Raises:
        ValueError: when no tune has a bar.
    """
    counts = np.array([misaligned_bars(text) for text in texts]).reshape(-1, 2)
    misaligned, bars = counts.T
    if not bars.sum():
        raise ValueError(f"no bars in {len(texts)} tunes")
    draws = bootstrap_draws(len(texts), resamples, seed)
    return {
        "tunes": len(texts),
        "bars": int(bars.sum()),
        "misaligned": int(misaligned.sum()),
        **ratio_with_interval(misaligned, bars, draws),
    }
