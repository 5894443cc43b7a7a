"""The discussion's example, "Putting it all together", line by line, with the service and the consumer of this package.

    Let's imagine a session with a synchronous requests and a TCP client in between the session workers.
    While initiator and responder establish a persistent explicit session, the TCP client and handler are an implicit
    transient session. For example for stream consumer client
      initiator: stream client consumer
      responder: stream instance (on the hub)
      init route: (tcp transport -> stream service)
      messaging route (on client): (tcp client* -> stream instance*)
      synchronous request: pull messages

A star marks an address that comes from the negotiation and may become unreachable. The discussion states later
that the consumer's session is a transient one that is restarted on timeout: "similar to a persistent session, except
there is no state to persist between re-negotiations". The consumer here is of this kind (clause 12.7).
"""

from __future__ import annotations

import asyncio

import pytest

from ockam_fsm.machines.session import EXPLICIT_TRANSIENT
from ockam_fsm.machines.vocabulary import Creation, Role, State
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.routes import tcp
from ockam_fsm.net.session import TcpSession
from ockam_fsm.runtime.encoding.message import LOCAL, TCP, Route, local
from ockam_fsm.runtime.encoding.stream_messages import Pull, Pulled, decode_response, encode_request
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.stream.profile import StreamProfile
from ockam_fsm.storage.memory import MemoryStorage
from tests.net.ports import kept_address
from tests.net.stream_helpers import HURRIED, consumer, node_with_streams, numbered, publisher, read
from tests.net.tcp_helpers import over_tcp, until


def messaging_route_of(client: TcpNode, session: TcpSession) -> Route:
    link = client.node.session(session.address).current
    assert link is not None
    return link.route


async def fill(client: TcpNode, where: str, count: int, first: int = 0) -> None:
    async with publisher(client, where) as sender:
        await sender.send(*numbered(count, first))


def test_putting_it_all_together() -> None:
    async def main() -> None:
        async with node_with_streams(MemoryStorage()) as hub, TcpNode() as client:
            await fill(client, hub.addresses[0], 3)

            # init route: (tcp transport -> stream service)
            init_route: Route = (tcp(hub.addresses[0]), local("stream"))

            # initiator: stream client consumer
            settings = SessionConfig(EXPLICIT_TRANSIENT, Role.INITIATOR, StreamProfile("orders"), HURRIED, attempts=1)
            initiator = client.session(init_route, settings=settings)
            assert initiator.creation is Creation.EXPLICIT
            await initiator.open()

            # messaging route (on client): (tcp client* -> stream instance*)
            tcp_client, stream_instance = messaging_route_of(client, initiator)
            assert (tcp_client.type, stream_instance.type) == (LOCAL, LOCAL)
            assert tcp_client in client.edge.connections
            assert stream_instance in hub.node.router.residents
            assert {tcp_client, stream_instance}.isdisjoint(init_route)

            # synchronous request: pull messages
            response = decode_response(await initiator.request(encode_request(Pull(1, 0, 10))))
            assert isinstance(response, Pulled)
            assert [message.data for message in response.messages] == numbered(3)

            # the TCP client and handler are an implicit transient session: after a loss a new one is created
            lost = client.edge.connections[tcp_client]
            lost.abort()
            await until(lambda: initiator.state is State.CLOSED)
            assert tcp_client not in client.node.router.residents
            again = client.session(init_route, settings=settings)
            await again.open()
            another, same_instance = messaging_route_of(client, again)
            assert (another != tcp_client, same_instance) == (True, stream_instance)
            assert init_route[0].type == TCP

    over_tcp(main())


@pytest.mark.slow
def test_a_consumer_restarts_on_timeout_which_triggers_a_renegotiation() -> None:
    """The hub is replaced: the init route stays the same, and both starred addresses change."""
    where, storage = kept_address(), MemoryStorage()

    async def main() -> None:
        async with TcpNode() as client, consumer(client, where) as initiator:
            async with node_with_streams(storage, where):
                await fill(client, where, 2)
                assert await read(initiator, 2) == numbered(2)
                assert initiator._session is not None
                first = messaging_route_of(client, initiator._session)
            waiting = asyncio.ensure_future(
                initiator.next()
            )  # the second message is processed now, and its hub is gone
            await until(lambda: initiator.restarts > 0)
            async with node_with_streams(storage, where):
                await fill(client, where, 1, 2)
                found = await waiting
                assert found is not None
                # "guaranteed to process all messages at least once": the save of its index may have been lost
                while found.data != b"2":
                    assert found.data == b"1"
                    found = await initiator.__anext__()
                assert initiator._session is not None
                second = messaging_route_of(client, initiator._session)
            assert set(first).isdisjoint(second)

    over_tcp(main())
