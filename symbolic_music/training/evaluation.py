"""How well a model predicts the pieces of a split: every piece scored whole, each of its tokens once.

Unlike the validation during training, which scores packed blocks, a piece is read from its BOS on, and a token late in
a long piece still sees at least half a context. Knows models as functions from ids to logits, and pieces as ids with
their tables; figures are per token, per note and per bar, and only the latter two compare across tokenizers.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor
from transformers import PreTrainedModel

from symbolic_music.events.codec import EncodingError
from symbolic_music.score.checks import ScoreError
from symbolic_music.score.midi.io import read_midi
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.tokenization.token_grammar import TokenGrammar
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.losses import AllowedTokens, structural_loss

# Music repeats within itself, so a model with context pays less the further a piece has come.
BAR_RANGES = ((1, 4), (5, 8), (9, 16), (17, None))
BOOTSTRAP_SAMPLES = 1000
CONFIDENCE = 0.95


@dataclass
class PieceScores:
    """One piece's tokens after BOS, with what the model paid for each.

    Attributes:
        name: of the piece.
        group: near-duplicate group.
        nats: (T,) -log probability of each token.
        allowed_mass: (T,) probability on the tokens the grammar allows at its place.
        notes: (T,) notes begun in each token.
        bars: (T,) bars begun in each token.
    """

    name: str
    group: int
    nats: np.ndarray
    allowed_mass: np.ndarray
    notes: np.ndarray
    bars: np.ndarray


@dataclass(frozen=True)
class _Window:
    """A stretch of a piece that is read at once: ids [start, stop), of which those from `first` on are scored."""

    piece: int
    start: int
    first: int
    stop: int


def evaluate_split(
    model: PreTrainedModel,
    processor: MusicProcessor,
    pieces: Dataset,
    context_length: int | None = None,
    stride: int | None = None,
    batch_size: int = 8,
    seed: int = 0,
    on_batch: Callable[[int], Any] | None = None,
) -> dict[str, Any]:
    """Score a split and sum it up.

    Args:
        model: a causal model over the processor's ids; its device is used.
        processor: as the model was trained with.
        pieces: a split with columns `midi`, `name` and `group`.
        context_length: tokens the model reads at once; `config.max_position_embeddings` when None.
        stride: for pieces longer than that, how far the window moves; every token but a piece's first ones sees at
            least `context_length - stride` tokens. Half the context when None.
        batch_size: windows per forward pass.
        seed: of the bootstrap.
        on_batch: called with the number of windows after each batch, for progress bars.

    Returns:
        `summarise_scores`'s dictionary, and "refused": the pieces that could not be read or encoded, by reason.

    Raises:
        TrainingError: when not one piece can be scored.
    """
    context_length = context_length or model.config.max_position_embeddings
    sequences, rows, refused = _encode_pieces(processor, pieces)
    if not sequences:
        raise TrainingError(f"no piece of the split can be scored; refused: {dict(refused)}")
    windows = [
        window
        for index, ids in enumerate(sequences)
        for window in _windows(index, len(ids), context_length, stride or max(1, context_length // 2))
    ]
    grammar = processor.grammar()
    scores = [_empty_scores(ids, row, grammar) for ids, row in zip(sequences, rows, strict=True)]
    states = [grammar.scan(ids[None])[0] for ids in sequences]
    allowed_tokens = AllowedTokens(grammar.allowed_rows, model.device, grammar.kinds)
    model.eval()
    for batch in _batches(windows, batch_size):
        _score_windows(model, batch, sequences, states, allowed_tokens, scores)
        if on_batch is not None:
            on_batch(len(batch))
    return summarise_scores(scores, seed) | {
        "refused": dict(sorted(refused.items())),
        "context_length": context_length,
        "stride": stride or max(1, context_length // 2),
    }


def summarise_scores(scores: Sequence[PieceScores], seed: int = 0) -> dict[str, Any]:
    """Figures of a split from its pieces' scores.

    Returns:
        "pieces", "groups", "tokens", "notes", "bars", "nats": totals; "nats_per_token", "perplexity_per_token",
        "bits_per_note", "bits_per_bar": ratios of totals; "allowed_mass": mean probability on allowed tokens;
        "bits_per_note_interval": bootstrap over near-duplicate groups; "bits_per_note_by_bar": by position in the
        piece; "per_piece": one row for each piece.
    """
    nats, tokens, notes, bars = (sum(column) for column in zip(*(_totals(piece) for piece in scores), strict=True))
    return {
        "pieces": len(scores),
        "groups": len({piece.group for piece in scores}),
        "tokens": tokens,
        "notes": notes,
        "bars": bars,
        "nats": nats,
        "nats_per_token": nats / tokens,
        "perplexity_per_token": math.exp(nats / tokens),
        "bits_per_note": _bits_per(nats, notes),
        "bits_per_bar": _bits_per(nats, bars),
        "allowed_mass": sum(float(piece.allowed_mass.sum()) for piece in scores) / tokens,
        "bits_per_note_interval": bootstrap_interval(scores, seed),
        "bits_per_note_by_bar": bits_per_note_by_bar(scores),
        "per_piece": [_piece_row(piece) for piece in scores],
    }


def bootstrap_interval(scores: Sequence[PieceScores], seed: int) -> dict[str, float] | None:
    """Percentile bootstrap interval of bits per note, resampling near-duplicate groups.

    Groups and not pieces, since renderings of one tune are no independent evidence (Efron & Tibshirani 1993, chapter
    8, on resampling the independent units). None with fewer than two groups or no notes.
    """
    return _interval_per_note(scores, [float(piece.nats.sum()) for piece in scores], seed)


def bootstrap_difference(
    scores: Sequence[PieceScores], others: Sequence[PieceScores], seed: int = 0
) -> dict[str, float] | None:
    """By how many bits per note the first of two models is cheaper, with the interval of `bootstrap_interval`.

    Both pay for the same pieces, so each resample holds the same for both: what makes a piece hard for both does not
    widen the interval.

    Args:
        scores: of one model.
        others: of the other, on the same pieces in the same order.
        seed: of the resamples.

    Raises:
        ValueError: when the pieces are not the same.
    """
    if [(piece.name, piece.notes.sum()) for piece in scores] != [(piece.name, piece.notes.sum()) for piece in others]:
        raise ValueError("two models were scored on different pieces")
    less = [float(other.nats.sum() - piece.nats.sum()) for piece, other in zip(scores, others, strict=True)]
    interval = _interval_per_note(scores, less, seed)
    notes = sum(int(piece.notes.sum()) for piece in scores)
    return None if interval is None else {"bits_per_note": sum(less) / math.log(2) / notes, **interval}


def _interval_per_note(scores: Sequence[PieceScores], nats: Sequence[float], seed: int) -> dict[str, float] | None:
    """The interval of a sum of nats, one for each piece, as bits per note of the pieces."""
    groups = sorted({piece.group for piece in scores})
    index = {group: row for row, group in enumerate(groups)}
    sums = np.zeros((len(groups), 2))
    for piece, of_piece in zip(scores, nats, strict=True):
        sums[index[piece.group]] += [of_piece, piece.notes.sum()]
    if len(groups) < 2 or not sums[:, 1].any():
        return None
    draws = np.random.default_rng(seed).multinomial(
        len(groups), np.full(len(groups), 1 / len(groups)), BOOTSTRAP_SAMPLES
    )
    totals, notes = (draws @ sums).T
    bits = totals[notes > 0] / math.log(2) / notes[notes > 0]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(bits, [tail, 1 - tail])
    return {"low": float(low), "high": float(high), "confidence": CONFIDENCE, "samples": BOOTSTRAP_SAMPLES}


def bits_per_note_by_bar(scores: Sequence[PieceScores]) -> dict[str, dict[str, float | int | None]]:
    """Bits per note and notes, by the bar of the piece a token stands in.

    A token that holds a bar line belongs to the bar it opens (the last one, where a merged token opens several); what
    comes before the first bar line belongs to bar 1.
    """
    sums = np.zeros((len(BAR_RANGES), 2))
    for piece in scores:
        bar = np.maximum(np.cumsum(piece.bars), 1)
        for row, (first, last) in enumerate(BAR_RANGES):
            inside = (bar >= first) & (bar <= last) if last else bar >= first
            sums[row] += [piece.nats[inside].sum(), piece.notes[inside].sum()]
    return {
        f"{first}-{last}" if last else f"{first}+": {"bits_per_note": _bits_per(nats, notes), "notes": int(notes)}
        for (first, last), (nats, notes) in zip(BAR_RANGES, sums.tolist(), strict=True)
    }


def write_evaluation(evaluation: dict[str, Any], path: Path) -> None:
    """Write an evaluation as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(evaluation, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _encode_pieces(
    processor: MusicProcessor, pieces: Dataset
) -> tuple[list[np.ndarray], list[dict[str, Any]], Counter[str]]:
    """The ids of each piece, or window of it, that can be read and encoded, its name and group, and the refused."""
    sequences, rows = [], []
    refused: Counter[str] = Counter()
    for piece in pieces:
        try:
            parts = processor.codec.windows(read_midi(piece["midi"]))
        except ScoreError as error:
            refused[str(error.refusal)] += 1
            continue
        for part in parts:
            try:
                ids = processor.encode_score(part)
            except EncodingError as error:
                refused[str(error)] += 1
                continue
            sequences.append(np.asarray(ids, dtype=np.int64))
            rows.append({"name": piece["name"], "group": piece["group"]})
    return sequences, rows, refused


def _empty_scores(ids: np.ndarray, row: dict[str, Any], grammar: TokenGrammar) -> PieceScores:
    predicted = ids[1:]
    return PieceScores(
        name=row["name"],
        group=row["group"],
        nats=np.full(len(predicted), np.nan),
        allowed_mass=np.full(len(predicted), np.nan),
        notes=grammar.notes_per_token[predicted],
        bars=grammar.bars_per_token[predicted],
    )


def _windows(piece: int, length: int, context_length: int, stride: int) -> Iterator[_Window]:
    """Windows that together score ids 1 … length - 1 of a piece once each.

    A window reads at most `context_length` ids and also scores the id after the last one it reads.
    """
    first = 1
    while first < length:
        start = 0 if first == 1 else first - 1 - (context_length - stride)
        start = max(0, start)
        stop = min(length, start + context_length + 1)
        yield _Window(piece, start, first, stop)
        first = stop


def _batches(windows: list[_Window], batch_size: int) -> Iterator[list[_Window]]:
    """Windows of like length together, so that little is padded."""
    ordered = sorted(windows, key=lambda window: (window.stop - window.start, window.piece, window.start))
    for begin in range(0, len(ordered), batch_size):
        yield ordered[begin : begin + batch_size]


@torch.no_grad()
def _score_windows(
    model: PreTrainedModel,
    windows: list[_Window],
    sequences: list[np.ndarray],
    states: list[np.ndarray],
    allowed_tokens: AllowedTokens,
    scores: list[PieceScores],
) -> None:
    """Fill in the scores of the tokens that these windows score.

    The padding stands on the right, where a causal model's earlier positions cannot see it.
    """
    longest = max(window.stop - window.start - 1 for window in windows)
    ids = torch.zeros(len(windows), longest, dtype=torch.long)
    for row, window in enumerate(windows):
        read = sequences[window.piece][window.start : window.stop - 1]
        ids[row, : len(read)] = torch.from_numpy(read)
    logits = model(input_ids=ids.to(model.device), use_cache=False).logits
    for row, window in enumerate(windows):
        scored = slice(window.first, window.stop)
        targets = torch.from_numpy(sequences[window.piece][scored]).to(model.device)
        allowed = allowed_tokens(torch.from_numpy(states[window.piece][scored]).to(model.device))
        begin = window.first - 1 - window.start
        nats, mass = _nats_and_mass(logits[row, begin : begin + len(targets)], targets, allowed)
        scores[window.piece].nats[window.first - 1 : window.stop - 1] = nats
        scores[window.piece].allowed_mass[window.first - 1 : window.stop - 1] = mass


def _nats_and_mass(logits: Tensor, targets: Tensor, allowed: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """-log probability of each target, and the probability on the allowed tokens; float64 (T,)."""
    structural, log_partition = structural_loss(logits.float(), allowed)
    nats = log_partition - logits.float().gather(-1, targets[:, None]).squeeze(-1)
    return nats.double().cpu().numpy(), torch.exp(-structural.double()).cpu().numpy()


def _totals(piece: PieceScores) -> tuple[float, int, int, int]:
    return float(piece.nats.sum()), len(piece.nats), int(piece.notes.sum()), int(piece.bars.sum())


def _piece_row(piece: PieceScores) -> dict[str, Any]:
    nats, tokens, notes, bars = _totals(piece)
    return {"name": piece.name, "group": piece.group, "nats": nats, "tokens": tokens, "notes": notes, "bars": bars}


def _bits_per(nats: float, count: float) -> float | None:
    return nats / math.log(2) / count if count else None
