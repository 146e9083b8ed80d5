"""The `symbolic-music` command: parses, calls, prints. Everything it does can be done from Python."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from symbolic_music._extras import MissingExtraError

if TYPE_CHECKING:
    from symusic.core import ScoreTick
    from transformers import PreTrainedModel

    from symbolic_music.generation.compose import Composition
    from symbolic_music.tokenization.processing_music import MusicProcessor

USER_ERROR_EXIT_CODE = 2
OUTPUT_FORMATS = ("mid", "abc", "wav", "mp3", "png")
OUTPUT_SUFFIXES = (".mid", ".midi", ".abc", ".wav", ".mp3", ".png")
SUMMARY_FILE = "summary.json"


class UserError(Exception):
    """Something the user can mend: one line on stderr and exit code 2."""


class _OneLineParser(argparse.ArgumentParser):
    """Ends a wrong command with one line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, or 2 for what the user can mend."""
    try:
        options = build_parser().parse_args(arguments)
        options.run(options)
    except KeyboardInterrupt:
        print("symbolic-music: interrupted", file=sys.stderr)
        return 130
    except (UserError, MissingExtraError, OSError) as error:
        print(f"symbolic-music: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR_EXIT_CODE
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = _OneLineParser(
        prog="symbolic-music", description="Compose, continue, infill, render, inspect and publish symbolic music."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_generate(commands)
    _add_infill(commands)
    _add_render(commands)
    _add_convert(commands)
    _add_info(commands)
    _add_publish(commands)
    _add_compare(commands)
    return parser


def _add_generate(commands: Any) -> None:
    parser = commands.add_parser("generate", help="compose pieces with a model, from nothing or continuing a file")
    parser.add_argument("--model", required=True, metavar="PATH_OR_ID", help="model folder or Hub id")
    parser.add_argument("--num-samples", type=int, default=4, metavar="N")
    parser.add_argument(
        "--bars", type=int, metavar="N", help="bars of each piece, prompt included; default: as many as fit"
    )
    parser.add_argument("--prompt", type=Path, metavar="FILE", help="MIDI, ABC or MusicXML file to continue")
    parser.add_argument(
        "--prompt-bars", type=int, default=4, metavar="N", help="bars of the prompt to keep (default 4)"
    )
    parser.add_argument("--bpm", type=int, metavar="N", help="tempo in quarter notes per minute (track text)")
    parser.add_argument("--meter", metavar="N/D", help="such as 3/4 (track text)")
    parser.add_argument("--key", metavar="KEY", help="such as G or F#m (track text)")
    parser.add_argument(
        "--instruments", metavar="NAMES", help="comma-separated names, numbers from 0, or Drums, in order (track text)"
    )
    parser.add_argument("--title", default="", help="words before the piece (models that came from text)")
    _add_sampling(parser)
    parser.set_defaults(run=run_generate)


def _add_infill(commands: Any) -> None:
    parser = commands.add_parser("infill", help="write bars of a piece anew, all else untouched")
    parser.add_argument("file", type=Path, help="MIDI, ABC or MusicXML file")
    parser.add_argument("--model", required=True, metavar="PATH_OR_ID", help="folder or Hub id of a model that fills")
    parser.add_argument("--bars", required=True, metavar="N-M", help="such as 5-8, or 5 alone; the first bar is 1")
    parser.add_argument("--tracks", metavar="NAMES", help="comma-separated names or numbers from 1 (default: all)")
    parser.add_argument("--tune", type=int, default=1, help="which piece of a tune book, from 1")
    parser.add_argument("--num-samples", type=int, default=4, metavar="N")
    _add_sampling(parser)
    parser.set_defaults(run=run_infill)


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    """What every command that samples from a model takes."""
    parser.add_argument("--temperature", type=float, default=1.0, help="0 takes the likeliest token (default 1.0)")
    parser.add_argument("--top-p", type=float, default=1.0, help="nucleus sampling (default 1.0: off)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest output (default: the model's context)")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="pieces sampled at once (default 32)")
    parser.add_argument("--no-grammar", action="store_true", help="sample from the bare model; pieces may be invalid")
    parser.add_argument("--format", default="mid", help="comma-separated: mid, abc, wav, mp3, png (default mid)")
    parser.add_argument("--output-dir", type=Path, required=True, metavar="OUT")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps … (default: a GPU where there is one)")


def _add_render(commands: Any) -> None:
    parser = commands.add_parser("render", help="a music file as sound or as a piano roll")
    parser.add_argument("file", type=Path, help="MIDI, ABC or MusicXML file")
    parser.add_argument("--output", type=Path, required=True, help="file to write: .wav, .mp3, .png, .abc or .mid")
    parser.add_argument("--tune", type=int, default=1, help="which piece of a tune book, from 1")
    parser.set_defaults(run=run_render)


def _add_convert(commands: Any) -> None:
    parser = commands.add_parser("convert", help="music files between MIDI, ABC and WAV, one or a folder of them")
    parser.add_argument("source", type=Path, metavar="IN", help="MIDI, ABC or MusicXML file, or a folder of them")
    parser.add_argument("output", type=Path, metavar="OUT", help=".mid, .abc, .wav or .mp3; or a folder for a folder")
    parser.add_argument("--to", choices=("mid", "abc", "wav", "mp3"), help="what to write into a folder")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes (default 1)")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds for one file (default 60)")
    parser.set_defaults(run=run_convert)


def _add_info(commands: Any) -> None:
    parser = commands.add_parser("info", help="what a music file or a model folder holds")
    parser.add_argument("target", metavar="FILE_OR_MODEL")
    parser.set_defaults(run=run_info)


def _add_publish(commands: Any) -> None:
    parser = commands.add_parser("publish", help="a model, adapter, dataset or metric to the Hub, checked before")
    parser.add_argument("folder", type=Path, help="what the repository is to hold")
    parser.add_argument("repo_id", metavar="USER/NAME")
    parser.add_argument("--private", action="store_true", help="make a private repository")
    parser.add_argument("--tag", help="name for this version, for `revision=`; tags stay where they are")
    parser.add_argument("--base-model", metavar="USER/NAME", help="of an adapter: its base on the Hub")
    parser.add_argument("--dry-run", action="store_true", help="list files and problems; nothing leaves the machine")
    parser.set_defaults(run=run_publish)


def _add_compare(commands: Any) -> None:
    parser = commands.add_parser("compare", help="how far pieces lie from human ones, statistic by statistic")
    parser.add_argument("sampled", type=Path, help="music file, or a folder of them")
    parser.add_argument("human", type=Path, help="likewise, of held-out human music")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    parser.add_argument("--output", type=Path, metavar="FILE", help="JSON file for the whole table")
    parser.set_defaults(run=run_compare)


def run_generate(options: argparse.Namespace) -> None:
    """`symbolic-music generate`."""
    from tqdm import tqdm

    from symbolic_music.generation.compose import compose

    formats = _formats(options.format)
    if options.prompt and options.bars is not None and options.prompt_bars >= options.bars:
        raise UserError(f"--prompt-bars is {options.prompt_bars}; expected fewer than --bars {options.bars}")
    if options.prompt and options.prompt_bars < 1:
        raise UserError(f"--prompt-bars is {options.prompt_bars}; expected 1 or more")
    sampling = _sampling_options(options, options.bars)
    prompt, fields = _read_prompt(options), _header_fields(options)
    options.output_dir.mkdir(parents=True, exist_ok=True)  # a folder that cannot be written is said before the work
    model, processor = _load_model(options.model, options.device)
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
                fields,
                options.title,
            )
        except ValueError as error:  # prompts the grammar refuses, limits without room, Scores without notes
            raise UserError(str(error)) from error
    seconds = time.perf_counter() - started
    about = {"model": options.model, "prompt": str(options.prompt) if prompt else None, "options": asdict(sampling)}
    about |= {"header": asdict(fields)} if fields else {}
    _report_pieces(pieces, options, formats, seconds, about)


def run_infill(options: argparse.Namespace) -> None:
    """`symbolic-music infill`."""
    from tqdm import tqdm

    from symbolic_music.generation.infill import find_tracks, infill

    formats, bars = _formats(options.format), _bar_range(options.bars)
    sampling = _sampling_options(options)
    piece = _read_piece(options.file, options.tune)
    options.output_dir.mkdir(parents=True, exist_ok=True)
    try:
        tracks = find_tracks(piece, options.tracks.split(",")) if options.tracks is not None else None
        model, processor = _load_model(options.model, options.device)
        started = time.perf_counter()
        with tqdm(total=options.num_samples, unit="piece", desc="filling in", disable=None) as progress:
            pieces = infill(model, processor, piece, bars, tracks, options.num_samples, sampling, progress.update)
    except ValueError as error:  # bars or tracks that are not there, or that the model cannot hold
        raise UserError(f"{options.file}: {error}") from error
    seconds = time.perf_counter() - started
    about = {"model": options.model, "file": str(options.file), "bars": options.bars, "options": asdict(sampling)}
    _report_pieces(pieces, options, formats, seconds, about | {"tracks": options.tracks})


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
) -> None:
    summary = write_pieces(pieces, options.output_dir, formats, seconds, about)
    valid = sum(piece.valid for piece in pieces)
    print(f"{valid} of {len(pieces)} pieces are valid; {summary['tokens_per_second']:.0f} tokens/s")
    print(f"written to {options.output_dir} ({', '.join(formats)}, {SUMMARY_FILE})")


def _load_model(name: str, device: str | None) -> "tuple[PreTrainedModel, MusicProcessor]":
    from symbolic_music.generation.loading import LoadError, load_model

    try:
        return load_model(name, device)
    except LoadError as error:
        raise UserError(str(error)) from error


def _sampling_options(options: argparse.Namespace, num_bars: int | None = None):
    from symbolic_music.generation.compose import SamplingOptions

    if options.num_samples < 1:
        raise UserError(f"--num-samples is {options.num_samples}; expected 1 or more")
    try:
        return SamplingOptions(
            num_bars=num_bars,
            max_length=options.max_tokens,
            temperature=options.temperature,
            top_p=options.top_p,
            use_grammar=not options.no_grammar,
            batch_size=options.batch_size,
            seed=options.seed,
        )
    except ValueError as error:
        raise UserError(str(error)) from error


def _header_fields(options: argparse.Namespace):
    from symbolic_music.events.track_text import HeaderFields

    instruments = tuple(name.strip() for name in (options.instruments or "").split(",") if name.strip())
    if options.instruments is not None and not instruments:
        raise UserError("--instruments names none; expected a comma-separated list")
    fields = HeaderFields(options.bpm, options.meter, options.key, None, instruments)
    if fields == HeaderFields():
        return None
    if options.prompt:
        raise UserError("--prompt says tempo, meter, key and instruments itself; leave those flags out")
    return fields


def _formats(text: str) -> list[str]:
    formats = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in formats if name not in OUTPUT_FORMATS]
    if unknown or not formats:
        raise UserError(f"--format is {text!r}; expected a comma-separated list of {', '.join(OUTPUT_FORMATS)}")
    return formats


def _read_prompt(options: argparse.Namespace) -> "ScoreTick | None":
    return _read_piece(options.prompt) if options.prompt else None


def _read_piece(path: Path, number: int = 1) -> "ScoreTick":
    from symbolic_music.score.checks import ScoreError
    from symbolic_music.score.files import read_scores

    try:
        pieces = read_scores(path)
    except ScoreError as error:
        raise UserError(str(error)) from error
    if not 1 <= number <= len(pieces):
        raise UserError(f"{path} holds {len(pieces)} pieces; there is no number {number}")
    return pieces[number - 1]


def write_pieces(
    pieces: "Sequence[Composition]",
    folder: Path,
    formats: Sequence[str],
    seconds: float,
    about: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write `sample_0000.mid` … and `summary.json`; returns the summary. Invalid pieces have no file.

    Args:
        pieces: what was sampled.
        folder: where to write; made when it does not exist.
        formats: suffixes of `write_score`; the first one is the file that the summary names.
        seconds: what sampling took.
        about: added to the summary.
    """
    from symbolic_music.score.checks import play_seconds
    from symbolic_music.score.storage import write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for number, piece in enumerate(pieces):
        stem = folder / f"sample_{number:04d}"
        if piece.score:
            for suffix in formats:
                write_score(piece.score, stem.with_suffix(f".{suffix}"), _title(number, piece))
        samples.append(
            {
                "file": f"{stem.name}.{formats[0]}" if piece.score else None,
                "valid": piece.valid,
                "notes": piece.num_notes,
                "bars": piece.num_bars,
                "seconds": round(play_seconds(piece.score), 3) if piece.score else 0.0,
                "tokens": len(piece.ids),
                "invalid_reason": piece.invalid_reason,
            }
        )
    sampled = sum(len(piece.ids) - piece.num_prompt_tokens for piece in pieces)
    rate = {"tokens_per_second": round(sampled / seconds, 1), "seconds": round(seconds, 3)}
    summary = {"samples": samples, **rate, **(about or {})}
    write_atomically(folder / SUMMARY_FILE, (json.dumps(summary, indent=2) + "\n").encode())
    return summary


def _title(number: int, piece: "Composition") -> str:
    return f"Sample {number}: {piece.num_notes} notes, {piece.num_bars} bars"


def write_score(score: "ScoreTick", path: Path, title: str | None = None) -> None:
    """Write a Score in the format of the file name; pictures and ABC show the title."""
    from symbolic_music.score.abc_write import write_abc
    from symbolic_music.score.audio_io import write_mp3, write_wav
    from symbolic_music.score.midi_io import write_midi
    from symbolic_music.score.picture_io import write_piano_roll

    suffix = _writable_suffix(path)
    if suffix == ".png":
        write_piano_roll(score, path, title)
    elif suffix == ".wav":
        write_wav(score, path)
    elif suffix == ".mp3":
        write_mp3(score, path)
    elif suffix == ".abc":
        write_abc(score, path, title or "")
    else:
        write_midi(score, path)


def _writable_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in OUTPUT_SUFFIXES:
        found = path.suffix or "a file without suffix"
        raise UserError(f"{path}: cannot write {found}; expected {', '.join(OUTPUT_SUFFIXES)}")
    return suffix


def run_render(options: argparse.Namespace) -> None:
    """`symbolic-music render`."""
    from symbolic_music.score.checks import ScoreError

    _writable_suffix(options.output)
    piece = _read_piece(options.file, options.tune)
    try:
        write_score(piece, options.output, f"{options.file.stem}, {options.tune}" if options.tune > 1 else None)
    except ScoreError as error:
        raise UserError(f"{options.file}: {error.detail}") from error
    print(f"written {options.output}")


def run_convert(options: argparse.Namespace) -> None:
    """`symbolic-music convert`."""
    from symbolic_music.data.convert import SKIPPED_FILE, ConvertError, convert_files, folder_jobs, write_skipped

    if options.workers < 1 or not options.timeout > 0:
        raise UserError(
            f"expected --workers of 1 or more and --timeout above 0, got {options.workers}, {options.timeout}"
        )
    if not options.source.is_dir():
        _convert_one(options.source, options.output)
        return
    if not options.to:
        raise UserError(f"{options.source} is a folder; say what to write with --to mid, abc or wav")
    if options.output.exists() and not options.output.is_dir():
        raise UserError(f"{options.output} is a file; expected a folder, as {options.source} is one")
    try:
        jobs = folder_jobs(options.source, options.output, f".{options.to}")
    except ConvertError as error:
        raise UserError(str(error)) from error
    summary = convert_files(jobs, options.workers, options.timeout, progress=sys.stderr.isatty())
    print(f"{summary.converted} files converted, {summary.present} were there, {len(summary.skipped)} skipped")
    for reason, count in sorted(summary.reasons().items()):
        print(f"  {reason}: {count}")
    if summary.skipped:
        write_skipped(summary, options.output / SKIPPED_FILE)
        print(f"skipped files are listed in {options.output / SKIPPED_FILE}")


def _convert_one(source: Path, output: Path) -> None:
    from symbolic_music.data.convert import OUTPUT_SUFFIXES, Job, convert_file

    if output.suffix.lower() not in OUTPUT_SUFFIXES:
        raise UserError(f"{output}: expected a file that ends in {', '.join(OUTPUT_SUFFIXES)}")
    refused = convert_file(Job(source, output))
    if refused:
        raise UserError(f"{source}: {': '.join(refused)}")
    print(f"written {output}")


def run_info(options: argparse.Namespace) -> None:
    """`symbolic-music info`."""
    path = Path(options.target)
    rows = _file_rows(path) if path.is_file() else _model_rows(options.target)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def _file_rows(path: Path) -> list[tuple[str, str]]:
    from symbolic_music.score.checks import ScoreError
    from symbolic_music.score.files import read_scores

    try:
        pieces = read_scores(path)
    except ScoreError as error:
        raise UserError(str(error)) from error
    rows = [("file", str(path)), ("pieces", str(len(pieces)))]
    for number, piece in enumerate(pieces, 1):
        rows.append((f"piece {number}", _describe(piece)))
    return rows


def _describe(score: "ScoreTick") -> str:
    from symbolic_music.score.checks import play_seconds
    from symbolic_music.score.programs import program_name
    from symbolic_music.score.transforms import count_bars

    programs = sorted({-1 if track.is_drum else track.program for track in score.tracks if len(track.notes)})
    meters = list(dict.fromkeys(f"{meter.numerator}/{meter.denominator}" for meter in score.time_signatures))
    return (
        f"{score.note_num()} notes, {count_bars(score)} bars, {play_seconds(score):.1f} s, "
        f"meter {' '.join(meters) or '4/4'}, {', '.join(program_name(program) for program in programs)}"
    )


def _model_rows(name: str) -> list[tuple[str, str]]:
    model, processor = _load_model(name, "cpu")
    config = model.config
    return [
        ("model", name),
        ("type", config.model_type),
        ("parameters", f"{model.num_parameters():,}"),
        ("size", f"{config.num_hidden_layers} layers of width {config.hidden_size}"),
        ("context", f"{config.max_position_embeddings} tokens"),
        ("vocabulary", f"{len(processor.tokenizer)} tokens over {len(processor.codec.events)} events"),
        ("codec", processor.codec.codec_type),
    ]


def run_publish(options: argparse.Namespace) -> None:
    """`symbolic-music publish`."""
    from symbolic_music.hub.errors import PublishError
    from symbolic_music.hub.upload import plan_publication, publish

    try:
        publication = plan_publication(options.folder, options.repo_id, options.base_model)
        for line in publication.lines():
            print(line)
        if publication.problems:
            many = f" (the first of {len(publication.problems)})" if len(publication.problems) > 1 else ""
            raise UserError(f"{options.folder} is not fit to be published: {publication.problems[0]}{many}")
        if options.dry_run:
            print("nothing was uploaded (--dry-run)")
            return
        print(f"published: {publish(publication, options.private, options.tag)}")
    except PublishError as error:
        raise UserError(str(error)) from error


def run_compare(options: argparse.Namespace) -> None:
    """`symbolic-music compare`."""
    from tqdm import tqdm

    from symbolic_music.metrics.statistics import compare_pieces
    from symbolic_music.score.storage import write_atomically

    sampled, human = (_read_pieces(path) for path in (options.sampled, options.human))
    with tqdm(total=len(sampled) + len(human), unit="piece", disable=None) as progress:
        try:
            table = compare_pieces(sampled, human, options.seed, on_piece=progress.update)
        except ValueError as error:
            raise UserError(str(error)) from error
    print(
        f"{len(sampled)} pieces beside {len(human)} human ones; distances in standard deviations of the human pieces"
    )
    for name, row in table.items():
        means = ", ".join(f"{_with_interval(row[of], 'mean')} {of}" for of in ("sampled", "human"))
        print(f"{name}: {means}, distance {_with_interval(row['distance'])}, ", end="")
        print(f"overlap {_with_interval(row['overlapping_area'])}")
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(options.output, (json.dumps(table, indent=2) + "\n").encode())


def _with_interval(row: dict[str, float], key: str = "value") -> str:
    return f"{row[key]:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _read_pieces(path: Path) -> list["ScoreTick"]:
    """Every piece of a file or of a folder's files; what cannot be read is counted."""
    from symbolic_music.score.checks import ScoreError
    from symbolic_music.score.files import MUSIC_SUFFIXES, read_scores

    if not path.is_dir():
        try:
            return read_scores(path)
        except ScoreError as error:
            raise UserError(str(error)) from error
    files = [file for file in sorted(path.rglob("*")) if file.suffix.lower() in MUSIC_SUFFIXES]
    pieces, refused = [], 0
    for file in files:
        try:
            pieces += read_scores(file)
        except ScoreError:
            refused += 1
    if refused:
        print(f"{path}: {refused} of {len(files)} files cannot be read and are left out", file=sys.stderr)
    if not pieces:
        raise UserError(f"{path}: expected music files ({' '.join(MUSIC_SUFFIXES)}), found none that can be read")
    return pieces
