"""`symbolic-music render` and `convert`: what is done with files of music."""

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from symbolic_music._extras import require
from symbolic_music.cli.pieces import writable_suffix
from symbolic_music.cli.shared import TUNE_HELP, UserError, read_whole_piece, tell_skipped


def add_render(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser("render", help="a music file as sound, as notation or as a piano roll")
    parser.add_argument("file", type=Path, help="MIDI, ABC or MusicXML file")
    parser.add_argument("--output", type=Path, required=True, help="file to write: .wav, .mp3, .png, .pdf, .svg …")
    parser.add_argument(
        "--as",
        dest="picture",
        choices=("score", "roll"),
        help="pictures as engraved notation (.pdf and .svg always are) or as a piano roll (.png by default)",
    )
    parser.add_argument("--tune", type=int, metavar="N", help=TUNE_HELP)
    parser.set_defaults(run=run_render)


def add_convert(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser("convert", help="music files between MIDI, ABC, MusicXML and sound")
    parser.add_argument("source", type=Path, metavar="IN", help="MIDI, ABC or MusicXML file, or a folder of them")
    parser.add_argument(
        "output", type=Path, metavar="OUT", help=".mid, .abc, .musicxml, .wav …; or a folder for a folder"
    )
    parser.add_argument("--to", metavar="FORMAT", help="what to write into a folder: mid, abc, musicxml, mxl, wav …")
    parser.add_argument(
        "--readable", action="store_true", help="move played rhythm to note values, to be read rather than heard"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes (default 1)")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds for one file (default 60)")
    parser.add_argument(
        "--pedal",
        choices=("auto", "extend", "keep"),
        default="auto",
        help="sustain pedals as durations; auto: where music was played (default auto)",
    )
    parser.set_defaults(run=run_convert)


def run_render(options: argparse.Namespace) -> None:
    """`symbolic-music render`."""
    from symbolic_music.score.checks import ScoreError
    from symbolic_music.score.output import write_piece
    from symbolic_music.score.render.engraving import ENGRAVED_SUFFIXES, write_engraving

    suffix = writable_suffix(options.output)
    if options.picture and suffix not in ENGRAVED_SUFFIXES:
        raise UserError(f"{options.output}: expected --as with a picture, {', '.join(ENGRAVED_SUFFIXES)}")
    if options.picture == "roll" and suffix != ".png":
        raise UserError(f"{options.output}: cannot write a piano roll as {suffix}; expected .png")
    is_notation = suffix in ENGRAVED_SUFFIXES and (options.picture == "score" or suffix != ".png")
    piece = read_whole_piece(options.file, options.tune)
    title = f"{options.file.stem}, {options.tune}" if options.tune is not None else None
    try:
        if is_notation:
            written = write_engraving(piece, options.output, title or options.file.stem)
        else:
            written = write_piece(piece, options.output, title)
    except ScoreError as error:
        raise UserError(f"{options.file}: {error.detail}") from error
    print(f"written {_file_list(written)}")


def _file_list(paths: list[Path]) -> str:
    """The first file, and the last of what belongs to it."""
    if len(paths) < 3:
        return " and ".join(map(str, paths))
    return f"{paths[0]} and {len(paths) - 1} further pages, {paths[1].name} to {paths[-1].name}"


def run_convert(options: argparse.Namespace) -> None:
    """`symbolic-music convert`."""
    from symbolic_music.data.convert import SKIPPED_FILE, ConvertError, convert_files, folder_jobs, write_skipped
    from symbolic_music.score.output import OUTPUT_FORMATS
    from symbolic_music.score.render.engraving import ENGRAVED_SUFFIXES

    if options.workers < 1 or not options.timeout > 0:
        raise UserError(
            f"expected --workers of 1 or more and --timeout above 0, got {options.workers}, {options.timeout}"
        )
    if not options.source.is_dir():
        _convert_one(options.source, options.output, options.readable, options.pedal)
        return
    if options.to not in OUTPUT_FORMATS:
        found = f"; got {options.to!r}" if options.to else ""
        raise UserError(
            f"{options.source} is a folder; say what to write with --to {', '.join(OUTPUT_FORMATS)}{found}"
        )
    if f".{options.to}" in ENGRAVED_SUFFIXES and options.to != "png":
        require("verovio")  # said once rather than for each file
    if options.output.exists() and not options.output.is_dir():
        raise UserError(f"{options.output} is a file; expected a folder, as {options.source} is one")
    try:
        jobs = folder_jobs(options.source, options.output, f".{options.to}", options.readable, options.pedal)
    except ConvertError as error:
        raise UserError(str(error)) from error
    summary = convert_files(jobs, options.workers, options.timeout, progress=sys.stderr.isatty())
    print(f"{summary.converted} files converted, {summary.present} were there, {len(summary.skipped)} skipped")
    for reason, count in sorted(summary.reasons().items()):
        print(f"  {reason}: {count}")
    _print_left_out(summary.left_out)
    if summary.pieces_skipped:
        print(f"{len(summary.pieces_skipped)} pieces of converted files skipped")
    if summary.skipped or summary.pieces_skipped:
        write_skipped(summary, options.output / SKIPPED_FILE)
        print(f"skipped files are listed in {options.output / SKIPPED_FILE}")


def _convert_one(source: Path, output: Path, readable: bool, pedal: str) -> None:
    from symbolic_music.data.convert import Job, convert_file

    writable_suffix(output)
    conversion = convert_file(Job(source, output, readable, pedal))
    if conversion.refused:
        raise UserError(f"{source}: {': '.join(conversion.refused)}")
    tell_skipped(conversion.skipped)
    print(f"written {output}")
    _print_left_out(conversion.left_out)


def _print_left_out(left_out: Counter[str]) -> None:
    for kind, count in sorted(left_out.items()):
        print(f"besides the notes, {kind}: {count:,}")
