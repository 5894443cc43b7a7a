"""Runs over real sockets, behind a proxy that cuts, stalls, duplicates and reorders, are accepted behaviours."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.machines.session import EXPLICIT_PERSISTENT_ONE_SIDED, TYPES
from ockam_fsm.machines.vocabulary import Creation, Role, SessionType, State
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.session import TcpSession
from ockam_fsm.runtime.encoding.message import Message
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.trace_recorder import Recorder, header
from ockam_fsm.specification.trace_validation import Validation, validate
from tests.net.fault_proxy import CHAOS, FaultProxy
from tests.net.tcp_helpers import QUICK, over_tcp, until

pytestmark = pytest.mark.slow
FAULTS = ("drop", "duplicate", "reorder", "reset")
"""The faults of the proxy, with the names of the specification: messages lost in a cut are drops."""


def echo(message: Message, context: Context) -> None:
    context.reply(message.payload)


def listen(message: Message, context: Context) -> None:
    pass


def use(session: TcpSession, number: int) -> None:
    with suppress(LocalSessionError):  # a refusal is a step too
        session.post(b"%d" % number)


async def used(session: TcpSession, proxy: FaultProxy) -> None:
    proxy.rates = CHAOS
    for number in range(120):
        use(session, number)
        if number % 40 == 20:
            proxy.cut()
        await asyncio.sleep(0.005)
    proxy.heal()
    assert proxy.struck
    for number in range(20):
        use(session, number)
        await asyncio.sleep(0.02)


def recorded_run(kind: SessionType, seed: int) -> list[dict[str, Any]]:
    """Return the trace of both ends of a session behind the proxy."""
    ours, theirs = (SessionConfig(kind, role, durations=QUICK) for role in (Role.INITIATOR, Role.RESPONDER))
    records = [header((ours, theirs), FAULTS)]

    async def main() -> None:
        near, far = (Recorder(name, records.append) for name in ("near", "far"))
        async with TcpNode(make=far.session) as there, TcpNode(make=near.session) as here:
            await here.listen()
            there.spawner("spawner", settings=theirs, handler=echo)
            async with FaultProxy(await there.listen(), seed) as proxy:
                session = here.session(f"tcp://{proxy.where}/spawner", settings=ours, handler=listen)
                if kind.creation is Creation.EXPLICIT:
                    await session.open(20.0)
                await used(session, proxy)
                if session.state is not State.CLOSED:
                    await session.close()

    over_tcp(main())
    return records


def judged(records: list[dict[str, Any]]) -> Validation:
    return validate(json.dumps(record).encode() + b"\n" for record in records)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.name)
def test_a_run_over_tcp_is_a_behaviour(kind: SessionType) -> None:
    records = recorded_run(kind, seed=1)
    result = judged(records)
    assert result.rejection is None, (result.rejection, records[result.records])
    assert result.steps > 10
    assert {record["node"] for record in records[1:]} == {"near", "far"}
    assert not judged(records[:5] + records[6:]).accepted


def test_requests_that_need_a_lost_state_are_not_sent() -> None:
    """Clause 6.8, as a publisher uses it. A request that needs no state is sent."""
    kind = EXPLICIT_PERSISTENT_ONE_SIDED
    ours, theirs = (SessionConfig(kind, role, durations=QUICK) for role in (Role.INITIATOR, Role.RESPONDER))
    records = [header((ours, theirs), ("restart-without-state",))]

    async def main() -> None:
        near, far = (Recorder(name, records.append) for name in ("near", "far"))
        async with TcpNode(make=far.session) as there, TcpNode(make=near.session) as here:
            there.spawner("spawner", settings=theirs, handler=echo)
            session = here.session(f"tcp://{await there.listen()}/spawner", settings=ours)
            async with session:
                there.stop("spawner")
                await until(lambda: session.state is not State.ESTABLISHED)
                for number in range(3):
                    here.node.request(session.address, f"q{number}", b"x", reissue=True, resumed_only=number != 1)
                there.spawner("spawner", settings=theirs, handler=echo)
                await session.established(20.0)
                assert await session.request(b"y", timeout_seconds=20.0) == b"y"

    over_tcp(main())
    answers = [
        at for at, one in enumerate(records) if one.get("role") == "initiator" and "established" in one.get("told", ())
    ]
    answer = answers[1]
    assert [said["kind"] for said in records[answer]["sent"]] == ["keepalive", "request"]
    assert judged(records).rejection is None
    records[answer]["sent"].append(records[answer]["sent"][-1])
    assert judged(records).accepted, "two of the three may have needed no state"
    records[answer]["sent"] += records[answer]["sent"][-1:] * 2
    assert not judged(records).accepted, "there were three"
