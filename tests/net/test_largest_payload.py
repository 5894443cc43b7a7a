"""The largest payload through layers: an accepted payload arrives, and a larger one is refused at the call."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from ockam_fsm.kernel.errors import LocalSessionError
from ockam_fsm.net.connection import TcpLimits
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.pipes import Pipe, pipe_spawner
from ockam_fsm.net.secure.channels import secure_profile
from ockam_fsm.net.session import TcpSession
from ockam_fsm.runtime.encoding.gate import MAX_TRACING_CONTEXT_BYTES, PAYLOAD_TOO_LARGE, payload_limit
from ockam_fsm.runtime.encoding.message import Message, Route, local
from ockam_fsm.runtime.node.layers import ANSWER_BYTES, HEAD_BYTES
from ockam_fsm.runtime.node.services import static_forwarder
from ockam_fsm.runtime.node.workers import Context, echo, hop
from ockam_fsm.runtime.session.handshake import OCKAM
from ockam_fsm.storage.memory import MemoryStorage
from tests.net.stream_helpers import node_with_streams
from tests.net.tcp_helpers import QUICK, over_tcp, until
from tests.net.test_stream_sessions import end

SMALL = TcpLimits(frame_bytes=64 * 1024)
LIMIT = payload_limit(SMALL.frame_bytes)
PATIENT = 20.0


@asynccontextmanager
async def two_nodes() -> AsyncIterator[tuple[TcpNode, TcpNode, str]]:
    """A client node, a node that echoes in sessions of each profile, and the address of the latter."""
    async with TcpNode(limits=SMALL) as near, TcpNode(limits=SMALL) as far:
        far.worker("echo", echo, public=True)
        for name, profile in (("plain", "generation"), ("ockam", OCKAM), ("secure", secure_profile())):
            far.spawner(name, profile=profile, handler=echo, durations=QUICK)
        yield near, far, f"tcp://{await far.listen()}"


def plain(near: TcpNode, way: str) -> list[TcpSession]:
    return [near.session(f"{way}/plain", durations=QUICK)]


def ockam(near: TcpNode, way: str) -> list[TcpSession]:
    return [near.session(f"{way}/ockam", profile=OCKAM, durations=QUICK)]


def secure(near: TcpNode, way: str) -> list[TcpSession]:
    return [near.session(f"{way}/secure", profile=secure_profile(), durations=QUICK)]


def secure_over_plain(near: TcpNode, way: str) -> list[TcpSession]:
    (below,) = plain(near, way)
    return [below, near.session("secure", profile=secure_profile(), over=below, durations=QUICK)]


def plain_over_secure_over_secure(near: TcpNode, way: str) -> list[TcpSession]:
    (lowest,) = secure(near, way)
    below = near.session("secure", profile=secure_profile(), over=lowest, durations=QUICK)
    return [lowest, below, near.session("plain", over=below, durations=QUICK)]


def plain_over_a_hop_over_plain(near: TcpNode, way: str) -> list[TcpSession]:
    near.worker("hop", hop, public=True)
    (below,) = plain(near, way)
    return [below, near.session((local("hop"), below.address, local("plain")), durations=QUICK)]


Layers = Callable[[TcpNode, str], list[TcpSession]]
CASES: list[tuple[Layers, Route]] = [(ockam, ())]  # its messages go to the session's own handler only
LAYERS = (plain, secure, secure_over_plain, plain_over_secure_over_secure, plain_over_a_hop_over_plain)
CASES += [(layers, route) for layers in LAYERS
          for route in ((), (local("echo"),))]  # fmt: skip


async def limit_of(session: TcpSession, onward_route: Route) -> int:
    """Return the limit in the error for the smallest payload that does not fit with the overhead of the layers."""
    with pytest.raises(LocalSessionError, match="send it in parts") as refused:
        await session.request(bytes(LIMIT), onward_route)
    return limit_in(refused.value)


def limit_of_error(send: Callable[[], None]) -> int:
    with pytest.raises(LocalSessionError, match="send it in parts") as refused:
        send()
    return limit_in(refused.value)


def limit_in(error: LocalSessionError) -> int:
    found = re.search(r"limit (\d+)", str(error))
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize(("layers", "worker"), CASES)
def test_the_largest_payload_that_is_accepted_is_answered(layers: Layers, worker: Route) -> None:
    async def main() -> None:
        async with two_nodes() as (near, _, way), AsyncExitStack() as stack:
            session = [await stack.enter_async_context(one) for one in layers(near, way)][-1]
            most = LIMIT if layers is ockam else await limit_of(session, worker)
            assert most > LIMIT - 4 * (HEAD_BYTES + ANSWER_BYTES)
            payload = bytes(range(256)) * (most // 256) + bytes(most % 256)
            assert await session.request(payload, worker, timeout_seconds=PATIENT) == payload
            with pytest.raises(LocalSessionError, match=f"{most + 1} bytes, limit {most}; send it in parts"):
                await session.request(bytes(most + 1), worker)
            with pytest.raises(LocalSessionError, match="send it in parts"):
                await session.send(bytes(LIMIT + (layers is ockam)), worker)
            assert await session.request(b"it goes on", worker, timeout_seconds=PATIENT) == b"it goes on"

    over_tcp(main())


@pytest.mark.slow
def test_the_largest_payload_over_a_stream_session() -> None:
    async def main() -> None:
        async with (
            node_with_streams(MemoryStorage(), limits=SMALL) as hub,
            two_nodes() as (near, far, _),
            AsyncExitStack() as stack,
        ):
            where = hub.addresses[0]
            below = await stack.enter_async_context(end(near, where, "to-b", "to-a"))
            await stack.enter_async_context(end(far, where, "to-a", "to-b"))
            async with near.session("secure", profile=secure_profile(), over=below, durations=QUICK) as channel:
                most = await limit_of(channel, ())
                assert await channel.request(bytes(most), timeout_seconds=PATIENT) == bytes(most)

    over_tcp(main())


def test_a_stream_session_accepts_no_message_that_would_end_it() -> None:
    """A publisher that refuses a message ends, so the end of the session must know the limit of the publisher."""

    async def main() -> None:
        heard = list[int]()

        def collect(message: Message, context: Context) -> None:
            heard.append(len(message.payload))

        async with (
            node_with_streams(MemoryStorage(), limits=SMALL) as hub,
            two_nodes() as (near, far, _),
            AsyncExitStack() as stack,
        ):
            far.spawner("collector", handler=collect, durations=QUICK)
            where = hub.addresses[0]
            below = await stack.enter_async_context(end(near, where, "to-b", "to-a"))
            await stack.enter_async_context(end(far, where, "to-a", "to-b"))
            near.worker("elsewhere", static_forwarder((below.address, local("nobody"))))
            near.send((local("elsewhere"),), bytes(LIMIT - 200))
            await until(lambda: near.node.dead_letters.counts == {PAYLOAD_TOO_LARGE: 1})
            session = await stack.enter_async_context(near.session("collector", over=below, durations=QUICK))
            most = limit_of_error(lambda: session.post(bytes(LIMIT)))
            await session.send(bytes(most))
            await until(lambda: heard == [most])
            context = "x" * MAX_TRACING_CONTEXT_BYTES  # it is part of the published message
            less = limit_of_error(lambda: session.post(bytes(most), tracing_context=context))
            await session.send(bytes(less), tracing_context=context)
            await until(lambda: heard == [most, less])

    over_tcp(main())


@pytest.mark.slow
@pytest.mark.parametrize("protected", [False, True], ids=["in a session", "in a channel"])
def test_the_largest_payload_through_a_pipe(protected: bool) -> None:
    """A message that does not fit is refused at once, or a dead letter: a pipe would retransmit it indefinitely."""

    async def main() -> None:
        heard = list[int]()

        def collect(message: Message, context: Context) -> None:
            heard.append(len(message.payload))

        async with two_nodes() as (near, far, way), AsyncExitStack() as stack:
            far.worker("collector", collect, public=True)
            pipe_spawner(far, "pipes")
            if protected:
                (channel,) = secure(near, way)
                await stack.enter_async_context(channel)
                way = str(channel.address)
            pipe = await stack.enter_async_context(Pipe.connect(near, f"{way}/pipes"))
            collector = (pipe.address, local("collector"))
            most = limit_of_error(lambda: near.send(collector, bytes(LIMIT)))
            assert most > LIMIT - 5 * HEAD_BYTES  # the pipe, its session, the channel, and their routes
            near.send(collector, bytes(most))
            await pipe.flush()
            assert (heard, near.node.dead_letters.counts) == ([most], {})
            near.worker("elsewhere", static_forwarder(collector))  # its route is unknown here
            near.send((local("elsewhere"),), bytes(LIMIT))
            await until(lambda: near.node.dead_letters.counts == {PAYLOAD_TOO_LARGE: 1})
            assert not pipe.unconfirmed

    over_tcp(main())
