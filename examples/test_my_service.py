"""Tests of a handler with pytest, over real TCP and without a plug-in: pytest examples/test_my_service.py

A node at port 0 takes a free port, and nodes are cheap: each test creates its own. `renegotiate` has the effect of a
lost connection on a session; `abort` has the effect of a kill on a node. Wait for conditions with a deadline instead of
sleeping for a fixed time.
"""

from __future__ import annotations

import asyncio

import pytest
from stateful_spawner import TYPE, Sums

from ockam_fsm import RemoteSessionError, TcpNode

DEADLINE_SECONDS = 60.0


def test_each_session_has_its_own_sum() -> None:
    async def scenario() -> None:
        async with TcpNode() as there, TcpNode() as here:
            there.spawner("sum", TYPE, handler=Sums())
            route = f"tcp://{await there.listen()}/sum"
            async with here.session(route, TYPE) as first, here.session(route, TYPE) as second:
                assert await first.request(b"1") == b"1"
                assert await second.request(b"5") == b"5"
                assert await first.request(b"1") == b"2"

    asyncio.run(asyncio.wait_for(scenario(), DEADLINE_SECONDS))


def test_a_sum_survives_a_failure_and_is_removed_with_its_session() -> None:
    async def scenario() -> None:
        sums = Sums()
        async with TcpNode(observers=[sums]) as there, TcpNode() as here:
            there.spawner("sum", TYPE, handler=sums)
            async with here.session(f"tcp://{await there.listen()}/sum", TYPE) as session:
                await session.request(b"1")
                await session.renegotiate()
                assert session.generation == 2
                assert await session.request(b"1") == b"2"
            while sums.of_session:  # the server receives the close a moment later
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(scenario(), DEADLINE_SECONDS))


def test_a_wrong_address_is_an_error() -> None:
    async def scenario() -> None:
        async with TcpNode() as there, TcpNode() as here:
            session = here.session(f"tcp://{await there.listen()}/summ", TYPE, attempts=1)
            with pytest.raises(RemoteSessionError, match="no such worker: summ"):
                await session.open(DEADLINE_SECONDS)

    asyncio.run(asyncio.wait_for(scenario(), DEADLINE_SECONDS))
