"""`symbolic-music serve`: models for programs, over HTTP."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from symbolic_music.cli.shared import (
    DEFAULT_COMPOSER,
    DEFAULT_FILLER,
    UserError,
    check_model_name,
    shipped_model,
)

DEFAULT_PORT = 7860
DEFAULT_MODELS = (DEFAULT_COMPOSER, DEFAULT_FILLER)
PAGE_MODEL, PAGE_FILLER = "remi-transformer-folk", "gpt2-music-infill"
"""What a page without a server has: small, so that it is there soon."""


def add_serve(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser("serve", help="models for programs over HTTP: compose, continue, infill")
    add_server_flags(parser)
    parser.set_defaults(run=run_serve)


def add_server_flags(parser: argparse.ArgumentParser) -> None:
    """Which models, and where."""
    parser.add_argument(
        "--model",
        action="append",
        metavar="PATH_OR_ID",
        help=f"may be given several times (default: the shipped {', '.join(DEFAULT_MODELS)})",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (default: this machine alone)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, metavar="N", help=f"default {DEFAULT_PORT}")
    parser.add_argument("--max-seconds", type=float, default=120.0, metavar="S", help="for one request (default 120)")
    parser.add_argument("--max-waiting", type=int, default=256, metavar="N", help="requests a model (default 256)")


def run_serve(options: argparse.Namespace) -> None:
    """`symbolic-music serve`."""
    run_server(options, None)


def run_server(options: argparse.Namespace, page: Any) -> None:
    """Serve what the flags name, with a page or without."""
    from symbolic_music.serving.limits import ServerLimits
    from symbolic_music.serving.runner import StartError
    from symbolic_music.serving.start import serve

    if not 0 <= options.port <= 65_535:
        raise UserError(f"--port is {options.port}; expected 0 to 65535")
    try:
        limits = ServerLimits(job_seconds=options.max_seconds, waiting=options.max_waiting)
    except ValueError as error:
        raise UserError(str(error)) from error
    names = options.model or [shipped_model(name) for name in DEFAULT_MODELS]
    for name in names:
        check_model_name(name)
    if options.host not in ("127.0.0.1", "::1", "localhost"):
        print(f"listening at {options.host}: whoever reaches this address may use the models", file=sys.stderr)
    try:
        serve(names, options.host, options.port, limits, page, _announce)
    except StartError as error:
        raise UserError(str(error)) from error


def _announce(address: str) -> None:
    print(f"{address} (Ctrl-C ends it)", flush=True)


def add_studio(commands: Any) -> None:
    """The command and its flags."""
    parser = commands.add_parser("studio", help="a page to compose, continue and write bars anew in, with its server")
    add_server_flags(parser)
    parser.add_argument(
        "--static",
        type=Path,
        metavar="FOLDER",
        help="write the page with models into a folder that needs no server of ours (takes npm)",
    )
    parser.set_defaults(run=run_studio)


def run_studio(options: argparse.Namespace) -> None:
    """`symbolic-music studio`."""
    from symbolic_music.studio import PAGE

    if options.static is None:
        run_server(options, PAGE)
    else:
        write_site(options.static, options.model)


def write_site(folder: Path, models: list[str] | None) -> None:
    """The studio's page with models in a folder; the shipped ones where none is named."""
    from symbolic_music.studio.site import build_site

    _write(build_site, folder, models, (PAGE_MODEL, PAGE_FILLER))
    print(f"written to {folder}: {_mebibytes(folder):.1f} MiB; see it with: python -m http.server -d {folder}")


def write_space(folder: Path, models: list[str] | None) -> None:
    """The studio as a Space that runs Python; with the shipped models where none is named."""
    from symbolic_music.studio.space import build_space

    _write(build_space, folder, models, DEFAULT_MODELS)
    print(f"written to {folder}: {_mebibytes(folder):.1f} MiB; see it with: python {folder / 'app.py'}")


def _write(build: Callable[..., None], folder: Path, models: list[str] | None, shipped: Sequence[str]) -> None:
    from symbolic_music.generation.names import LoadError
    from symbolic_music.studio.site import SiteError

    names = models or [shipped_model(name) for name in shipped]
    try:
        for name in names:
            check_model_name(name)
        build(folder, names, print)
    except (LoadError, SiteError) as error:
        raise UserError(str(error)) from error


def _mebibytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
