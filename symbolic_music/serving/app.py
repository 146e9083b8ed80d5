"""Routes: what is asked over HTTP, and how answers are told. Knows nothing of how music is written."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from symbolic_music.serving.bodies import Body, BodyError, read_body, wish_of
from symbolic_music.serving.controls.control import WishError
from symbolic_music.serving.guard import Guard
from symbolic_music.serving.jobs import ENDS, Event, FullError, Job, Order
from symbolic_music.serving.limits import ServerLimits
from symbolic_music.serving.openapi import documentation, openapi
from symbolic_music.serving.runner import ModelRunner
from symbolic_music.serving.worker import CONVERTED_SUFFIXES

ACTIONS = ("compose", "continue", "infill")
_STATUS = {"refused": 422, "failed": 500, "timed_out": 504, "cancelled": 499}
_LOOK_SECONDS = 1.0
_LONGEST_CLIENT = 64


class MusicServer:
    """Models behind routes.

    Args:
        models: runners that are started, at least one.
        files: the runner that converts files.
        limits: of bodies.
        hosts: names that requests may be sent to; "*" is any.
        page: a folder of a page to show at "/"; None shows how the server is used.
        public_hosts: see `Guard`.
    """

    def __init__(
        self,
        models: Sequence[ModelRunner],
        files: ModelRunner,
        limits: ServerLimits,
        hosts: Sequence[str],
        page: Path | None = None,
        public_hosts: Sequence[str] = (),
    ):
        self._models = {runner.description.name: runner for runner in models}
        self._files, self._limits = files, limits
        # A client may be gone before its stream begins: nothing but who works on a job keeps it.
        self._jobs: WeakValueDictionary[str, Job] = WeakValueDictionary()
        self._page = page
        routes: list[Any] = [
            Route("/models", self._describe),
            Route("/health", self._health),
            Route("/openapi.json", self._openapi),
            Route("/docs", self._docs),
            Route("/convert", self._convert, methods=["POST"]),
            Route("/jobs/{name}", self._cancel, methods=["DELETE"]),
            *(Route(f"/{action}", self._ask, methods=["POST"], name=action) for action in ACTIONS),
        ]
        if page is None:
            routes.append(Route("/", lambda _: RedirectResponse("/docs")))
        else:
            routes.append(Mount("/", StaticFiles(directory=page, html=True)))
        self.app = Starlette(
            routes=routes,
            middleware=[Middleware(Guard, hosts=tuple(hosts), public_hosts=tuple(public_hosts))],
            lifespan=self._lifespan,
            exception_handlers={BodyError: _say_error, WishError: _say_error, FullError: _say_error},
        )

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        yield
        for runner in (*self._models.values(), self._files):
            await asyncio.to_thread(runner.close)

    async def _describe(self, request: Request) -> Response:
        return JSONResponse({"models": [runner.description.to_json() for runner in self._models.values()]})

    async def _health(self, request: Request) -> Response:
        runners = self._models | {"files": self._files}
        rows = {name: {"waiting": len(runner.queue), "restarts": runner.restarts} for name, runner in runners.items()}
        return JSONResponse({"status": "ok", "processes": rows})

    async def _openapi(self, request: Request) -> Response:
        return JSONResponse(self._said())

    async def _docs(self, request: Request) -> Response:
        return HTMLResponse(documentation(self._said()))

    def _said(self) -> dict[str, Any]:
        return openapi([runner.description for runner in self._models.values()], self._limits)

    async def _cancel(self, request: Request) -> Response:
        job = self._jobs.get(request.path_params["name"])
        if job is None:
            return JSONResponse({"error": "there is no such job, or it is over"}, 404)
        job.cancel()
        return JSONResponse({"job": job.name, "cancelled": True})

    async def _ask(self, request: Request) -> Response:
        """Compose, continue or infill."""
        action = request.url.path[1:]
        body = await read_body(request, self._limits)
        runner = self._runner(action, body)
        wishes = runner.description.read(action, body.wishes)
        if (action == "compose") == (body.file is not None):
            raise BodyError(400, f"{action} takes {'no' if body.file else 'a'} file")
        return await self._answer(request, runner, Order(0, action, wishes, body.file))

    def _runner(self, action: str, body: Body) -> ModelRunner:
        if body.model:
            if body.model not in self._models:
                raise BodyError(404, f"there is no model of this name; expected {', '.join(self._models)}")
            return self._models[body.model]
        for runner in self._models.values():
            if action in runner.description.controls:
                return runner
        raise BodyError(404, f"no model here can {action}")

    async def _convert(self, request: Request) -> Response:
        """A file as a file of another format."""
        body = await read_body(request, self._limits)
        suffix = f".{wish_of(body.wishes, 'to', 'mid', 12)}"
        if body.file is None:
            raise BodyError(400, "convert takes a file")
        if suffix not in CONVERTED_SUFFIXES:
            expected = ", ".join(name[1:] for name in CONVERTED_SUFFIXES)
            raise BodyError(400, f"to is not a format that is written; expected one of {expected}")
        apart = body.wishes.get("apart", False)
        if apart not in (True, False) or (apart and suffix != ".mp3"):
            raise BodyError(400, "apart: expected true or false, and true with mp3 alone")
        wishes = {"to": suffix, "title": wish_of(body.wishes, "title", "", 200), "apart": bool(apart)}
        return await self._answer(request, self._files, Order(0, "convert", wishes, body.file))

    async def _answer(self, request: Request, runner: ModelRunner, order: Order) -> Response:
        job = Job(order, _client(request), asyncio.get_running_loop())
        waiting = runner.queue.put(job)
        self._jobs[job.name] = job
        if "text/event-stream" in request.headers.get("accept", ""):
            queued = Event("queued", {"job": job.name, "waiting": waiting})
            # Proxies that collect a stream before they hand it on would undo it.
            headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
            return StreamingResponse(self._stream(job, queued), media_type="text/event-stream", headers=headers)
        return await self._whole(request, job)

    async def _stream(self, job: Job, queued: Event) -> AsyncIterator[str]:
        """Server-sent events, until the last one; whoever stops listening cancels."""
        try:
            yield _sent(queued)
            while True:
                event = await job.next_event(_LOOK_SECONDS * 10)
                if event is None:
                    yield ": still here\n\n"
                    continue
                yield _sent(event)
                if event.kind in ENDS:
                    return
        finally:
            self._forget(job)

    async def _whole(self, request: Request, job: Job) -> Response:
        """One answer, when all is done."""
        pieces: list[Any] = []
        reading: dict[str, Any] = {}
        try:
            while True:
                event = await job.next_event(_LOOK_SECONDS)
                if event is None:
                    if await request.is_disconnected():
                        job.cancel()
                elif event.kind == "understood":
                    reading = dict(event.data)
                elif event.kind in ("piece", "file"):
                    pieces.append(event.data)
                elif event.kind == "end":
                    found = pieces[0] if job.order.action == "convert" else {"pieces": pieces}
                    return JSONResponse({"job": job.name, **reading, **found, **event.data})
                elif event.kind in ENDS:
                    error = event.data.get("error", "the job was cancelled")
                    return JSONResponse({"job": job.name, **reading, "error": error}, _STATUS[event.kind])
        finally:
            self._forget(job)

    def _forget(self, job: Job) -> None:
        job.cancel()
        self._jobs.pop(job.name, None)


def _sent(event: Event) -> str:
    data = dict(event.data) | ({"status": _STATUS[event.kind]} if event.kind in _STATUS else {})
    return f"event: {event.kind}\ndata: {json.dumps(data)}\n\n"


def _client(request: Request) -> str:
    """Whose request it is: where it comes from, and what a client of several calls itself."""
    host = request.client.host if request.client else ""
    return f"{host}/{request.headers.get('x-client', '')[:_LONGEST_CLIENT]}"


async def _say_error(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, BodyError) else 429 if isinstance(error, FullError) else 400
    headers = {"retry-after": "2"} if status == 429 else {}
    # What is left of a body that is not read would be taken for the next request.
    return JSONResponse({"error": str(error)}, status, headers | {"connection": "close"})
