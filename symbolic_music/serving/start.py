"""Starting a server: the processes of its models, then the routes, until it is told to stop."""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from symbolic_music._extras import require
from symbolic_music.serving.limits import ServerLimits
from symbolic_music.serving.runner import ModelRunner, StartError
from symbolic_music.serving.worker import short_name

_KEEP_ALIVE_SECONDS = 5


def start_runners(names: Sequence[str], limits: ServerLimits) -> tuple[list[ModelRunner], ModelRunner]:
    """A process for each model, and one for files, all begun.

    Raises:
        StartError: when a model cannot be loaded, or two have one name; none runs then.
    """
    if not names:
        raise StartError("expected at least one model")
    called = [short_name(name) for name in names]
    twice = next((name for name in called if called.count(name) > 1), None)
    if twice is not None:
        raise StartError(f"two models are called {twice}; give one folder another name")
    runners = [ModelRunner(name, limits) for name in (*names, None)]
    with ThreadPoolExecutor(len(runners)) as pool:
        starting = [pool.submit(runner.start) for runner in runners]
    try:
        for start in starting:
            start.result()
    except BaseException:
        for runner in runners:
            runner.close()
        raise
    return runners[:-1], runners[-1]


def serve(
    names: Sequence[str],
    host: str,
    port: int,
    limits: ServerLimits,
    page: Path | None = None,
    announce: Callable[[str], None] = lambda address: None,
    public_hosts: Sequence[str] = (),
) -> None:
    """Serve models until interrupted.

    Args:
        names: of models: folders or Hub ids.
        host: to listen at; anything but this machine's own can be reached from elsewhere.
        port: 0 takes a free one.
        limits: of requests.
        page: a folder of a page to show; None shows how the server is used.
        announce: called with the address as soon as it is served.
        public_hosts: names under which a proxy shows the page, such as a Space's.

    Raises:
        StartError: when a model cannot be loaded, or the address is taken or is none.
        MissingExtraError: without the extra "serve".
    """
    uvicorn, _ = require("uvicorn"), require("starlette")
    require("python_multipart")
    from symbolic_music.serving.app import MusicServer
    from symbolic_music.serving.guard import LOOPBACK_HOSTS

    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise StartError(f"nothing can be served at {host}, port {port}: {error.strerror}") from error
    models, files = start_runners(names, limits)
    hosts = LOOPBACK_HOSTS if host in ("127.0.0.1", "::1", "localhost") else ("*",)
    server = MusicServer(models, files, limits, hosts, page, public_hosts)
    config = uvicorn.Config(
        server.app, log_level="warning", timeout_keep_alive=_KEEP_ALIVE_SECONDS, server_header=False
    )
    shown = f"[{host}]" if ":" in host else host
    announce(f"http://{shown}:{listener.getsockname()[1]}/")
    uvicorn.Server(config).run([listener])
