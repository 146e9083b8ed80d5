"""`symbolic-music prepare`: corpora, folders and archives of music as a Parquet dataset whose splits do not leak.

    symbolic-music prepare --corpus folk --output data/folk
    symbolic-music prepare --archive scores.tar.xz --archive groove.zip --output data/scores
    symbolic-music prepare --config train/configs/data/ensembles.yaml --root ~/scores --output data/ensembles
    symbolic-music prepare --midi-dir ~/midi --output data/mine --push-to-hub USER/NAME --private

Many machines, by datatrove (pip extra `cluster`); the rows and splits are those of one machine:

    symbolic-music prepare --midi-dir /shared/midi --output /shared/mine --engine slurm --tasks 200 \
        --num-workers 50 --engine-option partition=cpu --engine-option time=10:00:00
    symbolic-music prepare --midi-dir /shared/midi --output s3://bucket/mine --engine ray --tasks 200
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbolic_music._command import shown_command
from symbolic_music.cli.shared import UserError

if TYPE_CHECKING:
    from symbolic_music.data.preparation.prepare import PrepareSettings
    from symbolic_music.data.preparation.presentation.credits import Presentation
    from symbolic_music.data.sources.archives import ArchiveListing
    from symbolic_music.data.sources.units import WorkUnit

ONE_MACHINE = "none"
KNOWN_CORPORA = "list"
"""As the name of a corpus: say which there are."""


def add_prepare(commands: Any) -> None:
    """The command and its flags; a recipe's keys are their names."""
    parser = commands.add_parser("prepare", help="music files as a dataset with splits that do not leak")
    parser.add_argument(
        "--config", type=Path, help="a recipe: a YAML file of these flags; flags win, lists are joined"
    )
    parser.add_argument("--root", type=Path, default=Path(), help="where the paths of --config begin; default here")
    parser.add_argument("--corpus", action="append", default=[], help="by name; --corpus list says which there are")
    parser.add_argument(
        "--corpus-archive", metavar="NAME=FILE", action="append", default=[], help="your own archive of a corpus"
    )
    parser.add_argument("--midi-dir", type=Path, action="append", default=[], help="MIDI files, recursively")
    parser.add_argument("--abc-dir", type=Path, action="append", default=[], help="ABC tune books, recursively")
    parser.add_argument("--music-dir", type=Path, action="append", default=[], help="files of every known type")
    parser.add_argument(
        "--archive", type=Path, action="append", default=[], help="the same in a .zip or .tar[.gz|.xz]"
    )
    parser.add_argument("--dataset", action="append", default=[], help="Hub id or folder with a `midi` column")
    parser.add_argument(
        "--license",
        metavar="[SOURCE=]TEXT",
        action="append",
        default=[],
        help="of files that state none; for all, or for the folder or archive of this name",
    )
    parser.add_argument(
        "--accept-license",
        "--accept-licence",
        metavar="WORDS",
        action="append",
        default=[],
        help='leave out pieces under other licences than these ("CC BY" is not CC BY-NC, -ND or -SA); default all',
    )
    parser.add_argument(
        "--output",
        help="the dataset folder to write; s3://… with a file system's package",
    )
    parser.add_argument("--push-to-hub", metavar="USER/NAME", help="publish the finished dataset")
    parser.add_argument("--private", action="store_true", help="make the repository of --push-to-hub a private one")
    parser.add_argument("--overwrite", action="store_true", help="replace a dataset made with other arguments")
    parser.add_argument("--num-workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--engine",
        choices=[ONE_MACHINE, "local", "ray", "slurm"],
        default=ONE_MACHINE,
        help="what runs tasks; default none",
    )
    parser.add_argument("--tasks", type=int, default=8, metavar="N", help="of --engine; --num-workers run at once")
    parser.add_argument(
        "--engine-option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="of datatrove's executor, such as partition=cpu and time=10:00:00 on Slurm",
    )
    parser.add_argument("--timeout", type=float, help="seconds to read one file (60)")
    parser.add_argument("--memory", type=int, help="MiB to read one file (384)")
    parser.add_argument("--limit", type=int, help="read only the first N files, tunes or rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split-by", choices=("group", "random"), default="group")
    parser.add_argument("--max-bars", type=int, help="cut longer pieces at bar lines into parts of N bars at most")
    parser.add_argument(
        "--chords", choices=["keep", "sound"], default="keep", help="chord symbols: a column, or played"
    )
    parser.add_argument(
        "--pedal",
        choices=("auto", "extend", "keep"),
        default="auto",
        help="sustain pedals as durations; auto: where music was played",
    )
    parser.add_argument("--validation-fraction", type=float, default=0.05)
    parser.add_argument("--test-fraction", type=float, default=0.05)
    parser.add_argument("--threshold", type=float, help="near-duplicate similarity (0.12)")
    parser.set_defaults(run=run_prepare, parser=parser)


def run_prepare(options: argparse.Namespace) -> None:
    """`symbolic-music prepare`."""
    from symbolic_music.data.preparation.prepare import PrepareError
    from symbolic_music.data.preparation.recipe import RecipeError
    from symbolic_music.data.preparation.splits import SplitError
    from symbolic_music.data.sources.units import CorpusError
    from symbolic_music.hub.errors import PublishError

    if options.corpus == [KNOWN_CORPORA]:
        return tell_known_corpora()
    try:
        prepare_and_tell(*complete(options))
    except (CorpusError, PrepareError, PublishError, RecipeError, SplitError) as error:
        raise UserError(str(error)) from error
    except KeyboardInterrupt:
        print("prepare: the same command goes on where this run stopped", file=sys.stderr)
        raise


def complete(arguments: argparse.Namespace) -> "tuple[argparse.Namespace, Presentation]":
    """What the user typed, and what the recipe adds to it; a number out of range is a `UserError`."""
    from symbolic_music.data.preparation.presentation.credits import Presentation
    from symbolic_music.data.preparation.recipe import read_recipe
    from symbolic_music.data.sources.named.fetched import credit_of
    from symbolic_music.data.sources.named.registry import named_corpora
    from symbolic_music.hub.upload import check_repo_id
    from symbolic_music.score.storage import as_path

    parser, presentation = arguments.parser, Presentation(has_picture=True)
    if arguments.config is not None:
        values, presentation = read_recipe(arguments.config, arguments.root, parser)
        parser.set_defaults(**values)
        arguments = parser.parse_args(arguments.words[1:])  # flags win over the recipe
    if arguments.output is None:
        parser.error("the following arguments are required: --output")
    arguments.output = as_path(arguments.output)
    for name in ("num_workers", "limit", "tasks"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            parser.error(f"--{name.replace('_', '-')}: expected a number above 0, got {value}")
    if arguments.push_to_hub:
        check_repo_id(arguments.push_to_hub)
    if arguments.engine != ONE_MACHINE:  # tasks may run in other folders
        for name in ("midi_dir", "abc_dir", "music_dir", "archive"):
            setattr(arguments, name, [path.absolute() for path in getattr(arguments, name)])
    named = {credit.source for credit in presentation.credits}
    taken = [named_corpora()[name] for name in arguments.corpus if name in named_corpora() and name not in named]
    return arguments, replace(presentation, credits=(*presentation.credits, *map(credit_of, taken)))


def corpus_units(name: str, arguments: argparse.Namespace) -> "list[WorkUnit]":
    """A named corpus, of an installed package or fetched from its publisher."""
    from symbolic_music.data.sources.named.fetched import list_fetched, parse_archives
    from symbolic_music.data.sources.named.packaged import list_corpus
    from symbolic_music.data.sources.named.registry import named_corpora

    known = named_corpora()
    if name not in known:
        return list_corpus(name)
    known[name].check_accepted(arguments.accept_license)
    listing = list_fetched(known[name], parse_archives(arguments.corpus_archive, known), print)
    tell_ignored(name, listing)
    return listing.units


def tell_ignored(name: str, listing: "ArchiveListing") -> None:
    """What of an archive is no music."""
    if listing.ignored:
        words = ", ".join(f"{kind} ({count:,})" for kind, count in sorted(listing.ignored.items()))
        print(f"{name}: {listing.ignored.total():,} files of other types: {words}")


def tell_known_corpora() -> None:
    """The corpora that `--corpus` takes."""
    from symbolic_music.data.sources.named.packaged import NAMED_CORPORA
    from symbolic_music.data.sources.named.registry import named_corpora

    for name, make in sorted(NAMED_CORPORA.items()):
        print(f"{name}: {(make.__doc__ or '').splitlines()[0]}")
    for name, corpus in sorted(named_corpora().items()):
        print(f"{name}: {corpus.terms()}")


def list_units(arguments: argparse.Namespace, presentation: "Presentation") -> "list[WorkUnit]":
    """Everything the arguments name, in the order corpora, folders, archives, datasets."""
    from symbolic_music.data.sources.archives import archive_source, list_archive
    from symbolic_music.data.sources.folders import folder_source, list_directory
    from symbolic_music.data.sources.licenses import Licenses
    from symbolic_music.data.sources.rows import list_dataset
    from symbolic_music.data.sources.units import UNKNOWN_LICENSE, CorpusError
    from symbolic_music.score.files import ABC_SUFFIXES, MIDI_SUFFIXES, MUSIC_SUFFIXES

    folders = [
        *((folder, MIDI_SUFFIXES) for folder in arguments.midi_dir),
        *((folder, ABC_SUFFIXES) for folder in arguments.abc_dir),
        *((folder, MUSIC_SUFFIXES) for folder in arguments.music_dir),
    ]
    sources = [*(folder_source(folder) for folder, _ in folders), *map(archive_source, arguments.archive)]
    credits = [credit for credit in presentation.credits if credit.license and credit.source in sources]
    known = [f"{credit.source}={credit.license}" for credit in credits]
    licenses = Licenses([*known, *arguments.license], sources)
    units = [unit for name in arguments.corpus for unit in corpus_units(name, arguments)]
    for folder, suffixes in folders:
        units += list_directory(folder, suffixes, licenses.of(folder_source(folder)) or UNKNOWN_LICENSE)
    for archive in arguments.archive:
        listing = list_archive(archive, licenses.of(archive_source(archive)))
        units += listing.units
        tell_ignored(str(archive), listing)
    for name in arguments.dataset:
        units += list_dataset(name, licenses.of(name) or UNKNOWN_LICENSE)
    if not units:
        raise CorpusError("nothing to read: give --corpus, --midi-dir, --abc-dir, --music-dir, --archive or --dataset")
    return units[: arguments.limit]


def prepare(
    arguments: argparse.Namespace, units: "list[WorkUnit]", settings: "PrepareSettings"
) -> dict[str, Any] | None:
    """The dataset by this process, or by the tasks of an engine; None where those are yet to run."""
    from symbolic_music.data.preparation.prepare import prepare_dataset

    output, overwrite, command = arguments.output, arguments.overwrite, shown_command()
    if arguments.engine == ONE_MACHINE:
        return prepare_dataset(units, output, settings, arguments.num_workers, overwrite, command)
    from symbolic_music.data.cluster.options import named_engine

    engine = named_engine(arguments.engine, output, arguments.num_workers, arguments.engine_option)
    from symbolic_music.data.cluster.prepare import prepare_on  # needs datatrove, which was asked for above

    return prepare_on(engine, units, output, settings, arguments.tasks, overwrite=overwrite, command=command)


def settings_of(arguments: argparse.Namespace, presentation: "Presentation") -> "PrepareSettings":
    """How pieces are read, grouped and dealt."""
    from symbolic_music.data.preparation.pieces import PieceSettings
    from symbolic_music.data.preparation.prepare import PrepareSettings
    from symbolic_music.data.preparation.splits import SplitBy, SplitFractions

    given = {name: getattr(arguments, name) for name in ("timeout", "memory", "threshold")}
    return PrepareSettings(
        pieces=PieceSettings(
            max_bars=arguments.max_bars,
            sound_chords=arguments.chords == "sound",
            pedal=arguments.pedal,
            licenses=tuple(arguments.accept_license),
        ),
        split_by=SplitBy(arguments.split_by),
        fractions=SplitFractions(arguments.validation_fraction, arguments.test_fraction),
        seed=arguments.seed,
        presentation=presentation,
        **{name: value for name, value in given.items() if value is not None},
    )


def prepare_and_tell(arguments: argparse.Namespace, presentation: "Presentation") -> None:
    """List, prepare, print what came of it, publish where asked."""
    from symbolic_music.data.preparation.assemble import SKIPPED_FILE
    from symbolic_music.hub.upload import publish_folder

    settings = settings_of(arguments, presentation)
    summary = prepare(arguments, list_units(arguments, presentation), settings)
    if summary is None:
        print(f"handed to {arguments.engine}; the dataset stands in {arguments.output} when the last task has ended")
        return
    for split, count in summary["splits"].items():
        print(f"{split}: {count['pieces']:,} pieces in {count['groups']:,} near-duplicate groups")
    for reason, count in summary["skipped"].items():
        print(f"skipped, {reason}: {count:,} (see {arguments.output / SKIPPED_FILE})")
    for kind, found in summary["left_out"].items():
        print(f"besides the notes, {kind}: {found['count']:,} in {found['units']:,} files, tunes or rows")
    print(f"split hash {summary['split_hash']}")
    if arguments.push_to_hub:
        print(f"published: {publish_folder(arguments.output, arguments.push_to_hub, arguments.private)}")
