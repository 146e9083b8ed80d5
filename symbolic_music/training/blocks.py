"""The blocks that a run trains on: packed here from a dataset's pieces, or read from files of blocks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from datasets import Dataset

from symbolic_music.data.blocks.block_files import BlockStream, open_blocks
from symbolic_music.data.blocks.pack import pack_split
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import DataArguments, TrainingError
from symbolic_music.training.preparation import choose_split, load_splits
from symbolic_music.training.summary import describe_splits, tokenizer_hash

_OF_PIECES = ("sources", "max_train_pieces", "max_validation_pieces", "transpositions_per_piece")


@dataclass(frozen=True)
class TrainingBlocks:
    """What a Trainer is given.

    Attributes:
        train: blocks to train on, or a stream of them.
        validation: blocks to validate on.
        describe: gives what `describe_splits` says of the dataset that they were made of.
    """

    train: Dataset | BlockStream
    validation: Dataset
    describe: Callable[[], dict[str, Any]]


def packed_blocks(arguments: DataArguments, processor: MusicProcessor) -> TrainingBlocks:
    """Encode and pack the pieces of a dataset; kept in the cache of `datasets`.

    Raises:
        TrainingError: when the dataset cannot be loaded, or lacks a split.
        PackError: see `pack_split`.
    """
    splits = load_splits(arguments.dataset, arguments.sources)
    train = choose_split(splits, "train", arguments.dataset, arguments.max_train_pieces)
    validation = choose_split(splits, "validation", arguments.dataset, arguments.max_validation_pieces)
    return TrainingBlocks(
        pack_split(
            train,
            processor,
            arguments.block_size,
            arguments.transpositions,
            most_copies=arguments.transpositions_per_piece,
        ),
        pack_split(validation, processor, arguments.block_size, [0]),
        lambda: describe_splits(splits),
    )


def streamed_blocks(arguments: DataArguments, processor: MusicProcessor, seed: int) -> TrainingBlocks:
    """Read blocks that were packed before: those to train on as a stream, those to validate on at once.

    Args:
        arguments: of the run.
        processor: that the run trains with.
        seed: of the order.

    Raises:
        PackError: when there are no such blocks.
        TrainingError: when they were made with another tokenizer or block size, or the run asks for other pieces.
    """
    default = DataArguments(arguments.dataset, arguments.tokenizer)
    for name in (*_OF_PIECES, "transpositions"):
        if getattr(arguments, name) != getattr(default, name):
            raise TrainingError(f"--{name} is of pieces, and --streaming reads blocks: give it to pack_blocks.py")
    found = open_blocks(arguments.dataset)
    if found.block_size != arguments.block_size:
        held = f"{arguments.dataset} holds blocks of {found.block_size} tokens"
        raise TrainingError(f"--block_size is {arguments.block_size}, but {held}")
    if found.description["tokenizer_hash"] != tokenizer_hash(processor):
        raise TrainingError(f"--tokenizer {arguments.tokenizer}: {arguments.dataset} was made with another tokenizer")
    return TrainingBlocks(found.stream("train", seed), found.load("validation"), lambda: found.description)
