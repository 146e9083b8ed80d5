"""The `symbolic-music` command: parses, calls, prints. Everything it does can be done from Python."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

import symbolic_music
from symbolic_music._command import USER_ERROR_EXIT_CODE, one_line
from symbolic_music._extras import MissingExtraError
from symbolic_music.cli import files, generate, info, prepare, publish, report, serve
from symbolic_music.cli.shared import UserError


class _OneLineParser(argparse.ArgumentParser):
    """Ends a wrong command with one line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code: 0, or 2 for what the user can mend."""
    try:
        words = list(sys.argv[1:] if arguments is None else arguments)
        options = build_parser().parse_args(words)
        options.words = words
        options.run(options)
    except KeyboardInterrupt:
        print("symbolic-music: interrupted", file=sys.stderr)
        return 130
    except (UserError, MissingExtraError, OSError) as error:
        print(f"symbolic-music: {one_line(error)}", file=sys.stderr)
        return USER_ERROR_EXIT_CODE
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = _OneLineParser(
        prog="symbolic-music",
        description="Compose, continue, infill, render, evaluate, export and publish symbolic music.",
    )
    parser.add_argument("--version", action="version", version=f"symbolic-music {symbolic_music.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    generate.add_generate(commands)
    generate.add_infill(commands)
    files.add_render(commands)
    files.add_convert(commands)
    info.add_info(commands)
    report.add_compare(commands)
    prepare.add_prepare(commands)
    report.add_evaluate(commands)
    publish.add_export(commands)
    publish.add_publish(commands)
    serve.add_serve(commands)
    serve.add_studio(commands)
    return parser
