"""Read a corpus or a folder of music into a Hub-layout Parquet dataset whose splits do not leak.

python train/prepare_dataset.py --corpus folk --output data/folk
python train/prepare_dataset.py --midi-dir ~/midi --output data/mine --push-to-hub USER/NAME --private
"""

import argparse
import os
import sys
from pathlib import Path

from symbolic_music._command import shown_command
from symbolic_music._extras import MissingExtraError
from symbolic_music.data.preparation.duplicates import DEFAULT_THRESHOLD
from symbolic_music.data.preparation.prepare import SKIPPED_FILE, PrepareError, PrepareSettings, prepare_dataset
from symbolic_music.data.preparation.splits import SplitBy, SplitError, SplitFractions
from symbolic_music.data.sources.corpora import (
    NAMED_CORPORA,
    UNKNOWN_LICENSE,
    CorpusError,
    WorkUnit,
    list_corpus,
    list_dataset,
    list_directory,
)
from symbolic_music.hub.errors import PublishError
from symbolic_music.hub.upload import check_repo_id, publish_folder
from symbolic_music.score.files import ABC_SUFFIXES, MIDI_SUFFIXES


def parse_arguments() -> argparse.Namespace:
    """What the user typed; a number out of range ends with exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", action="append", default=[], help=f"one of {', '.join(sorted(NAMED_CORPORA))}")
    parser.add_argument("--midi-dir", type=Path, action="append", default=[], help="MIDI files, recursively")
    parser.add_argument("--abc-dir", type=Path, action="append", default=[], help="ABC tune books, recursively")
    parser.add_argument("--music-dir", type=Path, action="append", default=[], help="MIDI, ABC and MusicXML files")
    parser.add_argument("--dataset", action="append", default=[], help="Hub id or folder with a `midi` column")
    parser.add_argument("--license", default=UNKNOWN_LICENSE, help="of the files in folders, for the card")
    parser.add_argument("--output", type=Path, required=True, help="the dataset folder to write")
    parser.add_argument("--push-to-hub", metavar="USER/NAME", help="publish the finished dataset")
    parser.add_argument("--private", action="store_true", help="make the repository of --push-to-hub a private one")
    parser.add_argument("--overwrite", action="store_true", help="replace a dataset made with other arguments")
    parser.add_argument("--num-workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds to read one file")
    parser.add_argument("--limit", type=int, help="read only the first N files, tunes or rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split-by", choices=[str(choice) for choice in SplitBy], default=str(SplitBy.GROUP))
    parser.add_argument("--max-bars", type=int, help="cut longer pieces at bar lines into parts of N bars at most")
    parser.add_argument("--validation-fraction", type=float, default=0.05)
    parser.add_argument("--test-fraction", type=float, default=0.05)
    parser.add_argument("--threshold", type=float, default=DEFAULT_THRESHOLD, help="near-duplicate similarity")
    arguments = parser.parse_args()
    for name in ("num_workers", "limit"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')}: expected a number above 0, got {value}")
    if arguments.push_to_hub:
        check_repo_id(arguments.push_to_hub)
    return arguments


def list_units(arguments: argparse.Namespace) -> list[WorkUnit]:
    """Everything the arguments name, in the order corpora, folders, datasets."""
    units = [unit for name in arguments.corpus for unit in list_corpus(name)]
    for folders, suffixes in ((arguments.midi_dir, MIDI_SUFFIXES), (arguments.abc_dir, ABC_SUFFIXES)):
        units += [unit for folder in folders for unit in list_directory(folder, suffixes, arguments.license)]
    units += [unit for folder in arguments.music_dir for unit in list_directory(folder, license=arguments.license)]
    units += [unit for name in arguments.dataset for unit in list_dataset(name, arguments.license)]
    if not units:
        raise CorpusError("nothing to read: give --corpus, --midi-dir, --abc-dir, --music-dir or --dataset")
    return units[: arguments.limit]


def main() -> None:
    """Parse, list, prepare, report."""
    arguments = parse_arguments()
    settings = PrepareSettings(
        timeout=arguments.timeout,
        split_by=SplitBy(arguments.split_by),
        fractions=SplitFractions(arguments.validation_fraction, arguments.test_fraction),
        seed=arguments.seed,
        threshold=arguments.threshold,
        max_bars=arguments.max_bars,
    )
    summary = prepare_dataset(
        list_units(arguments),
        arguments.output,
        settings,
        num_workers=arguments.num_workers,
        overwrite=arguments.overwrite,
        command=shown_command(),
    )
    for split, count in summary["splits"].items():
        print(f"{split}: {count['pieces']:,} pieces in {count['groups']:,} near-duplicate groups")
    for reason, count in summary["skipped"].items():
        print(f"skipped, {reason}: {count:,} (see {arguments.output / SKIPPED_FILE})")
    for kind, found in summary["left_out"].items():
        print(f"besides the notes, {kind}: {found['count']:,} in {found['units']:,} tunes")
    print(f"split hash {summary['split_hash']}")
    if arguments.push_to_hub:
        print(f"published: {publish_folder(arguments.output, arguments.push_to_hub, arguments.private)}")


if __name__ == "__main__":
    try:
        main()
    except (CorpusError, MissingExtraError, OSError, PrepareError, PublishError, SplitError) as error:
        print(f"prepare_dataset: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("prepare_dataset: interrupted; the same command goes on where this run stopped", file=sys.stderr)
        sys.exit(130)
