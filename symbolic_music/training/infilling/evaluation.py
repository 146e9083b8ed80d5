"""Whether a model's fills are music and leave alone what they should, and what they are like beside what people wrote
there: random bars of held-out pieces, filled in."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from symusic.core import NoteTickList, ScoreTick
from transformers import PreTrainedModel

from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.generation.compose import Composition, SamplingOptions
from symbolic_music.generation.infill import infill
from symbolic_music.metrics.intervals import wilson_interval
from symbolic_music.metrics.memorisation.copies import CopyLimits
from symbolic_music.metrics.memorisation.report import compare_copies, without_pieces
from symbolic_music.metrics.memorisation.training_index import MemorisationIndex
from symbolic_music.metrics.statistics import NOTE_STATISTICS, compare_measured, measure_pieces
from symbolic_music.score.bars import bar_table
from symbolic_music.score.transforms.edit import cut_bars
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import TrainingError

MAX_BARS = 4
# Bars and tracks that a model cannot hold are drawn anew so many times for each fill that is wanted.
_TRIES = 5


@dataclass(frozen=True)
class Fill:
    """Some bars of some tracks of a piece, filled in.

    Attributes:
        number: of the piece.
        piece: with the fill.
        untouched: whether all else is as it was.
        human: the bars of the tracks that were asked for, alone, on the model's grid, as they were.
        filled: the same with the fill; None where it is no music.
        seconds: that it took.
    """

    number: int
    piece: Composition
    untouched: bool
    human: ScoreTick
    filled: ScoreTick | None
    seconds: float


def fill_pieces(
    model: PreTrainedModel,
    processor: MusicProcessor,
    scores: Sequence[ScoreTick],
    num_samples: int,
    options: SamplingOptions,
    on_sample: Callable[[int], Any] | None = None,
) -> tuple[dict[str, list[Fill]], dict[str, int]]:
    """Fill one to four bars of all tracks or some, with the grammar and without.

    Args:
        model: that fills.
        processor: of the model.
        scores: held-out pieces; they take turns.
        num_samples: fills of each kind.
        options: how to sample; `use_grammar` is set here, and each fill has a seed of its own.
        on_sample: called with 1 after each fill.

    Returns:
        "with_grammar" and "without_grammar", the same bars in both; and how often bars and tracks were drawn anew that
        could not be asked for, by reason.

    Raises:
        TrainingError: when hardly any of the pieces can be asked for.
    """
    codec = processor.codec
    if not isinstance(codec, TrackTextCodec):
        raise TrainingError(f"only models of track text fill in, not of {codec.codec_type}")
    drawn_anew: Counter[str] = Counter()
    kinds: dict[str, list[Fill]] = {"with_grammar": [], "without_grammar": []}
    rng = np.random.default_rng(options.seed)
    for tried in range(_TRIES * num_samples):
        if len(kinds["with_grammar"]) == num_samples:
            break
        number = tried % len(scores)
        bars, tracks = _draw(rng, scores[number])
        own = replace(options, seed=options.seed + tried)
        try:
            for name, fills in kinds.items():
                asked = replace(own, use_grammar=name == "with_grammar")
                fills.append(_fill(model, processor, codec, scores[number], number, bars, tracks, asked))
                if on_sample is not None:
                    on_sample(1)
        except ValueError as error:
            drawn_anew[_without_numbers(str(error))] += 1
    if len(kinds["with_grammar"]) < num_samples:
        raise TrainingError(f"too few bars of these pieces can be filled: {dict(drawn_anew)}")
    return kinds, dict(sorted(drawn_anew.items()))


def describe_fills(fills: Sequence[Fill]) -> dict[str, Any]:
    """How many fills are music.

    Returns:
        "samples"; "valid": fills that last as long as their bars, with "share" and "interval" (95%, Wilson);
        "untouched": Scores in which all else is as it was, of the valid; "notes" filled in; notes and tokens a second.
    """
    valid = [fill for fill in fills if fill.piece.valid]
    low, high = wilson_interval(len(valid), len(fills))
    notes = sum(fill.piece.num_notes for fill in fills)
    tokens = sum(len(fill.piece.ids) - fill.piece.num_prompt_tokens for fill in fills)
    seconds = sum(fill.seconds for fill in fills)
    return {
        "samples": len(fills),
        "valid": len(valid),
        "share": len(valid) / len(fills),
        "interval": {"low": low, "high": high},
        "untouched": sum(fill.untouched for fill in valid),
        "notes": notes,
        "notes_per_second": notes / seconds,
        "tokens_per_second": tokens / seconds,
    }


def compare_with_human(fills: Sequence[Fill], seed: int) -> dict[str, Any]:
    """What fills are like, beside what people wrote in the same bars.

    Args:
        fills: those that are no music are left out.
        seed: of the bootstraps.

    Returns:
        See `metrics.statistics.compare_pieces`; without the statistics that need more than some bars.

    Raises:
        ValueError: with fewer than three fills that are music.
    """
    filled, human = _valid(fills)
    ours, theirs = (measure_pieces(scores, NOTE_STATISTICS) for scores in (filled, human))
    return compare_measured(ours, theirs, seed)


def copies_in_fills(
    fills: Sequence[Fill], index: MemorisationIndex, groups: Sequence[int], seed: int, limits: CopyLimits | None = None
) -> dict[str, Any]:
    """What fills copy from the training pieces, beside what people wrote in the same bars.

    Args:
        fills: those that are no music are left out.
        index: of the training pieces.
        groups: near-duplicate group of each piece that was filled, by number.
        seed: of the bootstraps.
        limits: when a run of notes counts.

    Returns:
        See `metrics.memorisation.report.compare_copies`; without single pieces.

    Raises:
        ValueError: when not one fill is music.
    """
    filled, human = _valid(fills)
    of_human = [groups[fill.number] for fill in fills if fill.filled is not None]
    return without_pieces(compare_copies(index, filled, human, limits, human_groups=of_human, seed=seed))


def _valid(fills: Sequence[Fill]) -> tuple[list[ScoreTick], list[ScoreTick]]:
    """The fills that are music, and what people wrote in their bars."""
    pairs = [(fill.filled, fill.human) for fill in fills if fill.filled is not None]
    if not pairs:
        raise ValueError(f"not one of {len(fills)} fills is music")
    return [filled for filled, _ in pairs], [human for _, human in pairs]


def _fill(
    model: PreTrainedModel,
    processor: MusicProcessor,
    codec: TrackTextCodec,
    score: ScoreTick,
    number: int,
    bars: tuple[int, int],
    tracks: Sequence[int],
    options: SamplingOptions,
) -> Fill:
    started = time.perf_counter()
    (piece,) = infill(model, processor, score, bars, tracks, 1, options)
    seconds = time.perf_counter() - started
    filled, untouched = None, False
    if piece.score is not None:
        filled = _alone(codec, piece.score, bars, tracks)
        untouched = is_untouched(codec, score, piece.score, bars, tracks)
    return Fill(number, piece, untouched, _alone(codec, score, bars, tracks), filled, seconds)


def _alone(codec: TrackTextCodec, score: ScoreTick, bars: tuple[int, int], tracks: Sequence[int]) -> ScoreTick:
    """The bars of the tracks, and nothing else, on the codec's grid."""
    cut = cut_bars(codec.move_to_grid(score), bars[0], bars[1] - bars[0])
    for number, track in enumerate(cut.tracks):
        if number not in tracks:
            track.notes = NoteTickList([])
    return cut


def _draw(rng: np.random.Generator, score: ScoreTick) -> tuple[tuple[int, int], list[int]]:
    """Bars, and all tracks with notes or some of them."""
    count = len(bar_table(score))
    length = int(rng.integers(1, min(MAX_BARS, count) + 1))
    first = int(rng.integers(0, count - length + 1))
    playing = [number for number, track in enumerate(score.tracks) if len(track.notes)]
    some = len(playing) if rng.random() < 0.5 else int(rng.integers(1, len(playing) + 1))
    return (first, first + length), sorted(rng.permutation(playing)[:some].tolist())


def is_untouched(
    codec: TrackTextCodec, before: ScoreTick, after: ScoreTick, bars: tuple[int, int], tracks: Sequence[int]
) -> bool:
    """Whether two Scores differ in nothing but notes that begin in these bars of these tracks."""
    table = bar_table(codec.move_to_grid(before))
    begin, end = int(table.starts[bars[0]]), int(table.starts[bars[1] - 1] + table.lengths[bars[1] - 1])
    lists = ("tempos", "time_signatures", "key_signatures", "markers")
    if before.ticks_per_quarter != after.ticks_per_quarter or len(before.tracks) != len(after.tracks):
        return False
    if any(list(getattr(before, name)) != list(getattr(after, name)) for name in lists):
        return False
    return all(
        _notes(codec, before, number, (begin, end) if number in tracks else None)
        == _notes(codec, after, number, (begin, end) if number in tracks else None)
        for number in range(len(before.tracks))
    )


def _notes(
    codec: TrackTextCodec, score: ScoreTick, track: int, but_for: tuple[int, int] | None
) -> list[tuple[int, int, int, int]]:
    """The notes of a track in order, without those that begin, to the nearest step, in a span of steps."""
    steps = codec.move_to_grid(score).tracks[track].notes
    begin, end = but_for or (0, 0)
    return sorted(
        (note.time, note.duration, note.pitch, note.velocity)
        for note, moved in zip(score.tracks[track].notes, steps, strict=True)
        if not begin <= moved.time < end
    )


def _without_numbers(text: str) -> str:
    return " ".join(word for word in text.split() if not any(letter.isdigit() for letter in word))
