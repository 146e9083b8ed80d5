"""What stands before all routes: a page of another site must not use a server that listens on this machine."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
# Nothing but what the server itself sends is loaded; wasm and workers are the browser page's model.
_POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; img-src 'self' data: blob:; "
    "media-src 'self' blob:; style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Guard:
    """Refuses requests for other host names and from other sites' pages, and says what pages may load.

    A site may give its own name this machine's address (DNS rebinding), and may post to any address: the `Host` header
    shows the one, the `Origin` header the other.

    Args:
        app: what it stands before.
        hosts: names that requests may be sent to, without ports; "*" is any.
        public_hosts: names under which a proxy shows this server's own page, with ports where they have one.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str], public_hosts: Sequence[str] = ()):
        self._app, self._hosts, self._public_hosts = app, hosts, public_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Request(scope).headers
        host, origin = headers.get("host", ""), headers.get("origin")
        if "*" not in self._hosts and _without_port(host) not in self._hosts:
            answer = JSONResponse({"error": f"expected a request to {', '.join(self._hosts)}"}, 421)
            await answer(scope, receive, send)
            return
        if origin is not None and urlsplit(origin).netloc not in (host, *self._public_hosts):
            await JSONResponse({"error": "pages of other sites may not use this server"}, 403)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
