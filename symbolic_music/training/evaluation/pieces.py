"""How well a model predicts the pieces of a split: every piece scored whole, each of its tokens once.

Unlike the validation during training, which scores packed blocks, a piece is read from its BOS on, and a token late in
a long piece still sees at least half a context. Knows models as functions from ids to logits, and pieces as ids with
their tables; figures are per token, per note and per bar, and only the latter two compare across tokenizers.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
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
from symbolic_music.training.evaluation.bits_per_note import PieceScores, summarise_scores
from symbolic_music.training.evaluation.kinds import kinds_of
from symbolic_music.training.evaluation.tables import bits_per_note_by_label, bits_per_note_by_single_bar
from symbolic_music.training.optimization.losses import AllowedTokens, structural_loss


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
    kinds: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Score a split and sum it up.

    Args:
        model: a causal model over the processor's ids; its device is used.
        processor: as the model was trained with.
        pieces: a split with columns `midi`, `name`, `group` and `source`.
        context_length: tokens the model reads at once; `config.max_position_embeddings` when None.
        stride: for pieces longer than that, how far the window moves; every token but a piece's first ones sees at
            least `context_length - stride` tokens. Half the context when None.
        batch_size: windows per forward pass.
        seed: of the bootstrap.
        on_batch: called with the number of windows after each batch, for progress bars.
        kinds: the kind of each source, for a table by kind.

    Returns:
        `summarise_scores`'s dictionary; "by_bar" and "by_source", and "by_kind" where kinds are given: see
        `evaluation.tables`; and "refused": the pieces that could not be read or encoded, by reason.

    Raises:
        TrainingError: when not one piece can be scored, or a source has no kind.
    """
    if kinds:
        kinds_of(pieces["source"], kinds)  # said before anything takes time
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
    sources = [piece.source for piece in scores]
    labels = {"source": sources} | ({"kind": kinds_of(sources, kinds)} if kinds else {})
    summary = summarise_scores(scores, seed)
    for index, kind in enumerate(labels.get("kind", [])):
        summary["per_piece"][index]["kind"] = kind
    return summary | {
        "by_bar": bits_per_note_by_single_bar(scores, seed),
        **{f"by_{name}": bits_per_note_by_label(scores, of_piece, seed) for name, of_piece in labels.items()},
        "refused": dict(sorted(refused.items())),
        "context_length": context_length,
        "stride": stride or max(1, context_length // 2),
    }


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
            rows.append({name: piece[name] for name in ("name", "group", "source")})
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
        source=row["source"],
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
