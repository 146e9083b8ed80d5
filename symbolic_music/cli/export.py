"""`symbolic-music export`: a model for other runtimes."""

import argparse
from pathlib import Path
from typing import Any

from symbolic_music.cli.shared import UserError, load_model


def add_export(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser("export", help="a model as ONNX, with its tokenizer and grammar, for other runtimes")
    parser.add_argument("model", metavar="PATH_OR_ID", help="one that composes or fills in")
    parser.add_argument("folder", type=Path, help="what to write; must not exist")
    parser.add_argument("--int8", action="store_true", help="weights in 8 bits: a quarter of the size, a little worse")
    parser.set_defaults(run=run_export)


def run_export(options: argparse.Namespace) -> None:
    """`symbolic-music export`."""
    if options.folder.exists():
        raise UserError(f"{options.folder} exists; name a new folder")
    model, processor = load_model(options.model, "cpu")

    from symbolic_music.export.folder import export_model
    from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError

    try:
        export_model(model, processor, options.folder, options.int8)
    except UnsupportedModelError as error:
        raise UserError(f"{options.model} cannot be exported: {error}") from error
    for path in sorted(options.folder.iterdir()):
        print(f"{path.stat().st_size / 2**20:8.2f} MiB  {path.name}")
