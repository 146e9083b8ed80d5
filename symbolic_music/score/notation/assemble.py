"""A written score played: repeats played out, ties joined, grace notes placed; a Score in ticks.

Works on whole columns of notes, so that a score of 100,000 notes takes a fraction of a second. Knows nothing of files.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from symusic.core import (
    KeySignatureTick,
    KeySignatureTickList,
    NoteTickList,
    TempoTick,
    TempoTickList,
    TimeSignatureTick,
    TimeSignatureTickList,
    TrackTick,
    TrackTickList,
)
from symusic.core import ScoreTick as Score

from symbolic_music.score.checks import MAX_TICK
from symbolic_music.score.chords import ChordSymbol
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.notation.clock import ticks_per_quarter
from symbolic_music.score.notation.grace import place_grace_notes
from symbolic_music.score.notation.playback import count_passes, play_passes
from symbolic_music.score.notation.rows import row_keys
from symbolic_music.score.notation.ties import follow, tie_links
from symbolic_music.score.notation.timeline import Timeline, timeline, to_ticks
from symbolic_music.score.notation.written import MAX_PASS, NoteTable, Placed, T, WrittenKey, WrittenScore
from symbolic_music.score.piece import Piece
from symbolic_music.score.programs import DRUMS

MAX_PLAYED_NOTES = 2_000_000
"""More is no music: the longest act of an opera has some 300,000 notes."""
UNPLAYED_NOTES = "notes for passes that never come"
MOVED_NOTES = "notes moved to the finest grid"


def assemble(written: WrittenScore) -> Piece:
    """Play a written score.

    Tempos hold until the next one that is played, through repeats; the key is always the one written where the music
    is. Notes keep their track through ties.

    Returns:
        Score, chord symbols and what is left out; the rest of the piece is the reader's to say.

    Raises:
        ScoreError: no_notes, corrupt_timing, or too_long with its repeats played out.
    """
    if not written.bars or not len(written.notes):
        raise ScoreError(Refusal.NO_NOTES, None, "expected music, found no notes")
    if written.play_order is None:
        order, passes = play_passes([bar.marks for bar in written.bars])
    else:
        order, passes = written.play_order, count_passes(written.play_order)
    line = timeline(written.bars, order)
    tpq = ticks_per_quarter(written.notes, written.bars)
    if line.end * tpq > MAX_TICK:
        detail = f"expected a piece of at most {MAX_TICK:,} ticks, found {float(line.end * tpq):.3g}"
        raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
    left_out = written.left_out + line.left_out
    score = Score(tpq)
    score.tracks = TrackTickList(_tracks(written, _play_notes(written.notes, line, passes, tpq, left_out)))
    meters = [TimeSignatureTick(to_ticks(time, tpq), *meter) for time, meter in line.meters]
    score.time_signatures = TimeSignatureTickList(meters)
    tempos = _changes(_play(written.tempos, line), line, tpq)
    score.tempos = TempoTickList([TempoTick(tick, qpm) for tick, qpm in tempos])
    keys = _changes(_keys(written.keys, line), line, tpq)
    score.key_signatures = KeySignatureTickList(
        [KeySignatureTick(tick, key.fifths, int(key.minor)) for tick, key in keys]
    )
    chords = tuple(ChordSymbol(line.start(place) + onset, text) for place, onset, text in _play(written.chords, line))
    return Piece(score, chords=chords, left_out=left_out)


def _play_notes(
    notes: NoteTable, line: Timeline, passes: list[int], tpq: int, left_out: Counter[str]
) -> tuple[NoteTable, np.ndarray, np.ndarray]:
    """The notes as played, ties joined, with their starts and ends in ticks."""
    moved = ((notes.onset * tpq) % notes.unit != 0) | (((notes.onset + notes.duration) * tpq) % notes.unit != 0)
    left_out += Counter({MOVED_NOTES: int(moved.sum())})
    index, played_bars = _unfold(notes.bar, line.order)
    if notes.passes.any():
        played_now = _is_played(notes.passes[index], np.asarray(passes, np.int64)[played_bars])
        left_out += Counter({UNPLAYED_NOTES: len(set(index.tolist()) - set(index[played_now].tolist()))})
        index, played_bars = index[played_now], played_bars[played_now]
        if not len(index):
            raise ScoreError(Refusal.NO_NOTES, None, "expected music, found only notes for passes that never come")
    bar_starts = line.start_ticks(tpq)[played_bars]
    played = notes.take(index)
    starts = bar_starts + _rounded(played.onset * tpq, played.unit)
    ends = bar_starts + _rounded((played.onset + played.duration) * tpq, played.unit)
    kept = place_grace_notes(played, starts, ends, tpq, left_out)
    ends = np.maximum(ends, starts + 1)
    links = tie_links(played, starts, ends, tpq)
    ends = ends[follow(links)]
    tied_to = links[links != np.arange(len(links))]
    kept[tied_to] = False
    return played.take(kept), starts[kept], ends[kept]


def _is_played(wanted: np.ndarray, passes: np.ndarray) -> np.ndarray:
    """Whether notes are played that are written for the passes `wanted`, on these passes."""
    return (wanted == 0) | ((passes <= MAX_PASS) & ((wanted >> np.minimum(passes - 1, MAX_PASS)) & 1 > 0))


def _rounded(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    return (2 * numerators + denominators) // (2 * denominators)


def _unfold(bars: np.ndarray, order: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The number of each note for each time that its bar is played, and the place of that bar among the played ones.

    Raises:
        ScoreError: too_long, for more than `MAX_PLAYED_NOTES` notes.
    """
    by_bar = np.argsort(bars, kind="stable")
    ranked, played = bars[by_bar], np.asarray(order, np.int64)
    first = np.searchsorted(ranked, played, side="left")
    counts = np.searchsorted(ranked, played, side="right") - first
    total = int(counts.sum())
    if total > MAX_PLAYED_NOTES:
        detail = f"expected at most {MAX_PLAYED_NOTES:,} notes with repeats played out, found {total:,}"
        raise ScoreError(Refusal.TOO_LONG, None, detail)
    before = np.cumsum(counts) - counts
    within = np.arange(total) - np.repeat(before, counts)
    return by_bar[np.repeat(first, counts) + within], np.repeat(np.arange(len(played)), counts)


def _tracks(written: WrittenScore, played: tuple[NoteTable, np.ndarray, np.ndarray]) -> list[TrackTick]:
    """A track for each that has notes, in the score's order."""
    notes, starts, ends = played
    order = np.argsort(row_keys([notes.track, starts, notes.pitch, ends]), kind="stable")
    edges = np.searchsorted(notes.track[order], np.arange(len(written.tracks) + 1))
    columns = [
        column[order].astype(kind)
        for column, kind in (
            (starts, np.int32),
            (ends - starts, np.int32),
            (notes.pitch, np.int8),
            (notes.velocity, np.int8),
        )
    ]
    tracks = []
    for label, first, end in zip(written.tracks, edges[:-1], edges[1:], strict=True):
        if first < end:
            track = TrackTick(label.name, max(0, label.program), label.program == DRUMS)
            track.notes = NoteTickList.from_numpy(*(column[first:end] for column in columns))
            tracks.append(track)
    return tracks


def _play(placed: Sequence[Placed[T]], line: Timeline) -> Iterator[Placed[T]]:
    """What is placed in bars, each time that its bar is played; `bar` is then the place among the played bars."""
    if not placed:
        return
    by_bar: dict[int, list[Placed[T]]] = {}
    for each in placed:
        by_bar.setdefault(each.bar, []).append(each)
    for found in by_bar.values():
        found.sort(key=lambda each: each.onset)
    for place, bar in enumerate(line.order):
        for each in by_bar.get(bar, ()):
            yield each._replace(bar=place)


def _keys(keys: Sequence[Placed[WrittenKey]], line: Timeline) -> Iterator[Placed[WrittenKey]]:
    """The keys as played: at each jump the one in force where the music goes on."""
    written = sorted(keys, key=lambda each: (each.bar, each.onset))
    if not written:
        return
    in_force, number = [], 0
    for bar in range(max(line.order) + 1):
        while number < len(written) and (written[number].bar, written[number].onset) <= (bar, 0):
            number += 1
        in_force.append(written[number - 1].value if number else None)
    inside = list(_play([each for each in written if each.onset], line))
    opening, last = [], None
    for place, bar in enumerate(line.order):
        key = in_force[bar]
        # A key that goes on need not be said again, but for keys that change within bars.
        if key and (inside or key != last):
            opening.append(Placed(place, Fraction(0), key))
        last = key
    yield from sorted([*opening, *inside], key=lambda each: (each.bar, each.onset))


def _changes(placed: Iterator[Placed[T]], line: Timeline, tpq: int) -> Iterator[tuple[int, T]]:
    """Tick and value of each that differs from the one in force; what opens the first bar holds from tick 0."""
    last: Placed[T] | None = None
    for each in placed:
        if last is None or last.value != each.value:
            start = line.start(each.bar) if each.bar or each.onset else 0
            yield to_ticks(start + each.onset, tpq), each.value
            last = each
