"""The server of the explorer page: only its own page gets an answer, and whatever a request asks for is bounded."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ockam_fsm.explorer import server as served
from ockam_fsm.explorer.graph import graph
from ockam_fsm.explorer.server import ExplorerServer, Walker
from tests.explorer.pages import world_named

WORLD = "explicit-transient:lossy"
TOKEN = "token-of-the-test"
PAGE = "<!DOCTYPE html><title>page</title>"
PATIENCE_SECONDS = 60.0


@dataclass
class Client:
    server: ExplorerServer
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, target: str, method: str = "GET", host: str | None = None, body: bytes | None = None) -> Any:
        """The response to one request, with its body in `text`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=PATIENCE_SECONDS)
        try:
            connection.putrequest(method, target, skip_host=True)
            for one in [f"127.0.0.1:{self.server.server_port}"] if host is None else host.split("|"):
                if one:
                    connection.putheader("Host", one)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response: Any = connection.getresponse()
            response.text = response.read().decode()
            return response
        finally:
            connection.close()


@pytest.fixture
def client() -> Iterator[Client]:
    with ExplorerServer(PAGE, world_named(WORLD), TOKEN) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Client(server)
        finally:
            server.shutdown()
            thread.join()


def test_the_page_is_served_under_the_token_on_loopback(client: Client) -> None:
    assert client.server.url == f"http://127.0.0.1:{client.server.server_port}/{TOKEN}/"
    assert client.server.server_address[0] == "127.0.0.1"
    answer = client.ask(f"/{TOKEN}/")
    assert (answer.status, answer.text) == (200, PAGE)
    assert client.ask(f"/{TOKEN}/", host=f"localhost:{client.server.server_port}").status == 200


def test_the_states_along_a_path_are_served(client: Client) -> None:
    for path in ("", "0", "0/0/1/0"):
        answer = client.ask(f"/{TOKEN}/graph?path={path}")
        assert answer.status == 200
        assert json.loads(answer.text) == graph(world_named(WORLD), [int(step) for step in path.split("/") if step])


@pytest.mark.parametrize(
    "target", ["/", f"/{TOKEN}", "/token-of-another/", f"/{TOKEN}x/", f"/{TOKEN}/page.js", f"/{TOKEN}/../",
               f"/{TOKEN}/graph", f"/{TOKEN}/graph?path=x", f"/{TOKEN}/graph?path=-1", f"/{TOKEN}/graph?path=0//1",
               f"/{TOKEN}/graph?path=1234567", f"/{TOKEN}/graph?path=%C2%B2", f"/{TOKEN}/graph?path=0&more=1"]
)  # fmt: skip
def test_any_other_target_is_not_found(client: Client, target: str) -> None:
    answer = client.ask(target)
    assert (answer.status, answer.text) == (404, "not found")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "",
                                  "127.0.0.1:{port}|evil.example", "127.0.0.1:{port}.evil.example"])  # fmt: skip
def test_another_host_is_not_found(client: Client, host: str) -> None:
    """A name of a hostile page may lead to this address (DNS rebinding)."""
    answer = client.ask(f"/{TOKEN}/", host=host.format(port=client.server.server_port))
    assert (answer.status, answer.text) == (404, "not found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"])
def test_other_methods_are_not_implemented(client: Client, method: str) -> None:
    assert client.ask(f"/{TOKEN}/", method).status == 501


def test_no_answer_can_be_read_or_framed_by_another_page(client: Client) -> None:
    for target in (f"/{TOKEN}/", f"/{TOKEN}/graph?path=0", "/"):
        headers = {name.lower(): value for name, value in client.ask(target).getheaders()}
        assert not [name for name in headers if name.startswith("access-control")]
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"


def test_a_path_that_does_not_exist_is_an_error_with_a_reason(client: Client) -> None:
    answer = client.ask(f"/{TOKEN}/graph?path=7")
    assert (answer.status, answer.text) == (400, "action 7 is not among the 1 that are enabled here")


def test_requests_and_paths_are_bounded(client: Client) -> None:
    steps = "/".join(["0"] * (served.MOST_STEPS + 1))
    assert client.ask(f"/{TOKEN}/graph?path={steps}").status == 400
    assert client.ask(f"/{TOKEN}/graph?path={'0/' * served.MOST_TARGET_BYTES}0").status == 404
    assert client.ask(f"/{TOKEN}/{'x' * 70_000}").status == 414


def test_too_many_connections_are_closed_at_once(client: Client) -> None:
    where = ("127.0.0.1", client.server.server_port)
    held = [socket.create_connection(where, PATIENCE_SECONDS) for _ in range(served.MOST_CONNECTIONS)]
    try:
        with socket.create_connection(where, PATIENCE_SECONDS) as late:
            assert late.recv(1) == b""
    finally:
        for one in held:
            one.close()


def is_answered(client: Client) -> bool:
    try:
        return bool(client.ask(f"/{TOKEN}/").status == 200)
    except (http.client.RemoteDisconnected, ConnectionResetError):
        return False


def test_a_connection_that_has_ended_makes_room_for_another(client: Client) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    for _ in range(served.MOST_CONNECTIONS + 1):
        while not is_answered(client):  # the thread of an earlier request may still be ending
            assert time.monotonic() < deadline


def test_a_connection_that_says_nothing_is_closed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served._Request, "timeout", 0.05)
    with socket.create_connection(("127.0.0.1", client.server.server_port), PATIENCE_SECONDS) as silent:
        assert silent.recv(1) == b""


def test_handler_calls_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    walker = Walker(world_named(WORLD))
    monkeypatch.setattr(served, "MOST_HANDLER_CALLS", 3)
    first = walker.along([0, 0, 0, 0])
    known = len(walker._cache.rows)
    assert known > 3
    assert walker.along([0, 0, 0, 0]) == first
    assert len(walker._cache.rows) == known
    cache = walker._cache
    walker.along([0])
    assert walker._cache is not cache


def test_nothing_about_a_request_is_printed(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    client.ask(f"/{TOKEN}/")
    client.ask("/")
    assert capfd.readouterr() == ("", "")
