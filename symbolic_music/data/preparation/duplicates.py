"""Near-duplicate groups: which pieces are settings of the same music, whatever their key, tempo and ornaments.

A piece becomes the set of its shingles: runs of six successive pitch intervals of each track's top line. Intervals
forget the key; leaving durations out forgets the tempo and the dotted rhythms in which tune books differ; a set
forgets how often a part is repeated. Sets are compared by their MinHash signatures (Broder 1997), candidates come
from locality-sensitive hashing. Knows nothing of files, rows or splits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from symusic.core import ScoreTick as Score
from symusic.core import TrackTick

from symbolic_music._extras import require

SHINGLE_INTERVALS = 6
NUM_PERMUTATIONS = 256
MINHASH_SEED = 1
BAND_ROWS = 2
"""256 permutations in 128 bands of 2 find 99.8% of the pairs of the folk corpus with Jaccard >= 0.15."""
BANDS = range(NUM_PERMUTATIONS // BAND_ROWS)
MAX_BUCKET = 64
"""Larger buckets hold a run common to a whole style; their members are compared in a chain, not all with all."""
DEFAULT_THRESHOLD = 0.12
"""Lowest estimated Jaccard similarity of a link.

On the folk corpus unrelated tunes lie below 0.10, about half of the pairs between 0.12 and 0.15 share a strain
("Because He Was a Bonnie Lad" and "The bonny Lad.": 0.14), and nearly all above 0.15 do. The standard deviation of the
estimate is 0.025 there. At 0.12 the largest of 3,414 groups has 8 tunes; at 0.10 chains of up to 31 begin."""
_PAIRS_AT_ONCE = 65_536
_PAIRS_COMPARED_AT_ONCE = 4_096
_HASHES_AT_ONCE = 2_048

_HASH_FACTORS = np.random.default_rng(0x5EED).integers(1, 2**63, SHINGLE_INTERVALS, dtype=np.uint64) | np.uint64(1)


@dataclass(frozen=True)
class Groups:
    """Near-duplicate groups of n pieces.

    Args:
        labels: (n,) int64, the index of each piece's first group member.
        links: (m, 2) int64, the pairs of pieces at or above the threshold, most similar first.
        similarities: (m,) float64, estimated Jaccard similarity of each link.
        refused_links: how many links were not followed because the group would have grown beyond its limit.
    """

    labels: np.ndarray
    links: np.ndarray
    similarities: np.ndarray
    refused_links: int


def shingles(score: Score) -> np.ndarray:
    """The shingles of a piece as sorted unique hashes, uint32; empty only when it has fewer than two notes.

    Drums have no pitch intervals: they count, as runs of instruments, only in pieces of nothing but drums.
    """
    pitched = [_top_line(track) for track in score.tracks if not track.is_drum]
    found = [_hash_runs(np.diff(line)) for line in pitched]
    if not any(len(hashes) for hashes in found):
        found = [_hash_runs(track.notes.numpy()["pitch"].astype(np.int64)) for track in score.tracks if track.is_drum]
    return np.unique(np.concatenate([*found, np.empty(0, np.uint32)]))


def signature(hashes: np.ndarray) -> np.ndarray:
    """MinHash signature (NUM_PERMUTATIONS,) uint32 of a set of shingles."""
    minhash = _empty_minhash().copy()
    # The minimum over parts is that over the whole; at once, 30,000 shingles would take 200 MB.
    for start in range(0, len(hashes), _HASHES_AT_ONCE):
        minhash.update_batch(hashes[start : start + _HASHES_AT_ONCE].tolist())
    return minhash.hashvalues


def find_groups(
    signatures: np.ndarray,
    is_empty: np.ndarray,
    threshold: float = DEFAULT_THRESHOLD,
    max_group: int | None = None,
    pairs: np.ndarray | None = None,
) -> Groups:
    """Group pieces that are linked, directly or through others, by a similarity at or above the threshold.

    Links are followed from the most similar down (Kruskal), and none that would make a group larger than
    `max_group`: a giant group chained together by ever weaker links cannot be dealt to any split.

    Args:
        signatures: (n, NUM_PERMUTATIONS) uint32.
        is_empty: (n,) bool, pieces without any shingle; each is a group of its own.
        threshold: lowest estimated Jaccard similarity of a link, in (0, 1].
        max_group: largest group in pieces; default 1% of the pieces, but at least 50.
        pairs: what `similar_pairs` found for them in all bands, where it is known.

    Raises:
        ValueError: for a threshold outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"expected a threshold in (0, 1], got {threshold}")
    count = len(signatures)
    limit = max(50, count // 100) if max_group is None else max_group
    if pairs is None:
        pairs = similar_pairs(signatures, is_empty, threshold)
    links = np.stack(np.divmod(pairs, max(count, 1)), axis=1)
    similarities = _similarities(signatures, links)
    order = np.argsort(-similarities, kind="stable")
    links, similarities = links[order], similarities[order]
    labels, refused = _join(count, links, limit)
    return Groups(labels=labels, links=links, similarities=similarities, refused_links=refused)


def similar_pairs(
    signatures: np.ndarray, is_empty: np.ndarray, threshold: float, bands: Sequence[int] = BANDS
) -> np.ndarray:
    """All candidate pairs of some bands that are at or above the threshold.

    Bands are sorted one after the other: datasketch's MinHashLSH keeps a Python set for each bucket of each band,
    which is 23 million sets for the 178,000 files of the Lakh MIDI dataset.

    Args:
        signatures: (n, NUM_PERMUTATIONS) uint32.
        is_empty: (n,) bool, pieces without any shingle, which are in no pair.
        threshold: lowest estimated Jaccard similarity.
        bands: numbers of them. What several calls find is put together by `numpy.unique`.

    Returns:
        (m,) int64, rising: `n * first + second` for each pair, since a tuple takes ten times the memory.
    """
    count, members = len(signatures), np.flatnonzero(~is_empty)
    # Of values that are equal the last bytes are: comparing those takes a quarter of the memory that is to be read.
    last_bytes = signatures.astype(np.uint8)
    found, held, size = np.empty(0, np.int64), [np.empty(0, np.int64)], 0
    for band in bands:
        rows = slice(band * BAND_ROWS, (band + 1) * BAND_ROWS)
        for candidates in _candidates(signatures[members, rows]):
            pairs = members[candidates]
            pairs = pairs[~_is_in(found, pairs[:, 0] * count + pairs[:, 1])]  # copies agree in most bands
            likely = pairs[_similarities(last_bytes, pairs) >= threshold]
            similar = likely[_similarities(signatures, likely) >= threshold]
            held.append(similar[:, 0] * count + similar[:, 1])
            size += len(similar)
            if size > len(found) // 4 + _PAIRS_AT_ONCE:
                found, held, size = np.unique(np.concatenate([found, *held])), [], 0
    return np.unique(np.concatenate([found, *held]))


def _top_line(track: TrackTick) -> np.ndarray:
    """The highest pitch at each onset of a track, in time, int64."""
    notes = track.notes.numpy()
    onsets, pitches = notes["time"], notes["pitch"].astype(np.int64)
    order = np.lexsort((-pitches, onsets))
    first = np.diff(onsets[order], prepend=-1) != 0
    return pitches[order][first]


def _hash_runs(values: np.ndarray) -> np.ndarray:
    """Hashes of all runs of SHINGLE_INTERVALS values; of the whole where it is shorter; uint32.

    Runs that stay on one note are left out: every repeated bass note makes them, whatever the piece.
    """
    if 0 < len(values) < SHINGLE_INTERVALS:
        values = np.pad(values, (0, SHINGLE_INTERVALS - len(values)))
    if not len(values):
        return np.empty(0, np.uint32)
    runs = np.lib.stride_tricks.sliding_window_view(values, SHINGLE_INTERVALS)
    runs = runs[(runs != 0).any(axis=1)]
    mixed = (runs.astype(np.uint64) * _HASH_FACTORS).sum(axis=1, dtype=np.uint64)
    return (mixed >> np.uint64(32)).astype(np.uint32)


def _identity(value: int) -> int:
    return value


@cache
def _empty_minhash() -> Any:
    """A MinHash of the empty set; made once, since drawing its permutations costs more than using them."""
    return require("datasketch").MinHash(
        num_perm=NUM_PERMUTATIONS, seed=MINHASH_SEED, hashfunc=_identity, scheme="affine32"
    )


def _is_in(ordered: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Which numbers (m,) are among ordered ones, (m,) bool."""
    places = np.searchsorted(ordered, numbers)
    return np.append(ordered, -1)[places] == numbers


def _similarities(values: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The share of equal values of each pair's rows (n, NUM_PERMUTATIONS), (m,) float64."""
    equal = np.zeros(len(pairs), np.int64)
    for start in range(0, len(pairs), _PAIRS_COMPARED_AT_ONCE):
        part = pairs[start : start + _PAIRS_COMPARED_AT_ONCE]
        bits = np.packbits(values[part[:, 0]] == values[part[:, 1]], axis=1).view(np.uint64)
        equal[start : start + len(part)] = np.bitwise_count(bits).sum(axis=1)
    return equal / NUM_PERMUTATIONS


def _candidates(band: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs (k, 2), lower index first, of rows that agree in a band (n, BAND_ROWS) uint32.

    Of a small bucket all pairs, of a large one each member with the next; at most n * MAX_BUCKET / 2.
    """
    keys = np.ascontiguousarray(band).view(np.uint64).ravel()
    order = np.argsort(keys, kind="stable")  # leaves the members of a bucket in rising order
    starts = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]]))
    sizes = np.diff(starts, append=len(keys))
    ends = np.repeat(starts + sizes, sizes)
    reach = np.repeat(np.where(sizes > MAX_BUCKET, 1, sizes - 1), sizes)
    places, lag = np.arange(len(keys)), 1
    while len(places := places[(places + lag < ends[places]) & (lag <= reach[places])]):
        yield np.stack([order[places], order[places + lag]], axis=1)
        lag += 1


def _join(count: int, links: np.ndarray, limit: int) -> tuple[np.ndarray, int]:
    """Follow links in order; returns each piece's group as its lowest member's index, and the links not followed."""
    parent = list(range(count))
    size = [1] * count
    refused = 0

    def find(piece: int) -> int:
        while parent[piece] != piece:
            parent[piece] = parent[parent[piece]]
            piece = parent[piece]
        return piece

    for left, right in links.tolist():
        low, high = sorted((find(left), find(right)))
        if low == high:
            continue
        if size[low] + size[high] > limit:
            refused += 1
            continue
        parent[high] = low
        size[low] += size[high]
    return np.array([find(piece) for piece in range(count)], dtype=np.int64), refused
