"""Wrong arguments: each public call accepts a value or refuses it with a documented error, and works afterwards."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm import (
    EXPLICIT_TRANSIENT,
    GENERATION,
    BackOff,
    DefinitionError,
    Durations,
    Event,
    Host,
    LocalSessionError,
    MemoryStorage,
    Message,
    Pipe,
    PipeConfig,
    RemoteSessionError,
    Role,
    SessionConfig,
    SqliteStorage,
    StreamConsumer,
    StreamPublisher,
    StreamService,
    StreamSession,
    TcpLimits,
    TcpNode,
    TcpSession,
    discovery,
    driver_for,
    local,
    parse_route,
    pipe_receiver,
    pipe_spawner,
    start,
    static_forwarder,
    step,
    table,
)
from ockam_fsm.net.secure.channels import secure_profile
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.secure.identity_store import FileIdentityStore
from ockam_fsm.secure.trust import TrustCallback, TrustIdentifiers
from ockam_fsm.storage.interface import StorageError
from tests.net.tcp_helpers import over_tcp

OURS = (DefinitionError, LocalSessionError, RemoteSessionError, StorageError, OSError)
CARELESS: tuple[Any, ...] = (
    5, -1, 1.5, float("nan"), True, None, b"x", "", "x\ud800", "a/b", [], ("x",), {}, object(), print, TcpNode,
)  # fmt: skip
SOON = 0.2
Given = Callable[[], dict[str, Any]]


def parameters(function: Callable[..., Any]) -> Iterator[str]:
    for one in inspect.signature(function).parameters.values():
        if one.name != "self" and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            yield one.name


async def refused(function: Callable[..., Any], given: dict[str, Any]) -> bool:
    """Return whether a call fails with a documented error. Any other exception fails the test."""
    try:
        made = function(**given)
        if inspect.isawaitable(made):
            await made
        elif isinstance(made, SqliteStorage):
            made.close()
    except TimeoutError:
        return False  # it was accepted, and no answer arrives
    except OURS:
        return True
    return False


async def try_each(function: Callable[..., Any], right: Given) -> dict[str, int]:
    """Return the number of refused wrong values of each parameter. Right values are accepted before and after."""
    found = {}
    assert not await refused(function, right())
    for name in parameters(function):
        found[name] = sum([await refused(function, {**right(), name: value}) for value in CARELESS])
    assert not await refused(function, right())
    return found


def values(tmp_path: Path) -> dict[Callable[..., Any], Given]:
    """Calls that need no node."""
    numbers, machine = count(), table("explicit-transient", "initiator")
    return {
        Host: lambda: {"address": local("api"), "profile": GENERATION, "make": print},
        driver_for: lambda: {"machine": machine},
        start: lambda: {"machine": machine},
        step: lambda: {"machine": machine, "configuration": start(machine), "event": Event.OPEN},
        parse_route: lambda: {"text": "tcp://127.0.0.1:4000/echo"},
        static_forwarder: lambda: {"route": (local("api"),)},
        discovery: lambda: {"directory": {}, "proxy": True},
        BackOff: dict,
        Durations: dict,
        FileIdentityStore: lambda: {"path": tmp_path / "identity"},
        Message: lambda: {"onward_route": (), "return_route": (), "payload": b""},
        PipeConfig: dict,
        SessionConfig: lambda: {"session_type": EXPLICIT_TRANSIENT, "role": Role.INITIATOR},
        SqliteStorage: lambda: {"path": tmp_path / f"{next(numbers)}.db"},
        TcpLimits: dict,
        TcpNode: dict,
        TrustCallback: lambda: {"decide": lambda identifier: True},
        TrustIdentifiers: lambda: {"identifiers": [f"I{0:064x}"]},
        local: lambda: {"value": "name"},
        secure_profile: dict,
    }


def of_node(node: TcpNode, where: str) -> dict[Callable[..., Any], Given]:
    """Calls that need a node. Each call has a new name."""
    route, numbers = f"tcp://{where}/echo", count()

    def name() -> str:
        return f"name {next(numbers)}"

    def publisher() -> StreamPublisher:
        return StreamPublisher(node, f"tcp://{where}/stream/x")

    def consumer() -> StreamConsumer:
        return StreamConsumer(node, f"tcp://{where}/stream", "x", group="x")

    return {
        node.worker: lambda: {"name": name(), "handler": echo},
        node.spawner: lambda: {"name": name(), "handler": echo},
        node.responders: lambda: {"name": "api"},
        node.send: lambda: {"route": route, "payload": b"x"},
        node.request: lambda: {"route": route, "payload": b"x", "timeout_seconds": SOON},
        node.session: lambda: {"route": f"tcp://{where}/api"},
        pipe_receiver: lambda: {"node": node, "name": name()},
        pipe_spawner: lambda: {"node": node, "name": name()},
        Pipe: lambda: {"node": node, "route": route},
        Pipe.connect: lambda: {"node": node, "route": route},
        StreamService: lambda: {"node": node, "storage": MemoryStorage(), "name": name(), "index_name": name()},
        StreamPublisher: lambda: {"node": node, "route": route},
        StreamConsumer: lambda: {"node": node, "route": route, "stream": "x", "group": "x"},
        StreamSession: lambda: {"node": node, "publisher": publisher(), "consumer": consumer(), "sending": "x"},
        StreamSession.connect: lambda: {"node": node, "service": route, "sending": "x", "receiving": "y"},
    }


def of_session(session: TcpSession) -> dict[Callable[..., Any], Given]:
    return {
        session.request: lambda: {"payload": b"x", "timeout_seconds": SOON},
        session.send: lambda: {"payload": b"x"},
        session.post: lambda: {"payload": b"x"},
        session.established: lambda: {"timeout_seconds": SOON},
    }


@pytest.mark.filterwarnings("ignore:.*was never awaited")
def test_a_value_of_the_wrong_type_raises_a_documented_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        for function, right in values(tmp_path).items():
            assert any((await try_each(function, right)).values()) or function is Message, function

    over_tcp(main())


@pytest.mark.parametrize("name", ["initial_seconds", "factor", "max_seconds", "jitter"])
def test_a_bool_is_no_number(name: str) -> None:
    wrong: dict[str, Any] = {name: True}
    with pytest.raises(DefinitionError, match=name):
        BackOff(**wrong)


def test_a_number_is_no_bool() -> None:
    async def main() -> None:
        async with TcpNode() as node:
            for name in ("ordered", "public"):
                wrong: dict[str, Any] = {name: 0}
                with pytest.raises(LocalSessionError, match=f"{name}: int, expected a bool"):
                    Pipe(node, "tcp://127.0.0.1:1/x", **wrong)

    over_tcp(main())


@pytest.mark.slow
def test_a_node_and_its_sessions_refuse_wrong_arguments() -> None:
    async def main() -> None:
        async with TcpNode() as node:
            where = await node.listen()
            node.worker("echo", echo, public=True)
            node.spawner("api", handler=echo)
            for function, right in of_node(node, where).items():
                found = await try_each(function, right)
                assert any(found.values()), function
                assert found.get("node", len(CARELESS)) == len(CARELESS), function
            async with node.session(f"tcp://{where}/api") as session:
                for function, right in of_session(session).items():
                    assert any((await try_each(function, right)).values()), function

    over_tcp(main())
