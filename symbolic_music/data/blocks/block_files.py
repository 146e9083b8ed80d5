"""Packed blocks as Parquet files, which training reads from a folder, the Hub or a bucket, at once or as a stream.

A dataset of blocks is `data/SPLIT-NNNNN-of-NNNNN.parquet`, `tokenizer/` and `blocks.json`, which says what they were
made of. Each file is made of its own pieces, drawn at random from the split, so that files can be made by many tasks
and are equal however many there were. Knows nothing of models or batches.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from datasets import Dataset, DatasetDict, load_dataset
from datasets.exceptions import DatasetsError
from fsspec.core import url_to_fs

from symbolic_music.data.blocks.pack import PackError, pack_split
from symbolic_music.score.storage import write_atomically
from symbolic_music.tokenization.processing_music import MusicProcessor

DESCRIPTION_FILE = "blocks.json"
TOKENIZER_FOLDER = "tokenizer"
SPLITS = ("train", "validation")
DATA_FOLDER = "data"
_BUFFERED_BLOCKS = 10_000


@dataclass(frozen=True)
class PackSettings:
    """How pieces become files of blocks.

    Attributes:
        block_size: ids in a block, at least 2.
        transpositions: semitones by which each training piece is shifted.
        transpositions_per_piece: of these, as many are drawn for each piece; None makes all.
        pieces_per_file: pieces whose blocks are one file.
        seed: of the order of the pieces.
    """

    block_size: int
    transpositions: Sequence[int] = (0,)
    transpositions_per_piece: int | None = None
    pieces_per_file: int = 2_000
    seed: int = 0


@dataclass(frozen=True)
class BlockFile:
    """One of the files of a split.

    Attributes:
        split: its name.
        number: of the file, from 0.
        of: files of the split.
    """

    split: str
    number: int
    of: int

    @property
    def path(self) -> str:
        """Within the dataset's folder."""
        return f"{DATA_FOLDER}/{self.split}-{self.number:05d}-of-{self.of:05d}.parquet"

    def pieces(self, num_pieces: int, seed: int) -> np.ndarray:
        """(n,) the indices of the split's pieces that the file is made of, ascending."""
        order = np.random.default_rng(seed).permutation(num_pieces)
        return np.sort(order[self.number :: self.of])


def files_of(splits: DatasetDict, settings: PackSettings) -> list[BlockFile]:
    """The files that a dataset is packed into.

    Raises:
        PackError: when a split is missing or empty, or the settings are out of range.
    """
    for name in SPLITS:
        if name not in splits or not len(splits[name]):
            raise PackError(f"no pieces in split {name!r}; the dataset has {', '.join(sorted(splits))}")
    if settings.pieces_per_file < 1:
        raise PackError(f"expected at least one piece in a file, got {settings.pieces_per_file}")
    counts = {name: -(-len(splits[name]) // settings.pieces_per_file) for name in SPLITS}
    return [BlockFile(name, number, count) for name, count in counts.items() for number in range(count)]


def write_file(
    file: BlockFile, splits: DatasetDict, processor: MusicProcessor, settings: PackSettings, output: Path
) -> None:
    """Pack the pieces of one file, unless it is there.

    Args:
        file: which.
        splits: with columns `midi`.
        processor: encodes a Score to ids, and knows their grammar.
        settings: see `PackSettings`.
        output: the dataset's folder, of any file system.

    Raises:
        PackError: see `pack_split`.
    """
    path = output / file.path
    if path.exists():
        return
    split, trains = splits[file.split], file.split == "train"
    pieces = split.select(file.pieces(len(split), settings.seed))
    with tempfile.TemporaryDirectory() as cache:
        blocks = pack_split(
            pieces,
            processor,
            settings.block_size,
            settings.transpositions if trains else [0],
            seed=settings.seed,
            num_proc=1,
            cache_dir=Path(cache),
            most_copies=settings.transpositions_per_piece if trains else None,
        )
        held = BytesIO()
        pq.write_table(blocks.data.table, held, compression="zstd")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, held.getvalue())


def write_description(
    files: Sequence[BlockFile], settings: PackSettings, facts: dict[str, Any], output: Path
) -> dict[str, Any]:
    """Say in `blocks.json` what a dataset of blocks holds; it is whole when that is there.

    Args:
        files: all of them, written.
        settings: they were made with.
        facts: of the dataset they were made of, such as its `split_hash`.
        output: the dataset's folder.
    """
    blocks: dict[str, int] = dict.fromkeys(SPLITS, 0)
    for file in files:
        with (output / file.path).open("rb") as stream:
            blocks[file.split] += pq.ParquetFile(stream).metadata.num_rows
    description = facts | {"settings": json.loads(json.dumps(asdict(settings))), "blocks": blocks}
    write_atomically(output / DESCRIPTION_FILE, (json.dumps(description, indent=2, sort_keys=True) + "\n").encode())
    return description


@dataclass(frozen=True)
class BlockDataset:
    """A dataset of blocks that was found.

    Attributes:
        base: its folder or URL.
        description: what `blocks.json` says.
    """

    base: str
    description: dict[str, Any]

    @property
    def block_size(self) -> int:
        """Ids in each block."""
        return self.description["settings"]["block_size"]

    def load(self, split: str) -> Dataset:
        """All blocks of a split, as `pack_split` gives them."""
        return load_dataset("parquet", data_files={split: self._files(split)}, split=split)

    def stream(self, split: str, seed: int) -> "BlockStream":
        """The blocks of a split as a stream."""
        return BlockStream(self._files(split), self.description["blocks"][split], seed)

    def _files(self, split: str) -> str:
        return f"{self.base}/{DATA_FOLDER}/{split}-*.parquet"


class BlockStream(torch.utils.data.IterableDataset):
    """The blocks of some Parquet files, read as they are wanted, in an order that each epoch draws anew.

    The order of the files is shuffled, then blocks within a window of 10,000. It depends on the seed and the epoch
    alone, so that a run that is resumed reads what the one that was cut would have read.

    Args:
        files: a pattern, of any file system.
        num_blocks: in all of them.
        seed: of the order.
    """

    def __init__(self, files: str, num_blocks: int, seed: int):
        self.files = files
        self.num_blocks = num_blocks
        self._blocks = load_dataset("parquet", data_files={"train": files}, split="train", streaming=True).shuffle(
            seed=seed, buffer_size=_BUFFERED_BLOCKS
        )

    def set_epoch(self, epoch: int) -> None:
        """Draw the order of this epoch, from 0."""
        self._blocks.set_epoch(epoch)

    def __len__(self) -> int:
        return self.num_blocks

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._blocks)


def open_blocks(name: str) -> BlockDataset:
    """Find a dataset of blocks.

    Args:
        name: a folder, a URL such as `s3://bucket/folder`, or the id of a dataset of the Hub.

    Raises:
        PackError: when there is none.
    """
    base = name if "://" in name or Path(name).exists() else f"hf://datasets/{name}"
    base = base.rstrip("/")
    try:
        files, path = url_to_fs(base)
        description = json.loads(files.cat_file(f"{path}/{DESCRIPTION_FILE}"))
        return BlockDataset(base, description)
    except (OSError, ValueError, ImportError, DatasetsError) as error:
        text = " ".join(str(error).split())
        raise PackError(f"{name}: expected a dataset of blocks with {DESCRIPTION_FILE} ({text})") from error
