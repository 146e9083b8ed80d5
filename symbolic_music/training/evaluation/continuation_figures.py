"""How good continuations are: whether the instruments and the key stay, and how near they come to what was written.

Set beside the true continuation, which tells what people do, and beside the bars of another held-out piece, which tell
what chance does. Knows Scores; no model.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from symusic.core import ScoreTick

from symbolic_music.metrics.ensembles.by_label import distance_by_label, piece_distances, standard_deviations
from symbolic_music.metrics.ensembles.instruments import instruments_of
from symbolic_music.metrics.features.notes import NoteTable
from symbolic_music.metrics.harmony.key import Key, find_key, share_in_key
from symbolic_music.metrics.intervals import RESAMPLES, bootstrap_draws, mean_with_interval, wilson_interval
from symbolic_music.metrics.statistics import NOTE_STATISTICS, measure_pieces
from symbolic_music.score.programs import DRUMS
from symbolic_music.training.evaluation.continuations import FEWEST, Continuation

SIDES = ("continuation", "truth", "another")
"""What the model wrote; what the piece has there; what another piece has in the same bars."""


def judge_continuations(
    continued: Sequence[Continuation],
    labels: Mapping[str, Sequence[str]],
    seed: int = 0,
) -> dict[str, Any]:
    """Figures of continuations, each beside the truth and beside another piece.

    The other piece is one of those that are continued, of another near-duplicate group, drawn at random; a second one
    has the same source where it has more than one piece here. The key is that of the prompt (see `harmony.key`).
    Distances are means over `NOTE_STATISTICS` of |difference|, each in standard deviations of the true continuations:
    the measure of `distance` in a report, taken piece by piece. All statistics count alike, and none can hide behind
    another's unit. Those of structure are left out, since they need more than some bars.

    Args:
        continued: three or more.
        labels: "source" and perhaps "kind" of each of them.
        seed: of the draws and of the bootstraps.

    Returns:
        "judged": how many; "silent": how many of them have no note. For each of `SIDES` a row: "instruments_kept",
        mean share of the prompt's instruments that play on; "same_instruments", share of pieces in which just those
        play; "new_instruments", mean share of the notes by instruments that the prompt has not; "in_key", mean share
        of what sounds, in time, that lies in the prompt's key; "same_key", share of pieces whose own key is the
        prompt's; "distance", the mean distance to the truth (None for the truth itself). "another_of_source" has its
        "distance" alone. Means have `mean`, `low`, `high`, `pieces`; shares `share`, `low`, `high`, `pieces`.
        "nearer_than_another" and "nearer_than_another_of_source": share of pieces in which the continuation is nearer
        to the truth. "by_source", and "by_kind": see `metrics.ensembles.by_label.distance_by_label`, of continuations
        and true ones.

    Raises:
        ValueError: with fewer than three continuations.
    """
    if len(continued) < FEWEST:
        raise ValueError(f"{len(continued)} continuations can be judged; expected {FEWEST} or more")
    others = _others(len(continued), ["" for _ in continued], seed)
    of_source = _others(len(continued), labels["source"], seed)
    true = [piece.truth for piece in continued]
    bars = {
        "continuation": [piece.sampled for piece in continued],
        "truth": true,
        "another": [true[number] for number in others],
    }
    measured = {name: measure_pieces(bars[name], NOTE_STATISTICS) for name in ("continuation", "truth")}
    figures = {name: _row([piece.prompt for piece in continued], scores, seed) for name, scores in bars.items()}
    return {
        "judged": len(continued),
        "silent": sum(not instruments_of(piece.sampled) for piece in continued),
        **_add_distances(figures, measured, others, of_source, seed),
        **{
            f"by_{name}": distance_by_label(measured["continuation"], own, measured["truth"], own, seed)
            for name, own in labels.items()
        },
    }


def _others(count: int, labels: Sequence[str], seed: int) -> list[int]:
    """For each piece another one with its label, in a random ring for each label; itself where it is alone."""
    others = list(range(count))
    random = np.random.default_rng(seed)
    for label in sorted(set(labels)):
        ring = random.permutation([number for number in range(count) if labels[number] == label]).tolist()
        for number, other in zip(ring, [*ring[1:], *ring[:1]], strict=True):
            others[number] = other
    return others


def _add_distances(
    figures: dict[str, dict[str, Any]],
    measured: Mapping[str, Mapping[str, np.ndarray]],
    others: Sequence[int],
    of_source: Sequence[int],
    seed: int,
) -> dict[str, Any]:
    """The rows with their distances to the truth, and how often the continuation is the nearer one."""
    continuation, truth = (np.array(list(measured[name].values())) for name in ("continuation", "truth"))
    scales = standard_deviations(truth)
    own = piece_distances(continuation, truth, scales)
    another = piece_distances(truth[:, others], truth, scales)
    akin = piece_distances(truth[:, of_source], truth, scales)
    akin[np.array(of_source) == np.arange(len(own))] = np.nan  # the only piece of its source
    return {
        "continuation": figures["continuation"] | {"distance": _mean(own, seed)},
        "truth": figures["truth"] | {"distance": None},
        "another": figures["another"] | {"distance": _mean(another, seed)},
        "another_of_source": {"distance": _mean(akin, seed)},
        "nearer_than_another": _nearer(own, another),
        "nearer_than_another_of_source": _nearer(own, akin),
    }


def _nearer(own: np.ndarray, other: np.ndarray) -> dict[str, float | int] | None:
    told = np.isfinite(own) & np.isfinite(other)
    return _share([bool(ours < theirs) for ours, theirs in zip(own[told], other[told], strict=True)])


def _row(prompts: Sequence[ScoreTick], scores: Sequence[ScoreTick], seed: int) -> dict[str, Any]:
    """Instruments and key of some bars, held against the prompts."""
    tables = [(NoteTable(prompt), NoteTable(score)) for prompt, score in zip(prompts, scores, strict=True)]
    keys = [find_key(prompt) for prompt, _ in tables]
    played = [(instruments_of(prompt), instruments_of(score)) for prompt, score in zip(prompts, scores, strict=True)]
    own_keys = [(key, find_key(table)) for key, (_, table) in zip(keys, tables, strict=True)]
    return {
        "instruments_kept": _mean(np.array([len(given & found) / len(given) for given, found in played]), seed),
        "same_instruments": _share([given == found for given, found in played]),
        "new_instruments": _mean(
            np.array([_share_of_new(score, given) for score, (given, _) in zip(scores, played, strict=True)]), seed
        ),
        "in_key": _mean(np.array([_in_key(table, key) for (_, table), key in zip(tables, keys, strict=True)]), seed),
        "same_key": _share([key == own for key, own in own_keys if key is not None and own is not None]),
    }


def _share_of_new(score: ScoreTick, given: set[int]) -> float:
    """Share of the notes by instruments that were not given; nan without notes."""
    notes = Counter[bool]()
    for track in score.tracks:
        notes[(DRUMS if track.is_drum else track.program) not in given] += len(track.notes)
    return notes[True] / notes.total() if notes.total() else float("nan")


def _in_key(table: NoteTable, key: Key | None) -> float:
    return float("nan") if key is None else share_in_key(table, key)


def _mean(values: np.ndarray, seed: int) -> dict[str, float] | None:
    """Mean and interval over the pieces that have a value; None when none has."""
    told = values[np.isfinite(values)]
    return mean_with_interval(told, bootstrap_draws(len(told), RESAMPLES, seed)) if len(told) else None


def _share(kept: Sequence[bool]) -> dict[str, float | int] | None:
    """Share and interval (Wilson); None of nothing."""
    if not kept:
        return None
    low, high = wilson_interval(sum(kept), len(kept))
    return {"share": sum(kept) / len(kept), "low": low, "high": high, "pieces": len(kept)}
