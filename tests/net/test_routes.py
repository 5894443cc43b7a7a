"""Routes as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.net.routes import format_route, join_host, parse_route, tcp
from ockam_fsm.runtime.encoding.message import TCP, Address, Route, local


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("tcp://127.0.0.1:4000/echo", (Address(TCP, b"127.0.0.1:4000"), local("echo"))),
        ("tcp://[::1]:4000/hop/echo", (Address(TCP, b"[::1]:4000"), local("hop"), local("echo"))),
        ("tcp://a:1/tcp://b:2/x", (Address(TCP, b"a:1"), Address(TCP, b"b:2"), local("x"))),
        ("echo", (local("echo"),)),
        ("a%2Fb%23c", (local("a/b#c"),)),
        ("2#host:9/x", (Address(2, b"host:9"), local("x"))),
    ],
)
def test_text_and_route(text: str, route: Route) -> None:
    assert parse_route(text) == route
    assert parse_route(format_route(route)) == route


@pytest.mark.parametrize(
    "text",
    ["", "/", "a//b", "echo/", "/echo", "tcp://", "tcp://127.0.0.1/echo", "tcp://:4000/x", "tcp://a:70000/x", "x#y",
     "256#y", "tcp://::1:4000/x", "tcp://a b:1/x", "tcp://a:²/x"],
)  # fmt: skip
def test_an_invalid_route_raises_an_error_with_an_example(text: str) -> None:
    with pytest.raises(LocalSessionError, match=r"HOST:PORT|route looks like|TYPE#VALUE"):
        parse_route(text)


addresses = st.one_of(
    st.builds(Address, st.integers(0, 255), st.binary(min_size=1, max_size=20)),
    st.builds(
        lambda host, port: tcp(join_host(host, port)), st.sampled_from(["a", "::1", "h.x"]), st.integers(0, 65535)
    ),
)


@given(st.lists(addresses, min_size=1, max_size=5).map(tuple))
def test_a_formatted_route_parses_to_the_same_route(route: Route) -> None:
    assert parse_route(format_route(route)) == route


@given(st.text(max_size=40))
def test_any_text_is_a_route_or_refused(text: str) -> None:
    try:
        route = parse_route(text)
    except LocalSessionError:
        return
    assert route
