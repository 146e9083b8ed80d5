"""Encode a dataset's pieces once and write them as files of blocks, which training reads as a stream.

python train/pack_blocks.py --dataset data/mine --tokenizer tokenizer_assets/remi-ensemble --output data/mine-blocks \
    --block_size 1024 --transpositions -5 -4 -3 -2 -1 0 1 2 3 4 5 6
python train/pretrain.py --streaming true --dataset data/mine-blocks --tokenizer data/mine-blocks/tokenizer ...

`--output` may be a folder or a bucket, s3://bucket/blocks; `hf upload USER/NAME OUT --repo-type dataset` puts a folder
on the Hub. `--engine local|ray|slurm --tasks N` shares the files among tasks (pip extra `cluster`): they are
equal however many there are.
"""

import argparse
import os
import sys
from pathlib import Path

from symbolic_music._command import end_in_one_line
from symbolic_music.data.blocks.block_files import PackSettings
from symbolic_music.data.cluster.options import named_engine
from symbolic_music.data.cluster.pack import pack_blocks
from symbolic_music.data.preparation.prepare import PrepareError
from symbolic_music.data.sources.units import CorpusError
from symbolic_music.score.storage import as_path
from symbolic_music.training.arguments import USER_ERRORS
from symbolic_music.training.preparation import load_processor, load_splits
from symbolic_music.training.summary import describe_splits, tokenizer_hash

HERE = "none"


def build_parser() -> argparse.ArgumentParser:
    """The flags, named as those of the training scripts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True, help="folder or Hub id of prepare_dataset.py")
    parser.add_argument("--tokenizer", required=True, help="folder or Hub id of the music processor")
    parser.add_argument(
        "--output", type=as_path, required=True, help="folder to write; s3://… with a file system's package"
    )
    parser.add_argument("--block_size", type=int, default=1024, help="tokens in a block; default 1024")
    parser.add_argument(
        "--transpositions", type=int, nargs="+", default=[0], help="semitones by which each training piece is shifted"
    )
    parser.add_argument(
        "--transpositions_per_piece", type=int, help="of these, so many drawn for each piece; default all"
    )
    parser.add_argument("--pieces_per_file", type=int, default=2_000, help="default 2000")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the pieces")
    parser.add_argument("--engine", choices=[HERE, "local", "ray", "slurm"], default=HERE, help="what runs tasks")
    parser.add_argument("--tasks", type=int, default=8, metavar="N", help="of --engine; --num_workers run at once")
    parser.add_argument("--num_workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--engine_option", metavar="KEY=VALUE", action="append", default=[], help="of datatrove's executor"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace blocks that were made otherwise")
    return parser


def main() -> None:
    """Load, pack, report."""
    parser = build_parser()
    arguments = parser.parse_args()
    for name in ("tasks", "num_workers", "transpositions_per_piece"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            parser.error(f"--{name}: expected a number above 0, got {value}")
    settings = PackSettings(
        arguments.block_size,
        tuple(arguments.transpositions),
        arguments.transpositions_per_piece,
        arguments.pieces_per_file,
        arguments.seed,
    )
    engine = None
    if arguments.engine != HERE:
        engine = named_engine(arguments.engine, arguments.output, arguments.num_workers, arguments.engine_option)
    processor, splits = load_processor(arguments.tokenizer), load_splits(arguments.dataset)
    facts = describe_splits(splits) | {"tokenizer_hash": tokenizer_hash(processor)}
    dataset = str(Path(arguments.dataset).absolute()) if Path(arguments.dataset).exists() else arguments.dataset
    found = pack_blocks(
        dataset, splits, processor, arguments.output, settings, facts, engine, arguments.tasks, arguments.overwrite
    )
    if found is None:
        print(f"handed to {arguments.engine}; the blocks stand in {arguments.output} when the last task has ended")
        return
    for split, count in found["blocks"].items():
        print(f"{split}: {count:,} blocks of {settings.block_size:,} tokens")


if __name__ == "__main__":
    try:
        with end_in_one_line((*USER_ERRORS, CorpusError, PrepareError), "pack_blocks"):
            main()
    except KeyboardInterrupt:
        print("pack_blocks: interrupted; the same command goes on where this run stopped", file=sys.stderr)
        sys.exit(130)
