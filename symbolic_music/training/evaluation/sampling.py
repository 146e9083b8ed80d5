"""How many samples are music, for the grammar and for other programs, and how they rest. Knows no model."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from symusic.core import ScoreTick

from symbolic_music.data.preparation.workers import Failure, map_in_order
from symbolic_music.events.grammar import FORBIDDEN
from symbolic_music.generation.compose import Composition
from symbolic_music.metrics.intervals import wilson_interval
from symbolic_music.metrics.rests import count_rests, describe_rests
from symbolic_music.score.abc.readers import READER_MODULES, OtherReaders, read_by_others
from symbolic_music.score.abc.write import abc_text, written_bar_quarters
from symbolic_music.score.checks import sounding_quarters
from symbolic_music.tokenization.processing_music import MusicProcessor

# music21 takes a fifth of a second for a tune.
_READER_SECONDS = 120.0


def sampled_rests(pieces: Sequence[Composition], processor: MusicProcessor, seed: int) -> dict[str, Any] | None:
    """The rests of all that was sampled, whole pieces or not; None without a note or a rest."""
    events = [processor.ids_to_events(piece.ids) for piece in pieces]
    return describe_rests(events, seed) if any(count_rests(piece)[1] for piece in events) else None


def validity(pieces: Sequence[Composition], processor: MusicProcessor) -> dict[str, Any]:
    """How many pieces decode to a complete Score with no token dropped or repaired.

    A piece that decodes is encoded again; it counts only when the very same ids come back.

    Returns:
        "pieces", "valid", "share", "interval" (95%, see `wilson_interval`), "notes", "bars", and "reasons": how many
        pieces fail because they are "unfinished" at the length limit, "broken" by a wrong token, or "changed" by
        decoding and encoding.
    """
    reasons: Counter[str] = Counter()
    eos = processor.tokenizer.eos_token_id
    for piece in pieces:
        if piece.score is None:
            finished = piece.ids[-1] == eos
            reasons["unfinished" if not finished and _is_beginning(processor, piece.ids) else "broken"] += 1
        elif _events_of(processor, piece.score) != processor.ids_to_events(piece.ids):
            reasons["changed"] += 1
    valid = len(pieces) - reasons.total()
    low, high = wilson_interval(valid, len(pieces))
    return {
        "pieces": len(pieces),
        "valid": valid,
        "share": valid / len(pieces),
        "interval": {"low": low, "high": high},
        "notes": sum(piece.num_notes for piece in pieces),
        "bars": sum(piece.num_bars for piece in pieces),
        "reasons": dict(sorted(reasons.items())),
    }


def readability(pieces: Sequence[Composition], num_workers: int | None = None) -> dict[str, Any]:
    """How many pieces, written as ABC, other programs read; one that is no complete Score is read by none.

    Args:
        pieces: what was sampled.
        num_workers: processes that read; one for each core when left out.

    Returns:
        "pieces"; "abc2midi" and "music21": how many each reads without complaint; "read": by both; "interval" of their
        share (95%, Wilson); "uneven_bars": bars, of all pieces that were read, which do not last as long as their
        meter; "complaints": the first one of each piece, counted.
    """
    scores = [piece.score for piece in pieces if piece.score is not None]
    tunes = [(abc_text(score), sounding_quarters(score), written_bar_quarters(score)) for score in scores]
    outcomes = list(
        map_in_order(_read_tune, tunes, num_workers or os.cpu_count() or 1, _READER_SECONDS, READER_MODULES)
    )
    found = [outcome for outcome in outcomes if not isinstance(outcome, Failure)]
    complaints = Counter(outcome.complaint for outcome in found if outcome.complaint)
    complaints.update(outcome.detail for outcome in outcomes if isinstance(outcome, Failure))
    read = sum(tune.read for tune in found)
    low, high = wilson_interval(read, len(pieces))
    return {
        "pieces": len(pieces),
        "abc2midi": sum(tune.abc2midi for tune in found),
        "music21": sum(tune.music21 for tune in found),
        "read": read,
        "interval": {"low": low, "high": high},
        "uneven_bars": sum(tune.uneven_bars for tune in found),
        "complaints": dict(complaints.most_common(10)),
    }


def _read_tune(tune: tuple[str, float, list[float]]) -> OtherReaders:
    return read_by_others(*tune)


def _is_beginning(processor: MusicProcessor, ids: list[int]) -> bool:
    """Whether the grammar allows every token so far."""
    grammar = processor.grammar()
    states = grammar.scan(np.array([[*ids, ids[-1]]]))[0, -1]
    return bool((states != FORBIDDEN).all())


def _events_of(processor: MusicProcessor, score: ScoreTick) -> list[str]:
    return processor.ids_to_events(processor.encode_score(score))
