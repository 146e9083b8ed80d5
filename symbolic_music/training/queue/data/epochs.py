"""Epochs of ids from packed events: each sequence once, in a transposition of its own.

Over as many epochs as a piece has transpositions it is heard in each once. BPE runs on all cores and outside Python,
so that a thread can make an epoch while another one is trained on. Seen on one core: 4.7 million events of REMI a
second.
Knows arrays and a tokenizer's file, nothing of models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from tokenizers import Tokenizer

from symbolic_music.training.queue.data.packed import (
    OUT_OF_RANGE,
    PROCESSOR_FOLDER,
    PackedData,
    PackedSplit,
    QueueError,
    Ragged,
)

# As `tokenization.processing_music`: event number i is this private-use character inside a BPE tokenizer.
FIRST_EVENT_CHARACTER = 0xE000
PAD, BOS, EOS = "PAD_None", "BOS_None", "EOS_None"
# Encoded together: what a tokenizer returns takes some 60 times the memory of the ids.
_SEQUENCES_AT_ONCE = 512


class EventTokenizer:
    """Numbers of events to ids, from a tokenizer's file alone.

    Args:
        data: whose folder holds it.

    Raises:
        QueueError: when the file is missing or lacks the special tokens.
    """

    def __init__(self, data: PackedData):
        path = data.folder / PROCESSOR_FOLDER / "tokenizer.json"
        if not path.is_file():
            raise QueueError(f"{path}: no such file; expected the tokenizer that the dataset was packed with")
        whole = Tokenizer.from_file(str(path))
        self.vocabulary = whole.get_vocab()
        missing = [name for name in (PAD, BOS, EOS) if name not in self.vocabulary]
        if missing:
            raise QueueError(f"{path}: lacks {missing[0]}")
        self.pad, self.bos, self.eos = (self.vocabulary[name] for name in (PAD, BOS, EOS))
        self.word_level = bool(data.description["word_level"])
        self.is_note = data.is_note
        # The model alone: what comes before it maps names of events to characters, which here stand already.
        self.model = Tokenizer(whole.model)

    @property
    def vocab_size(self) -> int:
        """Number of ids."""
        return len(self.vocabulary)

    def encode(self, sequences: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Ids of sequences of events from BOS to EOS, drums no longer apart."""
        if self.word_level:
            return list(sequences)
        texts = [
            (events[1:-1] + np.uint16(FIRST_EVENT_CHARACTER)).astype("<u2").tobytes().decode("utf-16-le")
            for events in sequences
        ]
        encoded = self.model.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array([self.bos, *encoding.ids, self.eos], np.uint16) for encoding in encoded]

    @cached_property
    def notes_per_id(self) -> np.ndarray:
        """Notes begun in each id, (V,) int64."""
        notes = np.zeros(self.vocab_size, np.int64)
        if self.word_level:
            notes[: len(self.is_note)] = self.is_note
            return notes
        for token, index in self.vocabulary.items():
            if token not in (PAD, BOS, EOS):
                notes[index] = self.is_note[[ord(character) - FIRST_EVENT_CHARACTER for character in token]].sum()
        return notes


@dataclass(frozen=True)
class Epoch:
    """Ids of a split's sequences, in its order.

    Args:
        ids: what is predicted.
        sources: what an encoder reads; None for causal models.
        scored: see `PackedSplit`.
    """

    ids: Ragged
    sources: Ragged | None = None
    scored: Ragged | None = None


class EpochMaker:
    """Makes the epochs of a split.

    Args:
        split: of a packed dataset.
        tables: of the transpositions that there may be; see `PackedData`.
        tokenizer: makes ids of events.
        seed: of the transpositions.
    """

    def __init__(self, split: PackedSplit, tables: np.ndarray, tokenizer: EventTokenizer, seed: int = 0):
        self.split = split
        self.tables = tables
        self.tokenizer = tokenizer
        self.seed = seed

    def make(self, epoch: int) -> Epoch:
        """Ids of every sequence in the transposition whose turn it is."""
        chosen = self.choose(epoch)
        sources = self.split.sources
        return Epoch(
            self._encode(self.split.events, chosen),
            None if sources is None else self._encode(sources, chosen),
            self.split.scored,
        )

    def choose(self, epoch: int) -> np.ndarray:
        """Which row of the tables each sequence is moved by, (n,): those it has room for, in an order of its own."""
        if len(self.tables) == 1:
            return np.zeros(len(self.split), np.int64)
        rows, counts = self._orders
        return rows[np.arange(len(rows)), epoch % counts]

    @cached_property
    def _orders(self) -> tuple[np.ndarray, np.ndarray]:
        """The order of rows by sequence, (n, K), and how many of them it has room for, (n,)."""
        fits = np.stack([_fits(self.split, table) for table in self.tables], axis=1)
        ranks = np.random.default_rng(self.seed).random(fits.shape)
        return np.argsort(np.where(fits, ranks, np.inf), axis=1), fits.sum(axis=1)

    def _encode(self, ragged: Ragged, chosen: np.ndarray) -> Ragged:
        sequences, encoded = ragged.split(), []
        for first in range(0, len(sequences), _SEQUENCES_AT_ONCE):
            rows = chosen[first : first + _SEQUENCES_AT_ONCE]
            moved = [self.tables[row][part] for row, part in zip(rows, sequences[first:], strict=False)]
            encoded += self.tokenizer.encode(moved)
        return Ragged.of(encoded)


def _fits(split: PackedSplit, table: np.ndarray) -> np.ndarray:
    """(n,) bool: whether no event of a sequence leaves the range."""
    fits = np.ones(len(split), bool)
    for ragged in filter(None, (split.events, split.sources)):
        leaves = np.flatnonzero((table == OUT_OF_RANGE)[ragged.values])
        fits[np.searchsorted(ragged.starts + ragged.lengths, leaves, side="right")] = False
    return fits
