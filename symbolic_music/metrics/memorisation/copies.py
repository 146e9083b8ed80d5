"""What a piece copies from training: its longest run of notes that is there, in whatever key and at whatever tempo,
how much of it such runs cover, and the piece nearest to it.

A copy of n notes is n successive notes of a line (`lines.find_lines`) whose n - 1 intervals in semitones and whose
n - 2 ratios of successive inter-onset intervals, in classes (`lines.RATIO_EDGES`), are those of a line of one training
piece. So neither transposition nor tempo, nor doubled or halved note values change it. Durations do not count, since a
rest in place of a held note hides no copy. A run counts by its fresh notes (`freshness`): a drone is no copy. Onsets
are taken as written: ratios of what was played and not quantised are noise, and so is what they match.

Knows pieces and an index; nothing of models or files.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.metrics.memorisation.freshness import fresh_notes, latest_repeats
from symbolic_music.metrics.memorisation.line_index import join_lines
from symbolic_music.metrics.memorisation.lines import NotePlaces, PieceLines, find_lines, note_places
from symbolic_music.metrics.memorisation.training_index import MemorisationIndex

COVER_NOTES = 12
ALARM_NOTES = 16
"""See `CopyLimits`."""
_MAX_OCCURRENCES = 1000
"""A run found more often than this says nothing about which piece it is from."""
_PIECES_AT_ONCE = 32


@dataclass(frozen=True)
class CopyLimits:
    """When a run counts.

    Attributes:
        cover_notes: a run with at least so many fresh notes covers its notes. Most held-out folk tunes share a shorter
            one with training.
        alarm_notes: a run with at least so many fresh notes raises the alarm. 16 is above all of 8,000 pairs of
            unrelated pieces, songs, chorales, tunes and game music (the highest has 15); of the runs of 24 notes in
            folk tunes 97% have as many.
    """

    cover_notes: int = COVER_NOTES
    alarm_notes: int = ALARM_NOTES

    def __post_init__(self):
        if not 4 <= self.cover_notes <= self.alarm_notes:
            raise ValueError(
                f"cover_notes is {self.cover_notes} and alarm_notes {self.alarm_notes}; expected 4 or more, and "
                "the alarm at no fewer than what covers"
            )


@dataclass(frozen=True)
class CopiedRun:
    """A run of notes that a training piece has too, and that neither end can be extended.

    Attributes:
        notes: its length.
        fresh: those of them that are not a repetition within the run.
        track: number of the track in which it begins, in the Score's order from 0.
        quarter: onset of its first note in quarter notes.
        last_quarter: onset of its last note.
        bar: bar of its first note, the first is 1.
        piece: name of a training piece that holds it; there may be others.
        piece_quarter: where it begins there.
        piece_bar: bar in which it begins there.
    """

    notes: int
    fresh: int
    track: int
    quarter: float
    last_quarter: float
    bar: int
    piece: str
    piece_quarter: float
    piece_bar: int


@dataclass(frozen=True)
class Memorisation:
    """What a piece copies.

    Attributes:
        notes: its pitched notes.
        runs: those with `cover_notes` fresh notes or more, the one with the most first. One tune may be found in
            several lines.
        longest: the run with the most fresh notes, of whatever length; None without any line.
        covered: share of the notes that lie in `runs`; 0 without notes.
        nearest: the training piece that holds most of the covered notes in runs of `cover_notes` notes; None when
            none are covered.
        nearest_share: share of the notes that it holds so.
        alarm: whether the longest run has `alarm_notes` fresh notes or more.
    """

    notes: int
    runs: list[CopiedRun]
    longest: CopiedRun | None
    covered: float
    nearest: str | None
    nearest_share: float
    alarm: bool


def find_copies(
    index: MemorisationIndex,
    scores: Sequence[Score],
    limits: CopyLimits | None = None,
    ignore_before: float | Sequence[float] = 0.0,
    on_piece: Callable[[int], Any] | None = None,
) -> list[Memorisation]:
    """What each piece copies from the indexed ones.

    Args:
        index: of the training pieces.
        scores: the pieces, none of which may be among them. Written on the same grid: rounding to another changes
            rhythms, so quantise both or neither.
        limits: when a run counts; `CopyLimits()` when left out.
        ignore_before: notes that begin before this, in quarter notes, are passed over: those of a prompt. For all
            pieces or each.
        on_piece: called with the number of pieces done since the last call.

    Raises:
        ScoreError: corrupt_timing, when a Score's ticks per quarter note are not positive.
        ValueError: when `ignore_before` has not one number for each piece.
    """
    starts = np.broadcast_to(np.asarray(ignore_before, np.float64), len(scores))
    found: list[Memorisation] = []
    for first in range(0, len(scores), _PIECES_AT_ONCE):
        batch = scores[first : first + _PIECES_AT_ONCE]
        query = _Query(batch, starts[first : first + _PIECES_AT_ONCE])
        found += _copies_of(index, query, limits or CopyLimits())
        if on_piece is not None:
            on_piece(len(batch))
    return found


class _Query:
    """The lines of some pieces as one text, and the note of which piece each of its notes is.

    Attributes:
        pieces: notes and lines of each.
        places: where the notes of each stand.
        counts: notes of each.
        first_notes: the number of each piece's first note among the notes of all.
        note_owners: the piece of each of those.
        text: lines laid end to end.
        owners: the piece of each note of the text.
        notes: the number of each note of the text among the notes of all.
    """

    def __init__(self, scores: Sequence[Score], ignore_before: np.ndarray):
        self.pieces: list[PieceLines] = [
            find_lines(score, start) for score, start in zip(scores, ignore_before.tolist(), strict=True)
        ]
        self.places: list[NotePlaces] = [
            note_places(score, piece.onsets) for score, piece in zip(scores, self.pieces, strict=True)
        ]
        self.text = join_lines([piece.symbols(line) for piece in self.pieces for line in piece.lines])
        self.counts = np.array([len(piece.onsets) for piece in self.pieces], np.int64)
        self.first_notes = np.cumsum(self.counts) - self.counts
        sizes = [sum(map(len, piece.lines)) for piece in self.pieces]
        self.owners = np.repeat(np.arange(len(sizes)), sizes)
        self.note_owners = np.repeat(np.arange(len(sizes)), self.counts)
        numbered = zip(self.pieces, self.first_notes, strict=True)
        notes = [line + first for piece, first in numbered for line in piece.lines]
        self.notes = np.concatenate([np.zeros(0, np.int64), *notes])


@dataclass(frozen=True)
class _Runs:
    """Runs that cannot be extended.

    Attributes:
        starts: first note, of the text, (runs,).
        notes: how many, (runs,).
        fresh: how many of them are fresh, (runs,).
        places: where they stand in the index, (runs,).
    """

    starts: np.ndarray
    notes: np.ndarray
    fresh: np.ndarray
    places: np.ndarray

    def __getitem__(self, chosen: np.ndarray) -> "_Runs":
        return _Runs(self.starts[chosen], self.notes[chosen], self.fresh[chosen], self.places[chosen])


def _copies_of(index: MemorisationIndex, query: _Query, limits: CopyLimits) -> list[Memorisation]:
    repeats = latest_repeats(query.text)
    runs = _maximal_runs(index, query, repeats)
    covering = runs[runs.fresh >= limits.cover_notes]
    in_run = np.zeros(len(query.text) // 2, dtype=bool)
    in_run[_spans(covering.starts, covering.notes)] = True
    covered = np.bincount(query.note_owners[np.unique(query.notes[in_run])], minlength=len(query.pieces))
    nearest = _nearest_pieces(index, query, covering, repeats, limits.cover_notes)
    return [
        _memorisation(index, query, runs[query.owners[runs.starts] == owner], limits, owner, covered[owner], nearest)
        for owner in range(len(query.pieces))
    ]


def _memorisation(
    index: MemorisationIndex,
    query: _Query,
    runs: _Runs,
    limits: CopyLimits,
    owner: int,
    covered: int,
    nearest: dict[int, tuple[int, int]],
) -> Memorisation:
    ranked = runs[np.lexsort((runs.starts, -runs.notes, -runs.fresh))]
    longest = next(_described(index, query, ranked), None)
    counting = ranked[ranked.fresh >= limits.cover_notes]
    notes = int(query.counts[owner])
    piece, shared = nearest.get(owner, (None, 0))
    return Memorisation(
        notes=notes,
        runs=list(_described(index, query, counting)),
        longest=longest,
        covered=int(covered) / notes if notes else 0.0,
        nearest=None if piece is None else index.names[piece],
        nearest_share=shared / notes if notes else 0.0,
        alarm=longest is not None and longest.fresh >= limits.alarm_notes,
    )


def _maximal_runs(index: MemorisationIndex, query: _Query, repeats: np.ndarray) -> _Runs:
    """The longest run from every note, unless it is but the rest of the one before."""
    matches = index.lines.match(query.text)
    before = np.concatenate([np.zeros(1, np.int64), matches.notes])[: len(matches.notes)]
    starts = np.flatnonzero((matches.notes >= before) & (matches.notes > 1))
    notes = matches.notes[starts]
    fresh = [fresh_notes(repeats, *run) for run in zip(starts.tolist(), notes.tolist(), strict=True)]
    return _Runs(starts, notes, np.array(fresh, np.int64), matches.places[starts])


def _described(index: MemorisationIndex, query: _Query, runs: _Runs) -> Iterator[CopiedRun]:
    for start, notes, fresh, place in zip(runs.starts, runs.notes, runs.fresh, runs.places, strict=True):
        owner = query.owners[start]
        first, last = query.notes[[start, start + notes - 1]] - query.first_notes[owner]
        places = query.places[owner]
        yield CopiedRun(
            notes=int(notes),
            fresh=int(fresh),
            track=int(query.pieces[owner].tracks[first]),
            quarter=float(places.quarters[first]),
            last_quarter=float(places.quarters[last]),
            bar=int(places.bars[first]),
            piece=index.names[index.pieces_of(np.array([place]))[0]],
            piece_quarter=float(index.quarters[place]),
            piece_bar=int(index.bars[place]),
        )


def _nearest_pieces(
    index: MemorisationIndex, query: _Query, covering: _Runs, repeats: np.ndarray, length: int
) -> dict[int, tuple[int, int]]:
    """For each piece of the query that is covered, the training piece that holds most of it, and how many notes.

    Every window of `length` notes within a covering run is looked up, unless less than half of it is fresh.
    """
    windows = np.unique(_spans(covering.starts, covering.notes - length + 1))
    if not len(windows):
        return {}
    fresh = length - (repeats[windows[:, None] + np.arange(length)] >= windows[:, None]).sum(axis=1)
    windows = windows[2 * fresh >= length]
    first, last = index.lines.occurrences(query.text, windows, length)
    telling = last - first <= _MAX_OCCURRENCES
    windows, first, counts = windows[telling], first[telling], (last - first)[telling]
    holders = index.pieces_of(index.lines.order[_spans(first, counts)].astype(np.int64))
    held = _distinct_pairs(np.repeat(windows, counts), holders)
    notes = query.notes[held[:, :1] + np.arange(length)].ravel()
    held = _distinct_pairs(notes, np.repeat(held[:, 1], length))
    return _most_held(query.note_owners[held[:, 0]], held[:, 1])


def _most_held(owners: np.ndarray, holders: np.ndarray) -> dict[int, tuple[int, int]]:
    """For each owner, the holder that occurs with it most often, the first of equals, and how often."""
    pairs, counts = np.unique(np.stack([owners, holders], axis=1), axis=0, return_counts=True)
    best: dict[int, tuple[int, int]] = {}
    for (owner, holder), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        if owner not in best or count > best[owner][1]:
            best[owner] = (holder, count)
    return best


def _distinct_pairs(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Each pair once, (pairs, 2)."""
    width = int(right.max(initial=0)) + 1
    keys = np.unique(left * width + right)
    return np.stack([keys // width, keys % width], axis=1)


def _spans(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The numbers start, start + 1 … of each span, one span after the other."""
    lengths = np.maximum(lengths, 0)
    offsets = np.cumsum(lengths) - lengths
    return np.repeat(starts - offsets, lengths) + np.arange(int(lengths.sum()))
