"""Whether a model's fills are music and leave alone what they should: random bars of held-out pieces, filled in."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from symusic.core import ScoreTick
from transformers import PreTrainedModel

from symbolic_music.events.track_text import TrackTextCodec
from symbolic_music.generation.compose import Composition, SamplingOptions
from symbolic_music.generation.infill import infill
from symbolic_music.metrics.intervals import wilson_interval
from symbolic_music.score.bars import bar_table
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import TrainingError

MAX_BARS = 4
# Bars and tracks that a model cannot hold are drawn anew so many times for each fill that is wanted.
_TRIES = 5


def evaluate_infilling(
    model: PreTrainedModel,
    processor: MusicProcessor,
    scores: Sequence[ScoreTick],
    num_samples: int,
    options: SamplingOptions,
    on_sample: Callable[[int], Any] | None = None,
) -> dict[str, Any]:
    """Fill one to four bars of all tracks or some, with the grammar and without.

    Args:
        model: that fills.
        processor: of the model.
        scores: held-out pieces; they take turns.
        num_samples: fills of each kind.
        options: how to sample; `use_grammar` is set here, and each fill has a seed of its own.
        on_sample: called with 1 after each fill.

    Returns:
        "with_grammar" and "without_grammar": "samples"; "valid": fills that last as long as their bars, with "share"
        and "interval" (95%, Wilson); "untouched": Scores in which all else is as it was, of the valid; "notes" filled
        in; and "drawn_anew": bars and tracks that could not be asked for, by reason.

    Raises:
        TrainingError: when hardly any of the pieces can be asked for.
    """
    codec = processor.codec
    if not isinstance(codec, TrackTextCodec):
        raise TrainingError(f"only models of track text fill in, not of {codec.codec_type}")
    drawn_anew: Counter[str] = Counter()
    kinds: dict[str, list[tuple[Composition, bool]]] = {"with_grammar": [], "without_grammar": []}
    rng = np.random.default_rng(options.seed)
    for number in range(_TRIES * num_samples):
        if len(kinds["with_grammar"]) == num_samples:
            break
        score = scores[number % len(scores)]
        bars, tracks = _draw(rng, score)
        own = replace(options, seed=options.seed + number)
        try:
            for name, filled in kinds.items():
                asked = replace(own, use_grammar=name == "with_grammar")
                (piece,) = infill(model, processor, score, bars, tracks, 1, asked)
                filled.append(
                    (piece, piece.score is not None and is_untouched(codec, score, piece.score, bars, tracks))
                )
                if on_sample is not None:
                    on_sample(1)
        except ValueError as error:
            drawn_anew[_without_numbers(str(error))] += 1
    if len(kinds["with_grammar"]) < num_samples:
        raise TrainingError(f"too few bars of these pieces can be filled: {dict(drawn_anew)}")
    return {name: _summary(filled) for name, filled in kinds.items()} | {
        "drawn_anew": dict(sorted(drawn_anew.items()))
    }


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


def _summary(filled: Sequence[tuple[Composition, bool]]) -> dict[str, Any]:
    valid = [(piece, untouched) for piece, untouched in filled if piece.valid]
    low, high = wilson_interval(len(valid), len(filled))
    return {
        "samples": len(filled),
        "valid": len(valid),
        "share": len(valid) / len(filled),
        "interval": {"low": low, "high": high},
        "untouched": sum(untouched for _, untouched in valid),
        "notes": sum(piece.num_notes for piece, _ in filled),
    }


def _without_numbers(text: str) -> str:
    return " ".join(word for word in text.split() if not any(letter.isdigit() for letter in word))
