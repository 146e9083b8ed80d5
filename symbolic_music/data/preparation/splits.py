"""Which split a piece belongs to: fixed by a hash of its near-duplicate group's content, so that no group is cut.

The split of a group depends on nothing but its own content and the seed: adding files moves only the groups that
they join. Knows nothing of files or rows.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

SPLITS = ("train", "validation", "test")


class SplitBy(StrEnum):
    """What is dealt to the splits as a whole."""

    GROUP = "group"
    """Near-duplicate groups: no setting of a held-out tune is trained on."""
    RANDOM = "random"
    """Single pieces: leaks, and exists to measure how much."""


class SplitError(ValueError):
    """Pieces that cannot be dealt as asked; the message is one line for the user."""


@dataclass(frozen=True)
class SplitFractions:
    """The shares of validation and test; training gets the rest.

    Raises:
        SplitError: when a share is negative or nothing is left to train on.
    """

    validation: float = 0.05
    test: float = 0.05

    def __post_init__(self) -> None:
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise SplitError(
                f"expected fractions >= 0 with a sum below 1, got validation={self.validation} and test={self.test}"
            )


def group_keys(labels: np.ndarray, digests: Sequence[str]) -> list[str]:
    """A name for each piece's group that does not depend on the order of the files: its members' lowest digest."""
    lowest: dict[int, str] = {}
    for label, digest in zip(labels.tolist(), digests, strict=True):
        lowest[label] = min(digest, lowest.get(label, digest))
    return [lowest[label] for label in labels.tolist()]


def group_number(key: str) -> int:
    """A group's key as a non-negative int64: stable when files are added, 2e-9 chance of any clash in 178,000."""
    return int(key[:16], 16) >> 1


def assign_splits(keys: Sequence[str], fractions: SplitFractions, seed: int) -> list[str]:
    """Deal the pieces of equal key to one split, by where the hash of seed and key falls in [0, 1).

    Args:
        keys: one per piece: its group's key, or its own digest for a random split.
        fractions: expected shares.
        seed: another seed, another deal.

    Returns:
        One of SPLITS for each piece.

    Raises:
        SplitError: when there are too few groups to give every wanted split one.
    """
    places = {key: _place(key, seed) for key in set(keys)}
    split_of = {key: _split_at(place, fractions) for key, place in places.items()}
    _fill_empty_splits(split_of, places, fractions)
    return [split_of[key] for key in keys]


def split_hash(splits: Sequence[str], digests: Sequence[str]) -> str:
    """SHA-256 over the sorted lines "split digest": equal for equal contents of the splits, in whatever order."""
    lines = sorted(f"{split} {digest}\n" for split, digest in zip(splits, digests, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check_groups_whole(splits: Sequence[str], labels: np.ndarray) -> None:
    """Check that no group has members in two splits.

    Raises:
        SplitError: naming the group, otherwise.
    """
    seen: dict[int, str] = {}
    for split, label in zip(splits, labels.tolist(), strict=True):
        if seen.setdefault(label, split) != split:
            raise SplitError(f"group {label} is cut: it has pieces in {seen[label]} and in {split}")


def _place(key: str, seed: int) -> float:
    digest = hashlib.sha256(f"{seed}:{key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _split_at(place: float, fractions: SplitFractions) -> str:
    if place < fractions.validation:
        return "validation"
    return "test" if place < fractions.validation + fractions.test else "train"


def _fill_empty_splits(split_of: dict[str, str], places: dict[str, float], fractions: SplitFractions) -> None:
    """Give a wanted split that got nothing, as in small corpora, the group with the lowest hash of the fullest one."""
    wanted = ["train", *(split for split in SPLITS[1:] if getattr(fractions, split) > 0)]
    if len(split_of) < len(wanted):
        raise SplitError(
            f"{len(split_of)} near-duplicate groups cannot fill {len(wanted)} splits: expected more music, "
            "or fractions of 0 for validation and test"
        )
    for split in wanted:
        owners = list(split_of.values())
        if split not in owners:
            fullest = max(SPLITS, key=owners.count)
            members = [key for key, owner in split_of.items() if owner == fullest]
            split_of[min(members, key=lambda key: (places[key], key))] = split
