"""Lengths on a grid as the durations of a vocabulary, the longest first. Knows nothing of event names."""

from bisect import bisect_right
from collections.abc import Sequence


def split_length(length: int, durations: Sequence[int]) -> list[int]:
    """A length in steps as durations, each the longest that fits."""
    parts = []
    while length:
        parts.append(durations[bisect_right(durations, length) - 1])
        length -= parts[-1]
    return parts


def check_durations(durations: Sequence[int], longest: int) -> None:
    """Check that durations ascend from 1, and that taking the longest first takes the fewest for every length.

    Args:
        durations: in steps.
        longest: the longest length that is checked.

    Raises:
        ValueError: when they do not.
    """
    if list(durations) != sorted(set(durations)) or not durations or durations[0] != 1:
        raise ValueError(f"expected durations that ascend from 1, got {durations}")
    fewest = [0]
    for length in range(1, longest + 1):
        fewest.append(1 + min(fewest[length - duration] for duration in durations if duration <= length))
        if len(split_length(length, durations)) > fewest[length]:
            raise ValueError(f"taking the longest of {durations} first is a detour for {length} steps")
