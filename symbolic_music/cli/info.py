"""`symbolic-music info`: what a file or a model holds."""

import argparse
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbolic_music.cli.shared import UserError, load_model, read_file

if TYPE_CHECKING:
    from symusic.core import ScoreTick

    from symbolic_music.events.codec import ScoreCodec


def add_info(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser("info", help="what a music file or a model folder holds")
    parser.add_argument("target", metavar="FILE_OR_MODEL")
    parser.add_argument(
        "--codec",
        metavar="NAME_OR_FOLDER",
        help="also say what writing the pieces of a file loses: remi, abc_notes, track_text, or a tokenizer's folder",
    )
    parser.add_argument("--json", action="store_true", help="of a model: all of it as JSON")
    parser.set_defaults(run=run_info)


def run_info(options: argparse.Namespace) -> None:
    """`symbolic-music info`."""
    path = Path(options.target)
    if options.json:
        if path.is_file():
            raise UserError(f"--json says what a model holds; {path} is a file")
        print(json.dumps(_model_facts(options.target), indent=2))
        return
    rows = _file_rows(path, options.codec) if path.is_file() else _model_rows(options.target)
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def _file_rows(path: Path, codec_name: str | None) -> list[tuple[str, str]]:
    reading = read_file(path)
    rows = [("file", str(path)), ("pieces", str(len(reading.pieces)))]
    for number, piece in enumerate(reading.pieces, 1):
        name = f"tune {piece.number}" if piece.number else f"piece {number}"
        title = f"{piece.title}: " if piece.title else ""
        rows.append((name, f"{title}{_describe(piece.score)}"))
        if codec_name:
            rows.append((f"  as {codec_name}", _describe_losses(piece.score, codec_name)))
        rows += [("besides the notes", f"{kind}: {count:,}") for kind, count in sorted(piece.left_out.items())]
        rows += [("sustain pedal", text) for text in _describe_pedal(piece.score)]
    return rows + [("skipped", str(error)) for error in reading.skipped]


def _describe_pedal(score: "ScoreTick") -> list[str]:
    """How much the pedal holds, and whether `--pedal auto` makes it durations; nothing without one."""
    from symbolic_music.score.checks import sounding_quarters
    from symbolic_music.score.transforms.pedal import extend_by_pedal, looks_performed

    extended, longer = extend_by_pedal(score)
    if not longer:
        return []
    times = sounding_quarters(extended) / max(sounding_quarters(score), 1 / score.ticks_per_quarter)
    look = "performed: --pedal auto makes it" if looks_performed(score) else "written: --pedal extend would make it"
    return [f"holds {longer:,} notes, {times:.1f} times the sounding time; looks {look} durations"]


def _describe_losses(score: "ScoreTick", codec_name: str) -> str:
    from symbolic_music.events.codec import EncodingError
    from symbolic_music.events.losses import losses

    try:
        lost = losses(_find_codec(codec_name), score)
    except EncodingError as error:
        return f"refused: {error}"
    counts = [
        (lost.left_out, "notes left out"),
        (lost.merged, "notes merged with another"),
        (lost.shortened, "notes shortened"),
        (lost.moved, "notes moved to the grid"),
        (lost.bars_changed, "bars of another meter"),
        (lost.refused, f"parts refused ({lost.reason})"),
    ]
    parts = [f"{count} {what}" for count, what in counts if count]
    return ", ".join([*(parts or ["nothing lost"]), f"{lost.drift:+.2f} s at the end"])


@cache
def _find_codec(name: str) -> "ScoreCodec":
    from symbolic_music.tokenization.event_tokenizer import CODECS, build_codec

    if name in CODECS:
        return CODECS[name]()
    settings = Path(name) / "processor_config.json"
    try:
        return build_codec(json.loads(settings.read_text())["codec"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"--codec {name}: expected {', '.join(sorted(CODECS))} or a tokenizer's folder") from error


def _describe(score: "ScoreTick") -> str:
    from symbolic_music.score.checks import play_seconds
    from symbolic_music.score.programs import program_name
    from symbolic_music.score.transforms.edit import count_bars

    programs = sorted({-1 if track.is_drum else track.program for track in score.tracks if len(track.notes)})
    meters = list(dict.fromkeys(f"{meter.numerator}/{meter.denominator}" for meter in score.time_signatures))
    return (
        f"{score.note_num()} notes, {count_bars(score)} bars, {play_seconds(score):.1f} s, "
        f"meter {' '.join(meters) or '4/4'}, {', '.join(program_name(program) for program in programs)}"
    )


def _model_rows(name: str) -> list[tuple[str, str]]:
    facts = _model_facts(name)
    asked = facts.pop("can_be_asked_for")
    rows = [
        ("model", facts["model"]),
        ("type", facts["type"]),
        ("parameters", f"{facts['parameters']:,}"),
        ("size", f"{facts['layers']} layers of width {facts['width']}"),
        ("context", f"{facts['context']} tokens"),
        ("vocabulary", f"{facts['tokens']} tokens over {facts['events']} events"),
        ("codec", facts["codec"]),
    ]
    return [*rows, ("can be asked for", ""), *((f"  {flag}", _in_words(value)) for flag, value in asked.items())]


def _in_words(value: Any) -> str:
    """What can be asked for under one flag."""
    if value is True or value is False:
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(value)
    if isinstance(value, dict) and {"from", "to"} <= set(value):
        other = "".join(f", {name}: {_in_words(said)}" for name, said in value.items() if name not in ("from", "to"))
        return f"{_in_words(value['from'])} to {_in_words(value['to'])}{other}"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_in_words(said)}" for name, said in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _model_facts(name: str) -> dict[str, Any]:
    from symbolic_music.generation.controls.abilities import abilities

    model, processor = load_model(name, "cpu")
    config = model.config
    return {
        "model": name,
        "type": config.model_type,
        "parameters": model.num_parameters(),
        "layers": config.num_hidden_layers,
        "width": config.hidden_size,
        "context": config.max_position_embeddings,
        "tokens": len(processor.tokenizer),
        "events": len(processor.codec.events),
        "codec": processor.codec.codec_type,
        "can_be_asked_for": abilities(processor.codec),
    }
