"""The explorer page on loopback: the page, and the states along any path, from the real code.

Theory: any web page that is open in a browser may send requests to a local server, and a name of its own may lead to
127.0.0.1 (DNS rebinding). Such a page knows neither the token in the path nor a `Host` that is accepted here, and
without CORS headers it reads no answer. The requests only read: there is nothing to change.

Rule 1: GET only, on 127.0.0.1 only. Every other request is an error without details.
Rule 2: no session: a request carries its whole path, which is replayed. What is kept are handler calls, up to a limit.
Rule 3: requests, paths, waiting times and the number of connections are bounded.
"""

from __future__ import annotations

import json
import re
import threading
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ockam_fsm.checking.engine.handler_cache import HandlerCache
from ockam_fsm.checking.errors import CodeRaised
from ockam_fsm.checking.world import World
from ockam_fsm.explorer.graph import NoPath, graph

HOST = "127.0.0.1"
MOST_TARGET_BYTES = 8192
MOST_STEPS = 1000
MOST_DIGITS = 6
MOST_HANDLER_CALLS = 200_000
MOST_CONNECTIONS = 16
WAIT_SECONDS = 10.0
_QUERY = re.compile(rf"graph\?path=((?:\d{{1,{MOST_DIGITS}}}(?:/\d{{1,{MOST_DIGITS}}})*)?)")


class Walker:
    """The states along paths of one world. Handler calls are kept until there are too many."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._cache = HandlerCache(world)
        self._lock = threading.Lock()

    def along(self, path: list[int]) -> Any:
        """Return the graph of the states along a path. Raises NoPath, and CodeRaised where a handler fails."""
        with self._lock:
            if len(self._cache.rows) > MOST_HANDLER_CALLS:
                self._cache = HandlerCache(self.world)
            return graph(self.world, path, cache=self._cache)


class ExplorerServer(ThreadingHTTPServer):
    """Serves one page and its world. `serve_forever` and `server_close` are those of the standard library.

    port: 0 chooses a free one. token: the secret part of the address; the caller draws it at random.
    """

    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, page: str, world: World, token: str, port: int = 0) -> None:
        self.page = page.encode()
        self.walker = Walker(world)
        self.token = token
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__((HOST, port), _Request)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    @property
    def hosts(self) -> tuple[str, ...]:
        return f"{HOST}:{self.server_port}", f"localhost:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Close the connection at once if there are too many."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a browser that closes its connection early is no event for the user."""


class _Request(BaseHTTPRequestHandler):
    server: ExplorerServer
    timeout = WAIT_SECONDS

    def do_GET(self) -> None:
        rest = self._rest()
        if rest is None:
            self._answer(HTTPStatus.NOT_FOUND, b"not found")
        elif rest == "":
            self._answer(HTTPStatus.OK, self.server.page, "text/html; charset=utf-8")
        else:
            self._graph(rest)

    def _rest(self) -> str | None:
        """The part of the target after the token; None if the request is not one of our page."""
        hosts = self.headers.get_all("Host") or []
        token, slash, rest = self.path.removeprefix("/").partition("/")
        known = compare_digest(token.encode(), self.server.token.encode())
        allowed = len(hosts) == 1 and hosts[0] in self.server.hosts and len(self.path) <= MOST_TARGET_BYTES
        return rest if known and slash and allowed else None

    def _graph(self, rest: str) -> None:
        found = _QUERY.fullmatch(rest)
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND, b"not found")
            return
        path = [int(step) for step in found[1].split("/") if step]
        if len(path) > MOST_STEPS:
            self._answer(HTTPStatus.BAD_REQUEST, f"the path has more than {MOST_STEPS} steps".encode())
            return
        try:
            answer = json.dumps(self.server.walker.along(path)).encode()
        except (NoPath, CodeRaised) as error:
            self._answer(HTTPStatus.BAD_REQUEST, str(error).encode())
            return
        self._answer(HTTPStatus.OK, answer, "application/json")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "ockam-fsm"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the target has the token."""
