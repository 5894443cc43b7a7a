"""Pipes over TCP: through a proxy that cuts, stalls, repeats and reorders; in sessions; and the errors of calls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.pipe_ordering import Ordering
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.pipes import Pipe, pipe_receiver, pipe_spawner
from ockam_fsm.runtime.encoding.message import Message, local
from ockam_fsm.runtime.node.workers import Context
from ockam_fsm.runtime.pipe.sender import PipeConfig
from ockam_fsm.runtime.session.config import BackOff
from tests.net.fault_proxy import CHAOS, FaultProxy
from tests.net.tcp_helpers import over_tcp, until

APP = local("app")
QUICK = PipeConfig(resend=BackOff(0.05, 1.6, 1.0))


class App:
    """A public worker that collects its messages."""

    def __init__(self, node: TcpNode) -> None:
        self.messages: list[Message] = []
        node.worker(APP, self, public=True)

    def __call__(self, message: Message, context: Context) -> None:
        self.messages.append(message)

    @property
    def payloads(self) -> list[int]:
        return [int(message.payload) for message in self.messages]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_every_message_arrives_once_and_in_order_over_a_bad_network(seed: int) -> None:
    async def main() -> None:
        async with TcpNode() as there, TcpNode() as here:
            app = App(there)
            pipe_receiver(there, "reliable")
            pipe_receiver(there, "ordered", Ordering.ABSOLUTE)
            async with (
                FaultProxy(await there.listen(), seed, CHAOS) as proxy,
                Pipe(here, f"tcp://{proxy.where}/reliable", QUICK) as reliable,
                Pipe(here, (reliable.address, local("ordered")), ordered=True) as ordered,
            ):
                for number in range(60):
                    here.send((ordered.address, APP), b"%d" % number, return_route=(local("me"),))
                    await asyncio.sleep(0)
                await asyncio.wait_for(reliable.flush(), 30)
                assert proxy.struck != {}
            assert app.payloads == list(range(60))
            assert {message.return_route for message in app.messages} == {(local("me"),)}

    over_tcp(main())


@pytest.mark.slow
def test_a_pipe_in_a_session_goes_on_when_its_connection_is_lost() -> None:
    async def main() -> None:
        async with TcpNode() as there, TcpNode() as here:
            app = App(there)
            pipe_spawner(there, "pipes")
            async with (
                FaultProxy(await there.listen()) as proxy,
                Pipe.connect(here, f"tcp://{proxy.where}/pipes", QUICK) as pipe,
            ):
                here.send((pipe.address, APP), b"1")
                await until(lambda: app.payloads == [1])
                proxy.cut()
                here.send((pipe.address, APP), b"2")
                await asyncio.wait_for(pipe.flush(), 20)
            assert sorted({*app.payloads}) == [1, 2]

    over_tcp(main())


def test_each_session_has_its_own_ordering_receiver() -> None:
    async def main() -> None:
        async with TcpNode() as there, TcpNode() as here:
            app = App(there)
            pipe_spawner(there, "pipes", Ordering.STRICT)
            where = await there.listen()
            for number in range(2):
                async with Pipe.connect(here, f"tcp://{where}/pipes", ordered=True) as pipe:
                    here.send((pipe.address, APP), b"%d" % number)
                    assert pipe.unconfirmed == 0
                    await until(lambda number=number: app.payloads == list(range(number + 1)))  # type: ignore[misc]

    over_tcp(main())


def test_pipes_chain_through_a_hub_and_one_end_to_end_is_confirmed_past_it() -> None:
    async def main() -> None:
        async with TcpNode() as there, TcpNode() as hub, TcpNode() as here:
            app = App(there)
            pipe_receiver(hub, "first")
            pipe_receiver(there, "second")
            pipe_receiver(there, "whole")
            own, onward = f"tcp://{await here.listen()}", f"tcp://{await there.listen()}/second"
            async with (
                Pipe(hub, onward, QUICK, name="onward", public=True),
                Pipe(here, f"tcp://{await hub.listen()}/first", QUICK) as first,
                Pipe(here, (first.address, local("onward"), local("whole")), QUICK, own_route=own) as whole,
            ):
                here.send((whole.address, APP), b"1", return_route=(local("me"),))
                await asyncio.wait_for(whole.flush(), 10)
            assert [(one.payload, one.return_route) for one in app.messages] == [(b"1", (local("me"),))]

    over_tcp(main())


def test_leaving_waits_for_confirmations_except_after_an_exception() -> None:
    async def main() -> None:
        async with TcpNode() as there, TcpNode() as here:
            app = App(there)
            where = await there.listen()
            pipe_receiver(there, "reliable")
            async with Pipe(here, f"tcp://{where}/reliable", name="pipe") as pipe:
                here.send("pipe/app", b"1")
                assert pipe.unconfirmed == 1
            assert app.payloads == [1]
            pipe = await Pipe(here, f"tcp://{where}/nobody").__aenter__()
            here.send((pipe.address, APP), b"2")
            await pipe.__aexit__(KeyError, KeyError(), None)
            assert here.node.dead_letters.counts["the pipe is closed"] == 1

    over_tcp(main())


def test_waiting_ends_at_the_deadline_of_the_caller_and_the_pipe_goes_on() -> None:
    async def main() -> None:
        async with TcpNode() as there, TcpNode() as here:
            app = App(there)
            where = await there.listen()
            async with Pipe(here, f"tcp://{where}/reliable", QUICK) as pipe:
                here.send((pipe.address, APP), b"1")
                with pytest.raises(TimeoutError, match=r"not confirmed within 0\.1 s: 1 messages"):
                    await pipe.flush(timeout_seconds=0.1)
                with pytest.raises(LocalSessionError, match="timeout_seconds: nan seconds"):
                    await pipe.flush(float("nan"))
                pipe_receiver(there, "reliable")
                await pipe.flush(timeout_seconds=60)
            assert app.payloads == [1]

    over_tcp(main())


def test_waiting_ends_when_the_node_stops_or_the_session_closes() -> None:
    async def main() -> None:
        async with TcpNode() as there:
            pipe_spawner(there, "pipes")
            where = await there.listen()
            async with TcpNode() as here:
                pipe = await Pipe.connect(here, f"tcp://{where}/pipes", QUICK).__aenter__()
                (responder,) = there.responders("pipes")
                await responder.close()
                await until(lambda: not there.responders("pipes"))
                here.send((pipe.address, APP), b"1")
                with pytest.raises(RemoteSessionError, match="session closed"):
                    await pipe.__aexit__(None, None, None)
            async with TcpNode() as here:
                pipe = await Pipe(here, f"tcp://{where}/nobody").__aenter__()
                here.send((pipe.address, APP), b"1")
                waiting = asyncio.ensure_future(pipe.flush())
                await asyncio.sleep(0)
                await here.close()
                with pytest.raises(LocalSessionError, match="stopped"):
                    await waiting
                with pytest.raises(LocalSessionError, match="stopped"):
                    await pipe.__aexit__(None, None, None)

    over_tcp(main())


def test_wrong_arguments_are_refused_at_the_call() -> None:
    async def main() -> None:
        async with TcpNode() as node:
            wrong: list[Any] = [
                lambda: pipe_receiver(node, "app"),
                lambda: pipe_receiver(node, "x", "absolute"),  # type: ignore[arg-type]
                lambda: pipe_spawner(node, "x", Ordering.STRICT, capacity=-1),
                lambda: Pipe(node, 7),  # type: ignore[arg-type]
                lambda: Pipe(node, "tcp://h:1/x", {}),  # type: ignore[arg-type]
                lambda: Pipe(node, "tcp://h:1/x").address,
            ]
            App(node)
            for call in wrong:
                with pytest.raises(LocalSessionError):
                    call()
            with pytest.raises(LocalSessionError, match="taken"):
                await Pipe(node, "tcp://h:1/x", name="app").__aenter__()
            async with Pipe(node, "tcp://h:1/x") as pipe:
                with pytest.raises(LocalSessionError, match="opened before"):
                    await pipe.__aenter__()

    over_tcp(main())


def test_a_pipe_that_leads_nowhere_or_to_itself_is_refused_at_the_call() -> None:
    async def main() -> None:
        async with TcpNode() as node:
            for route, text in (((), "it is empty"), ("me/receiver", "begins with me, the address of this pipe")):
                with pytest.raises(LocalSessionError, match=text):
                    Pipe(node, route, name="me", ordered=True)

    over_tcp(main())
