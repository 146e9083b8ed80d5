"""A split of pieces to blocks of ids of one length, each with the grammar's state before its first token.

Pieces, or the windows in which their codec writes them, are encoded in parallel, each from BOS to EOS, shuffled,
written one after the other and cut every `block_size` ids; the last block is filled up with the pad id. Both steps are
cached, so that a second run starts at once. Knows nothing of models or batches.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from datasets import Dataset, Features, List, Value
from datasets import config as datasets_config
from symusic.core import ScoreTick
from tqdm import tqdm

from symbolic_music.data.blocks.augment import Augmentation, augmented_copies, check_may_augment
from symbolic_music.events.codec import EncodingError
from symbolic_music.events.grammar import FORBIDDEN
from symbolic_music.score.midi.io import read_midi
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.tokenization.token_grammar import TokenGrammar

logger = logging.getLogger(__name__)

# Ids of a larger vocabulary, such as Llama 3's with music, take four bytes.
_LARGEST_OF_TWO_BYTES = 65_536
_PIECES_PER_PROCESS = 64
_PROBE_PIECES = 4
_TOKENS_AT_ONCE = 2**21
NO_ROOM = "no transposition fits the pitch range"


class PackError(ValueError):
    """A split that cannot be packed; the message is one line for the user."""


@dataclass(frozen=True)
class EncodedPieces:
    """All encoded pieces, without copying them: views into Arrow memory.

    Args:
        values: one flat array of ids for each Arrow chunk.
        chunks: (n,) which chunk each piece lies in.
        starts: (n,) where in its chunk it begins.
        lengths: (n,) its number of ids.
    """

    values: list[np.ndarray]
    chunks: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def __getitem__(self, piece: int) -> np.ndarray:
        start = self.starts[piece]
        return self.values[self.chunks[piece]][start : start + self.lengths[piece]]


def pack_split(
    split: Dataset,
    processor: MusicProcessor,
    block_size: int,
    transpositions: Sequence[int] = (0,),
    tempo_factors: Sequence[float] = (1.0,),
    seed: int = 0,
    num_proc: int | None = None,
    cache_dir: Path | None = None,
    most_copies: int | None = None,
) -> Dataset:
    """Pack the pieces of a split into blocks.

    Args:
        split: a dataset with a column `midi`.
        processor: encodes a Score to ids, and knows their grammar.
        block_size: ids in a block, at least 2.
        transpositions: semitones by which each piece is shifted; other than [0] for the training split only.
        tempo_factors: factors by which each piece is sped up; other than [1.0] for the training split only.
        seed: of the order of the pieces.
        num_proc: encoding processes; default all cores, fewer for few pieces. The result does not depend on it.
        cache_dir: where encoded pieces and blocks are kept; default below the cache of `datasets`.
        most_copies: how many of each piece's copies are drawn; None makes all.

    Returns:
        `input_ids` List(uint16 or uint32, length=block_size) and `grammar_state` List(int16, length=A): the state of
        each of the grammar's A automata before the block's first token.

    Raises:
        PackError: too small a block, not one piece that can be encoded, or an encoded piece
            that the grammar refuses.
        AugmentationError: when a split other than train is to be augmented.
    """
    augmentation = Augmentation(tuple(transpositions), tuple(tempo_factors), most_copies=most_copies)
    check_may_augment(None if split.split is None else str(split.split), augmentation)
    if block_size < 2:
        raise PackError(f"expected blocks of at least 2 ids, got {block_size}")
    folder = Path(datasets_config.HF_DATASETS_CACHE) / "symbolic_music" if cache_dir is None else Path(cache_dir)
    folder.mkdir(parents=True, exist_ok=True)
    encoder = PieceEncoder(processor, augmentation)
    fingerprint = _fingerprint(split, encoder)
    path = folder / f"blocks-{_hash([fingerprint, block_size, seed])}.arrow"
    if not path.exists():
        encoded = _encode(split, encoder, fingerprint, folder, num_proc)
        _write_blocks(_view(encoded), processor, block_size, seed, path)
    return Dataset.from_file(str(path))


class PieceEncoder:
    """Turns rows of MIDI bytes into rows of ids, one for each augmented copy; sent to the encoding processes.

    Args:
        processor: encodes a Score.
        augmentation: which copies.
    """

    def __init__(self, processor: MusicProcessor, augmentation: Augmentation):
        self.processor = processor
        self.augmentation = augmentation

    def __call__(self, rows: dict[str, list[bytes]]) -> dict[str, list[Any]]:
        """Encode a batch; a piece that cannot be encoded gives an empty row with the reason."""
        encoded: list[tuple[list[int], str]] = []
        for midi in rows["midi"]:
            encoded += self._encode_piece(midi)
        return {"input_ids": [ids for ids, _ in encoded], "refusal": [refusal for _, refusal in encoded]}

    def _encode_piece(self, midi: bytes) -> list[tuple[list[int], str]]:
        copies = augmented_copies(read_midi(midi), self.augmentation)
        parts = [part for copy in copies for part in self.processor.codec.windows(copy)]
        return [self._encode_part(part) for part in parts] or [([], NO_ROOM)]

    def _encode_part(self, score: ScoreTick) -> tuple[list[int], str]:
        try:
            return self.processor.encode_score(score), ""
        except EncodingError as error:
            return [], str(error)


def _fingerprint(split: Dataset, encoder: PieceEncoder) -> str:
    """A hash of all that the ids depend on: the pieces, the tokenizer, the codec and the copies.

    The ids of the first pieces go into it, so that a codec whose code has changed does not find the old ids.
    """
    content = sha256()
    for batch in split.select_columns(["midi"]).iter(batch_size=1_000):
        for midi in batch["midi"]:
            content.update(f"{len(midi)} ".encode() + midi)
    processor = encoder.processor
    probe = encoder(split.select(range(min(_PROBE_PIECES, len(split))))[:])
    settings = [processor.tokenizer.backend_tokenizer.to_str(), processor.to_dict(), asdict(encoder.augmentation)]
    return _hash([content.hexdigest(), settings, probe])


def _hash(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def _id_type(processor: MusicProcessor) -> Value:
    """The smallest type that holds every id."""
    return Value("uint16" if len(processor.tokenizer) <= _LARGEST_OF_TWO_BYTES else "uint32")


def _encode(split: Dataset, encoder: PieceEncoder, fingerprint: str, folder: Path, num_proc: int | None) -> Dataset:
    """Encode every piece, or find that done; what cannot be encoded is counted and named."""
    processes = num_proc or min(os.cpu_count() or 1, 1 + len(split) // _PIECES_PER_PROCESS)
    encoded = split.select_columns(["midi"]).map(
        encoder,
        batched=True,
        batch_size=_PIECES_PER_PROCESS,
        num_proc=processes if processes > 1 else None,
        remove_columns=["midi"],
        features=Features({"input_ids": List(_id_type(encoder.processor)), "refusal": Value("string")}),
        cache_file_name=str(folder / f"encoded-{fingerprint}.arrow"),
        new_fingerprint=fingerprint,
        desc=f"encode {split.split or 'pieces'}",
    )
    refusals = Counter(refusal for refusal in encoded["refusal"] if refusal)
    if refusals:
        reasons = "; ".join(f"{reason} ({count:,})" for reason, count in refusals.most_common(3))
        # A piece has as many rows as it has copies, and windows in each.
        text = f"{refusals.total():,} of {len(encoded):,} pieces cannot be encoded: {reasons}"
        if refusals.total() == len(encoded):
            raise PackError(text)
        logger.warning("%s; they are left out", text)
    return encoded


def _view(encoded: Dataset) -> EncodedPieces:
    values, chunks, starts, lengths = [], [], [], []
    for number, chunk in enumerate(encoded.data.column("input_ids").chunks):
        offsets = chunk.offsets.to_numpy().astype(np.int64)
        values.append(chunk.values.to_numpy())
        starts.append(offsets[:-1])
        lengths.append(np.diff(offsets))
        chunks.append(np.full(len(chunk), number))
    return EncodedPieces(values, np.concatenate(chunks), np.concatenate(starts), np.concatenate(lengths))


def _write_blocks(pieces: EncodedPieces, processor: MusicProcessor, block_size: int, seed: int, path: Path) -> None:
    """Shuffle, join and cut the pieces; the file appears whole or not at all."""
    order = np.random.default_rng(seed).permutation(len(pieces.lengths))
    order = order[pieces.lengths[order] > 0]
    states = _states_at_block_starts(pieces, order, processor, block_size)
    features = Features(
        {
            "input_ids": List(_id_type(processor), length=block_size),
            "grammar_state": List(Value("int16"), length=states.shape[1]),
        }
    )
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        with pa.ipc.new_stream(str(temporary), features.arrow_schema) as writer:
            first = 0
            for ids in _joined(pieces, order, block_size, processor.tokenizer.pad_token_id):
                last = first + len(ids) // block_size
                columns = [
                    pa.FixedSizeListArray.from_arrays(pa.array(ids), block_size),
                    pa.FixedSizeListArray.from_arrays(pa.array(states[first:last].ravel()), states.shape[1]),
                ]
                writer.write_batch(pa.record_batch(columns, schema=features.arrow_schema))
                first = last
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _joined(pieces: EncodedPieces, order: np.ndarray, block_size: int, pad: int) -> Iterator[np.ndarray]:
    """The ids of all pieces in order, in arrays of whole blocks; the last one padded."""
    held: list[np.ndarray] = []
    size = 0
    for piece in order:
        held.append(pieces[piece])
        size += len(held[-1])
        if size >= max(_TOKENS_AT_ONCE, block_size):
            ids = np.concatenate(held)
            whole = size - size % block_size
            yield ids[:whole]
            held, size = [ids[whole:]], size - whole
    if size:
        yield np.pad(np.concatenate(held), (0, -size % block_size), constant_values=pad)


def _states_at_block_starts(
    pieces: EncodedPieces, order: np.ndarray, processor: MusicProcessor, block_size: int
) -> np.ndarray:
    """The grammar's states before the first token of each block, (blocks, A) int16.

    Only pieces in which a block begins are scanned, once, up to the last block's begin, many of like length together.
    """
    grammar = processor.grammar()
    ends = np.cumsum(pieces.lengths[order])
    block_starts = np.arange(0, ends[-1], block_size)
    places = np.searchsorted(ends, block_starts, side="right")
    offsets = block_starts - (ends[places] - pieces.lengths[order][places])
    # The blocks that begin in one piece follow each other: blocks first_block[i] to first_block[i + 1] in piece i.
    cut_places, first_block = np.unique(places, return_index=True)
    bounds = np.append(first_block, len(places))
    longest = offsets[bounds[1:] - 1] + 1
    states = np.empty((len(block_starts), len(grammar.initial_state)), np.int16)
    with tqdm(total=len(block_starts), desc="grammar states", unit="block") as bar:
        for batch in _batches(longest):
            ids = np.full((len(batch), longest[batch].max()), processor.tokenizer.pad_token_id, np.int64)
            for row, cut in enumerate(batch):
                ids[row, : longest[cut]] = pieces[order[cut_places[cut]]][: longest[cut]]
            scanned = grammar.scan(ids)
            for row, cut in enumerate(batch):
                blocks = slice(bounds[cut], bounds[cut + 1])
                states[blocks] = scanned[row, offsets[blocks]]
                bar.update(bounds[cut + 1] - bounds[cut])
    _check_states(states, pieces, order[places], grammar)
    return states


def _batches(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of rows, shortest first, in batches whose padded ids stay within bounds."""
    by_length = np.argsort(lengths, kind="stable")
    start = 0
    for stop in range(1, len(by_length) + 1):
        full = stop < len(by_length) and (stop + 1 - start) * lengths[by_length[stop]] > _TOKENS_AT_ONCE
        if full or stop == len(by_length):
            yield by_length[start:stop]
            start = stop


def _check_states(states: np.ndarray, pieces: EncodedPieces, cut_pieces: np.ndarray, grammar: TokenGrammar) -> None:
    """A grammar that refuses what its own codec wrote would silently teach the structural loss nonsense."""
    refused = np.flatnonzero((states == FORBIDDEN).any(axis=1))
    if len(refused):
        reason = grammar.explain(pieces[cut_pieces[refused[0]]].tolist())
        raise PackError(f"codec and grammar disagree, the grammar refuses an encoded piece: {reason}")
