"""`symbolic-music info`: what a file or a model holds."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbolic_music.cli.shared import UserError, load_model

if TYPE_CHECKING:
    from symusic.core import ScoreTick


def add_info(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser("info", help="what a music file or a model folder holds")
    parser.add_argument("target", metavar="FILE_OR_MODEL")
    parser.set_defaults(run=run_info)


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
    model, processor = load_model(name, "cpu")
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
