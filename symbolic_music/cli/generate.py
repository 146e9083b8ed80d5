"""`symbolic-music generate` and `infill`: pieces from a model."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbolic_music._command import shown_path
from symbolic_music._extras import require
from symbolic_music.cli.controls import add_controls, add_fill_controls, read_controls, tell_changes
from symbolic_music.cli.pieces import SUMMARY_FILE, write_pieces
from symbolic_music.cli.shared import (
    DEFAULT_COMPOSER,
    DEFAULT_FILLER,
    TOP_P_HELP,
    TUNE_HELP,
    UserError,
    add_sampling_flags,
    check_model_name,
    load_composer,
    read_piece,
    sampling_options,
    shipped_model,
)

if TYPE_CHECKING:
    from symusic.core import ScoreTick

    from symbolic_music.events.controls.asked import Controls
    from symbolic_music.generation.compose import Composition, SamplingOptions


def add_generate(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser("generate", help="compose pieces with a model, from nothing or continuing a file")
    parser.add_argument(
        "--model",
        metavar="PATH_OR_ID",
        help=f"model folder or Hub id (default: the shipped {DEFAULT_COMPOSER})",
    )
    parser.add_argument("--num-samples", type=int, default=4, metavar="N")
    parser.add_argument(
        "--bars", type=int, metavar="N", help="bars of each piece, prompt included; default: as many as fit"
    )
    parser.add_argument("--prompt", type=Path, metavar="FILE", help="MIDI, ABC or MusicXML file to continue")
    parser.add_argument(
        "--prompt-bars", type=int, default=4, metavar="N", help="bars of the prompt to keep (default 4)"
    )
    add_controls(parser)
    parser.add_argument(
        "--best-of", type=int, default=1, metavar="N", help="of N pieces each, the likeliest per note (default 1: off)"
    )
    parser.add_argument(
        "--particles",
        type=int,
        default=1,
        metavar="N",
        help="write each piece N times side by side and go on, bar by bar, with those least forced (default 1: off)",
    )
    parser.add_argument("--title", default="", help="words before the piece (models that came from text)")
    _add_sampling(parser)
    parser.set_defaults(run=run_generate)


def add_infill(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser("infill", help="write bars of a piece anew, all else untouched")
    parser.add_argument("file", type=Path, help="MIDI, ABC or MusicXML file")
    parser.add_argument(
        "--model", metavar="PATH_OR_ID", help=f"one that fills bars (default: the shipped {DEFAULT_FILLER})"
    )
    parser.add_argument("--bars", required=True, metavar="N-M", help="such as 5-8, or 5 alone; the first bar is 1")
    parser.add_argument("--tracks", metavar="NAMES", help="comma-separated names or numbers from 1 (default: all)")
    parser.add_argument("--tune", type=int, metavar="N", help=TUNE_HELP)
    parser.add_argument("--num-samples", type=int, default=4, metavar="N")
    add_fill_controls(parser)
    _add_sampling(parser)
    parser.set_defaults(run=run_infill)


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    """What every command that samples from a model takes."""
    add_sampling_flags(parser, longest="the model's context", at_once="sampled at once (default 32)")
    parser.add_argument("--top-p", type=float, help=TOP_P_HELP)
    parser.add_argument("--no-grammar", action="store_true", help="sample from the bare model; pieces may be invalid")
    parser.add_argument("--format", default="mid", help="comma-separated: mid, abc, musicxml, wav … (default mid)")
    parser.add_argument("--output-dir", type=Path, required=True, metavar="OUT")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps … (default: a GPU where there is one)")


def run_generate(options: argparse.Namespace) -> None:
    """`symbolic-music generate`."""
    formats = _formats(options.format)
    name = options.model or shipped_model(DEFAULT_COMPOSER)
    if options.prompt and options.bars is not None and options.prompt_bars >= options.bars:
        raise UserError(f"--prompt-bars is {options.prompt_bars}; expected fewer than --bars {options.bars}")
    if options.prompt and options.prompt_bars < 1:
        raise UserError(f"--prompt-bars is {options.prompt_bars}; expected 1 or more")
    _check_samples(options)
    if options.best_of < 1:
        raise UserError(f"--best-of is {options.best_of}; expected 1 or more")
    if options.particles < 1:
        raise UserError(f"--particles is {options.particles}; expected 1 or more")
    check_model_name(name)

    from tqdm import tqdm

    from symbolic_music.generation.compose import compose  # after the mistakes

    sampling, controls = _sampling_options(options, options.bars), _read_controls(options)
    prompt = _read_prompt(options)
    options.output_dir.mkdir(parents=True, exist_ok=True)  # a folder that cannot be written is said before the work
    model, processor = load_composer(name, options.device)
    tell_changes(processor, controls)
    sampling = sampling.for_model(model)
    started = time.perf_counter()
    with tqdm(total=options.num_samples, unit="piece", desc="composing", disable=None) as progress:
        try:
            pieces = compose(
                model,
                processor,
                options.num_samples,
                prompt,
                options.prompt_bars if prompt else None,
                sampling,
                progress.update,
                words=options.title,
                controls=controls,
                best_of=options.best_of,
                particles=options.particles,
            )
        except ValueError as error:  # prompts the grammar refuses, limits without room, Scores without notes
            raise UserError(str(error)) from error
    seconds = time.perf_counter() - started
    about = {
        "model": options.model or shown_path(name),
        "prompt": str(options.prompt) if prompt else None,
        "options": asdict(sampling),
    }
    about |= {"controls": controls.told()} if controls else {}
    _report_pieces(pieces, options, formats, seconds, about)


def run_infill(options: argparse.Namespace) -> None:
    """`symbolic-music infill`."""
    formats, bars = _formats(options.format), _bar_range(options.bars)
    name = options.model or shipped_model(DEFAULT_FILLER)
    _check_samples(options)
    check_model_name(name)

    from tqdm import tqdm

    from symbolic_music.generation.infill import find_tracks, infill

    sampling, controls = _sampling_options(options), read_controls(options)
    piece = read_piece(options.file, options.tune)
    options.output_dir.mkdir(parents=True, exist_ok=True)
    try:
        tracks = find_tracks(piece, options.tracks.split(",")) if options.tracks is not None else None
        model, processor = load_composer(name, options.device)
        sampling = sampling.for_model(model)
        started = time.perf_counter()
        with tqdm(total=options.num_samples, unit="piece", desc="filling in", disable=None) as progress:
            pieces = infill(
                model, processor, piece, bars, tracks, options.num_samples, sampling, progress.update, controls
            )
    except ValueError as error:  # bars or tracks that are not there, or that the model cannot hold
        raise UserError(f"{options.file}: {error}") from error
    seconds = time.perf_counter() - started
    about = {
        "model": options.model or shown_path(name),
        "file": str(options.file),
        "bars": options.bars,
        "options": asdict(sampling),
    }
    title = f"bars {options.bars} written anew"
    _report_pieces(pieces, options, formats, seconds, about | {"tracks": options.tracks}, title)


def _bar_range(text: str) -> tuple[int, int]:
    """First bar and the one behind the last, from 0."""
    first, dash, last = text.partition("-")
    if not first.strip().isdecimal() or (dash and not last.strip().isdecimal()):
        raise UserError(f"--bars is {text!r}; expected a range such as 5-8, or one bar")
    begin, end = int(first), int(last) if dash else int(first)
    if not 1 <= begin <= end:
        raise UserError(f"--bars is {text!r}; expected the first bar, from 1, before the last")
    return begin - 1, end


def _report_pieces(
    pieces: "Sequence[Composition]",
    options: argparse.Namespace,
    formats: Sequence[str],
    seconds: float,
    about: dict[str, Any],
    title: str = "",
) -> None:
    from symbolic_music.generation.compose import notice_of_room
    from symbolic_music.score.errors import ScoreError

    try:
        summary = write_pieces(pieces, options.output_dir, formats, seconds, about, title)
    except ScoreError as error:  # what a format cannot hold, or an engraver that ends
        raise UserError(f"{options.output_dir}: cannot write every piece as {', '.join(formats)}: {error}") from error
    valid = sum(piece.valid for piece in pieces)
    print(f"{valid} of {len(pieces)} pieces are valid; {summary['tokens_per_second']:.0f} tokens/s")
    notice = notice_of_room(pieces, about["options"]["num_bars"])
    if notice:
        print(notice)
    print(f"written to {options.output_dir} ({', '.join(formats)}, {SUMMARY_FILE})")


def _check_samples(options: argparse.Namespace) -> None:
    if options.num_samples < 1:
        raise UserError(f"--num-samples is {options.num_samples}; expected 1 or more")


def _sampling_options(options: argparse.Namespace, num_bars: int | None = None) -> "SamplingOptions":
    more = {"num_bars": num_bars, "top_p": options.top_p, "use_grammar": not options.no_grammar}
    return sampling_options(options, None, 32, **more)


def _read_controls(options: argparse.Namespace) -> "Controls | None":
    """What is asked for, besides a number of bars alone, which needs no search for ends."""
    from symbolic_music.events.controls.asked import Controls

    controls = read_controls(options, options.bars)
    return None if controls == Controls(bars=options.bars) else controls


def _formats(text: str) -> list[str]:
    from symbolic_music.score.output import OUTPUT_FORMATS

    formats = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in formats if name not in OUTPUT_FORMATS]
    if unknown or not formats:
        raise UserError(f"--format is {text!r}; expected a comma-separated list of {', '.join(OUTPUT_FORMATS)}")
    if {"svg", "pdf"} & set(formats):
        require("verovio")  # that it is missing is said before the work
    return formats


def _read_prompt(options: argparse.Namespace) -> "ScoreTick | None":
    return read_piece(options.prompt) if options.prompt else None
