"""`symbolic-music publish` and `export`: what goes to the Hub, and a model for other runtimes."""

import argparse
from pathlib import Path
from typing import Any

from symbolic_music.cli.serve import write_site, write_space
from symbolic_music.cli.shared import UserError, load_model


def add_publish(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser("publish", help="a model, adapter, dataset or metric to the Hub, checked before")
    parser.add_argument("folder", type=Path, help="what the repository is to hold")
    parser.add_argument("repo_id", metavar="USER/NAME")
    parser.add_argument("--private", action="store_true", help="make a private repository")
    parser.add_argument("--tag", help="name for this version, for `revision=`; tags stay where they are")
    parser.add_argument("--base-model", metavar="USER/NAME", help="of an adapter: its base on the Hub")
    parser.add_argument(
        "--space",
        action="store_true",
        help="make the folder first: the studio, as --sdk has it",
    )
    parser.add_argument(
        "--sdk",
        choices=("static", "docker"),
        help="of --space: static, whose models (REMI) run in the browser (the default), or docker, which runs Python",
    )
    parser.add_argument("--model", action="append", metavar="PATH_OR_ID", help="of the studio (--space)")
    parser.add_argument("--dry-run", action="store_true", help="list files and problems; nothing leaves the machine")
    parser.set_defaults(run=run_publish)


def run_publish(options: argparse.Namespace) -> None:
    """`symbolic-music publish`."""
    if options.model and not options.space:
        raise UserError("--model says which models a page has; expected --space with it")
    if options.sdk and not options.space:
        raise UserError("--sdk says what kind of Space is made; expected --space with it")
    if options.space:
        (write_space if options.sdk == "docker" else write_site)(options.folder, options.model)
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
