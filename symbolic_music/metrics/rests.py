"""How much of a voice is rests, from the names of its events: what a model that falls silent shows first.

Knows names of events, "Rest_q" and the like, and no codec.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from symbolic_music.metrics.intervals import RESAMPLES, bootstrap_draws, ratio_with_interval

# Events that fill a line; all else is layout.
_MUSIC = ("Rest", "Note", "With", "Tie")
# A bar line within a silence does not end it.
_WITHIN_SILENCE = ("Rest", "Bar")


def count_rests(events: Sequence[str]) -> tuple[int, int]:
    """Rests, and all events that fill lines: rests, notes, chord notes, ties."""
    kinds = [event.partition("_")[0] for event in events]
    return kinds.count("Rest"), sum(kinds.count(kind) for kind in _MUSIC)


def longest_rest_run(events: Sequence[str]) -> int:
    """The most rests that follow each other within a line, bar lines between them or not."""
    longest = run = 0
    for event in events:
        kind = event.partition("_")[0]
        run = run + (kind == "Rest") if kind in _WITHIN_SILENCE else 0
        longest = max(longest, run)
    return longest


def describe_rests(windows: Sequence[Sequence[str]], seed: int = 0) -> dict[str, Any]:
    """The share of rests, and how long they go on.

    Args:
        windows: event names of each.
        seed: of the bootstrap over windows.

    Returns:
        "windows"; "events" that fill lines; "rest_share" of them over all windows, with "rest_share_interval" (95%,
        bootstrap over windows); "longest_run", "longest_run_99": the maximum over windows and the 99th percentile.

    Raises:
        ValueError: when no window has an event that fills a line.
    """
    counts = np.array([count_rests(window) for window in windows]).reshape(-1, 2)
    if not counts[:, 1].sum():
        raise ValueError("no window has a note or a rest")
    rests = ratio_with_interval(counts[:, 0], counts[:, 1], bootstrap_draws(len(counts), RESAMPLES, seed))
    runs = [longest_rest_run(window) for window in windows]
    return {
        "windows": len(windows),
        "events": int(counts[:, 1].sum()),
        "rest_share": rests["share"],
        "rest_share_interval": {"low": rests["low"], "high": rests["high"]},
        "longest_run": max(runs),
        "longest_run_99": float(np.quantile(runs, 0.99)),
    }
