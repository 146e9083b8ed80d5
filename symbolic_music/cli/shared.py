"""What several commands share: mistakes, reading pieces and models, and how a model is sampled."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symusic.core import ScoreTick
    from transformers import PreTrainedModel

    from symbolic_music.generation.compose import SamplingOptions
    from symbolic_music.generation.light import LightModel
    from symbolic_music.score.errors import ScoreError
    from symbolic_music.score.piece import Piece, Reading
    from symbolic_music.tokenization.event_tokenizer import EventTokenizer
    from symbolic_music.tokenization.processing_music import MusicProcessor

MAX_TOLD = 20
"""Skipped pieces that are named one by one."""


DEFAULT_COMPOSER = "abc-transformer-ensemble"
DEFAULT_FILLER = "gpt2-music-infill"
"""The shipped models that are taken where none is named: for a new piece or to go on from one, to fill bars of one."""


TOP_P_HELP = "nucleus sampling; 1 is off (default: the model's)"


class UserError(Exception):
    """Something the user can mend: one line on stderr and exit code 2."""


def add_sampling_flags(parser: Any, longest: str, at_once: str, temperature: str = "the model's") -> None:
    """How a model is sampled, for every command and script that samples one; see `sampling_options`.

    Args:
        parser: of argparse, or a group of its flags.
        longest: what --max-tokens is when it is left out, in words.
        at_once: what --batch-size is of and is when it is left out, in words.
        temperature: what --temperature is when it is left out, in words.
    """
    parser.add_argument("--temperature", type=float, help=f"0 takes the likeliest token (default {temperature})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-tokens", type=int, metavar="N", help=f"longest piece (default {longest})")
    parser.add_argument("--batch-size", type=int, metavar="N", help=f"pieces {at_once}")


def sampling_options(
    options: argparse.Namespace, max_length: int | None, batch_size: int, **more: Any
) -> "SamplingOptions":
    """What `add_sampling_flags` was told.

    Args:
        options: that were parsed; `top_p` is one number, where it is there.
        max_length: where --max-tokens was left out.
        batch_size: where --batch-size was left out.
        more: options of sampling that are no flags.

    Raises:
        UserError: for a value out of range.
    """
    from symbolic_music.generation.compose import OptionError, SamplingOptions

    try:
        return SamplingOptions(
            max_length=max_length if options.max_tokens is None else options.max_tokens,
            temperature=options.temperature,
            batch_size=batch_size if options.batch_size is None else options.batch_size,
            seed=options.seed,
            **more,
        )
    except OptionError as error:
        raise UserError(str(error)) from error


def shipped_model(name: str) -> str:
    """The folder of a shipped model, which lies in `model_cards/` beside the package of a checkout."""
    folder = Path(__file__).parents[2] / "model_cards" / name
    if not (folder / "config.json").exists():
        raise UserError("--model is missing: give a folder or a Hub id (the shipped models lie in a checkout alone)")
    return str(folder)


def check_model_name(name: str) -> None:
    """A mistake in a model's name, told before what takes seconds to import."""
    from symbolic_music.generation import names

    try:
        names.check_model_name(name)
    except names.LoadError as error:
        raise UserError(str(error)) from error


def load_model(name: str, device: str | None) -> "tuple[PreTrainedModel, MusicProcessor]":
    """Model and processor of a folder or Hub id."""
    check_model_name(name)
    from symbolic_music.generation import loading

    try:
        return loading.load_model(name, device)
    except loading.LoadError as error:
        raise UserError(str(error)) from error


def load_composer(
    name: str, device: str | None
) -> "tuple[PreTrainedModel | LightModel, MusicProcessor | EventTokenizer]":
    """A model and its processor for composing; see `generation.light.open_model`."""
    check_model_name(name)
    from symbolic_music.generation.light import open_model
    from symbolic_music.generation.names import LoadError

    try:
        return open_model(name, device)
    except LoadError as error:
        raise UserError(str(error)) from error


TUNE_HELP = "which piece of the file: the tune X:N where an ABC tune book numbers its tunes, else the Nth, from 1"


def read_piece(path: Path, number: int | None = None) -> "ScoreTick":
    """The Score of one piece of a file; see `read_whole_piece`."""
    return read_whole_piece(path, number).score


def read_whole_piece(path: Path, number: int | None = None) -> "Piece":
    """One piece of a file with all that the file says of it; pieces that cannot be used are named on stderr.

    Args:
        path: any music file.
        number: of the tune, its `X:`, where the file numbers its pieces; else counted from 1. None is the first.
    """
    reading = read_file(path)
    tell_skipped(reading.skipped)
    pieces = reading.pieces
    if number is None:
        return pieces[0]
    numbered = {int(piece.number): piece for piece in reversed(pieces) if piece.number.isdecimal()}
    if not numbered and 1 <= number <= len(pieces):
        return pieces[number - 1]
    if number in numbered:
        return numbered[number]
    if numbered:
        raise UserError(f"{path} holds no usable tune X:{number}; its tunes are {_number_list(list(numbered))}")
    raise UserError(f"{path} holds {len(pieces)} pieces; there is no number {number}")


def _number_list(numbers: list[int]) -> str:
    """Numbers in words, runs of them as "1 to 9"."""
    numbers = sorted(numbers)
    starts = [number for number in numbers if number - 1 not in set(numbers)]
    ends = [number for number in numbers if number + 1 not in set(numbers)]
    runs = [str(first) if first == last else f"{first} to {last}" for first, last in zip(starts, ends, strict=True)]
    return ", ".join(runs[:MAX_TOLD]) + (" and others" if len(runs) > MAX_TOLD else "")


def read_file(path: Path) -> "Reading":
    """All pieces of a file, and why others of it cannot be used."""
    from symbolic_music.score.errors import ScoreError
    from symbolic_music.score.files import read_pieces

    try:
        return read_pieces(path)
    except ScoreError as error:
        raise UserError(str(error)) from error


def tell_skipped(skipped: "list[ScoreError]") -> None:
    """Name the pieces of a file that cannot be used, one line each, on stderr."""
    for error in skipped[:MAX_TOLD]:
        print(f"skipped: {error}", file=sys.stderr)
    if len(skipped) > MAX_TOLD:
        print(f"skipped: {len(skipped) - MAX_TOLD} more", file=sys.stderr)


def read_pieces(path: Path) -> list["ScoreTick"]:
    """Every piece of a file or of a folder's files; what cannot be read is counted."""
    from symbolic_music.score.files import MUSIC_SUFFIXES, read_folder

    if not path.is_dir():
        reading = read_file(path)
        tell_skipped(reading.skipped)
        return [piece.score for piece in reading.pieces]
    files, refused = read_folder(path)
    if refused:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(refused.items()))
        print(f"{path}: {refused.total()} files cannot be read and are left out: {reasons}", file=sys.stderr)
    pieces = [piece for _, found in files for piece in found]
    if not pieces:
        raise UserError(f"{path}: expected music files ({' '.join(MUSIC_SUFFIXES)}), found none that can be read")
    return pieces
