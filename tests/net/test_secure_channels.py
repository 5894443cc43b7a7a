"""Secure channels over real sockets, through hostile nodes, over streams, and under sessions of other types."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import State
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.pipes import Pipe
from ockam_fsm.net.routes import tcp
from ockam_fsm.net.secure.channels import secure_profile
from ockam_fsm.net.session import TcpSession
from ockam_fsm.net.streams.session import StreamSession
from ockam_fsm.runtime.encoding.message import Address, Message, local
from ockam_fsm.runtime.node.workers import Context, echo, hop
from ockam_fsm.secure.identity_store import FileIdentityStore
from ockam_fsm.secure.profile import SecureProfile
from ockam_fsm.secure.trust import TrustCallback, TrustIdentifiers
from ockam_fsm.storage.memory import MemoryStorage
from tests.net.ports import kept_address
from tests.net.stream_helpers import node_with_streams
from tests.net.tcp_helpers import QUICK, over_tcp, until
from tests.net.test_stream_sessions import end

WORDS = b"only the peer can read this"
ECHO = (local("echo"),)
Change = Callable[[Message], Sequence[Message]]
"""The messages that a hostile node forwards in place of one message."""


@asynccontextmanager
async def answering(profile: SecureProfile, where: str = "127.0.0.1:0") -> AsyncIterator[TcpNode]:
    """A node that answers secure channels at `api`, and echoes at `echo` and in each channel."""
    async with TcpNode() as node:
        await node.listen(where)
        node.worker("echo", echo, public=True)
        node.spawner("api", profile=profile, handler=echo, durations=QUICK)
        yield node


@asynccontextmanager
async def hostile(change: Change) -> AsyncIterator[str]:
    """A node in the middle that forwards the result of `change` for each message."""

    def pass_on(message: Message, context: Context) -> None:
        for made in change(message):
            context.forward(Message(made.onward_route[1:], (context.address, *made.return_route), made.payload))

    async with TcpNode(forward_to="any") as node:
        node.worker("middle", pass_on, public=True)
        yield await node.listen()


def letters(node: TcpNode) -> dict[str, int]:
    return node.node.dead_letters.counts


# Between two nodes ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_side_knows_its_peer_and_reaches_only_its_public_workers(tmp_path: Path) -> None:
    async def main() -> None:
        store = FileIdentityStore(tmp_path / "bob")
        bob, alice = secure_profile(store), secure_profile()
        assert secure_profile(store).identifier == bob.identifier, "it was stored"
        async with answering(bob) as far, TcpNode() as near:
            far.worker("private", echo)
            route = f"tcp://{far.addresses[0]}/api"
            async with near.session(route, profile=alice, durations=QUICK) as channel:
                assert channel.peer == bob.identifier
                assert await channel.request(WORDS) == WORDS
                assert await channel.request(WORDS, ECHO) == WORDS
                assert (await near.request((channel.address, *ECHO), WORDS)).payload == WORDS
                (responder,) = far.responders("api")
                assert responder.peer == alice.identifier
                with pytest.raises(TimeoutError):
                    await channel.request(WORDS, (local("private"),), timeout_seconds=0.3)
                assert letters(near) == {}
            await responder.closed(5.0)
            assert channel.peer is None

    over_tcp(main())


def test_a_handler_can_identify_the_peer_of_a_message() -> None:
    """Also an asynchronous one, and a worker behind the channel; local and unprotected messages have no peer."""

    def reveal(message: Message, context: Context) -> None:
        context.reply(str(context.peer).encode())

    async def reveal_later(message: Message, context: Context) -> None:
        await asyncio.sleep(0)
        context.reply(str(context.peer).encode())

    async def main() -> None:
        mine = secure_profile()
        who = mine.identifier.encode()
        async with TcpNode() as far, TcpNode() as near:
            where = await far.listen()
            far.worker("reveal", reveal, public=True)
            far.worker("hop", hop, public=True)
            for name, handler in (("api", reveal), ("later", reveal_later)):
                far.spawner(name, profile=secure_profile(), handler=handler, durations=QUICK)
                async with near.session(f"tcp://{where}/{name}", profile=mine, durations=QUICK) as channel:
                    assert await channel.request(b"") == who
                    assert await channel.request(b"", (local("reveal"),)) == who
                    assert await channel.request(b"", (local("hop"), local("reveal"))) == who
            far.spawner("plain", handler=reveal, durations=QUICK)
            async with near.session(f"tcp://{where}/plain", durations=QUICK) as plain:
                assert await plain.request(b"") == b"None"
            assert (await near.request(f"tcp://{where}/reveal", b"")).payload == b"None"
            assert (await far.request("reveal", b"")).payload == b"None"

    over_tcp(main())


@pytest.mark.slow
def test_trust_and_its_cause() -> None:
    async def main() -> None:
        stranger = secure_profile(trust=TrustIdentifiers([secure_profile().identifier]))
        async with answering(secure_profile()) as far, TcpNode() as near:
            route = f"tcp://{far.addresses[0]}/api"
            with pytest.raises(RemoteSessionError, match="refused was: untrusted: I"):
                async with near.session(route, profile=stranger, durations=QUICK):
                    raise AssertionError("it is not trusted")

    over_tcp(main())


@pytest.mark.slow
def test_a_channel_renegotiates_after_a_restart_with_the_same_identity(tmp_path: Path) -> None:
    async def main() -> None:
        where, store = kept_address(), FileIdentityStore(tmp_path / "bob")
        async with TcpNode() as near:
            channel = near.session(
                f"tcp://{where}/api", "explicit-persistent-one-sided", durations=QUICK, attempts=None,
                profile=secure_profile(trust=TrustIdentifiers([secure_profile(store).identifier])),
            )  # fmt: skip
            for generation in (1, 2):
                async with answering(secure_profile(store), where) as far:
                    if generation == 1:
                        await channel.open()
                    await channel.established(10.0)
                    assert await channel.request(WORDS, timeout_seconds=10.0) == WORDS
                    await far.abort()
                await until(lambda: channel.state is not State.ESTABLISHED)
            assert channel.generation >= 2
            await channel.close()

    over_tcp(main())


def test_a_policy_that_is_false_trusts_no_peer() -> None:
    class Empty(TrustCallback):
        """A policy that is an empty list of trusted peers."""

        def __len__(self) -> int:
            return 0

    async def main() -> None:
        strict = secure_profile(trust=Empty(lambda identifier: False))
        async with answering(secure_profile()) as far, TcpNode() as near:
            channel = near.session(f"tcp://{far.addresses[0]}/api", profile=strict, durations=QUICK)
            with pytest.raises(RemoteSessionError, match="untrusted"):
                await channel.open()

    over_tcp(main())


@pytest.mark.parametrize(
    "given", [{"store": "a.identity"}, {"store": 5}, {"trust": "Iaf"}, {"trust": []}, {"trust": TrustCallback}]
)
def test_a_profile_with_wrong_arguments_is_refused_at_the_call(given: dict[str, Any]) -> None:
    with pytest.raises(LocalSessionError, match=f"^{next(iter(given))}: .*; write "):
        secure_profile(**given)


def test_a_channel_ignores_a_session_id() -> None:
    async def main() -> None:
        async with answering(secure_profile()) as far, TcpNode() as near:
            channel = near.session(f"tcp://{far.addresses[0]}/api", profile=secure_profile(), session_id=bytes(16))
            await channel.open()
            (responder,) = far.responders("api")
            await responder.established(5.0)
            await responder.close()
            assert await channel.closed(5.0) == "closed by the peer"

    over_tcp(main())


# Through a hostile node -----------------------------------------------------------------------------------------------


async def talk_through(change: Change, times: int = 40) -> tuple[list[bytes], TcpNode, TcpNode]:
    """Return what the far end receives of numbered messages through a hostile node."""
    heard = list[bytes]()

    def collect(message: Message, context: Context) -> None:
        heard.append(message.payload)
        context.reply(message.payload)

    async with TcpNode() as far, TcpNode() as near, hostile(change) as middle:
        where = await far.listen()
        far.spawner("api", profile=secure_profile(), handler=collect, durations=QUICK)
        route = f"tcp://{middle}/middle/tcp://{where}/api"
        async with near.session(route, profile=secure_profile(), durations=QUICK) as channel:
            for number in range(times):
                assert await channel.request(WORDS + b"%d" % number, timeout_seconds=5.0) == WORDS + b"%d" % number
    return heard, far, near


@pytest.mark.slow
def test_a_node_in_the_middle_cannot_read_messages() -> None:
    seen = list[Message]()

    def look(message: Message) -> Sequence[Message]:
        seen.append(message)
        return (message,)

    over_tcp(_talk(look, {}))
    assert len(seen) > 40
    for message in seen:
        assert WORDS not in message.payload
        assert not any(b"echo" in address.value for address in message.onward_route)


async def _talk(change: Change, expected: dict[str, int]) -> None:
    heard, far, near = await talk_through(change)
    assert heard == [WORDS + b"%d" % number for number in range(40)], "each once, in order"
    for reason, least in expected.items():
        assert letters(far).get(reason, 0) + letters(near).get(reason, 0) >= least, letters(far) | letters(near)


@pytest.mark.slow
def test_a_repeated_message_is_delivered_once() -> None:
    over_tcp(_talk(lambda message: (message, message, message), {"replayed": 80}))


@pytest.mark.slow
def test_a_forged_message_is_not_delivered() -> None:
    def forge(message: Message) -> Sequence[Message]:
        wrong = bytes([*message.payload[:-1], message.payload[-1] ^ 1])
        if len(message.payload) == 32:
            return (message,)  # a changed first message would start another handshake
        return (Message(message.onward_route, message.return_route, wrong), message)

    over_tcp(_talk(forge, {"not-authentic": 40}))


@pytest.mark.slow
def test_a_channel_survives_a_large_loss() -> None:
    """A loss larger than Ockam's own receive window, which would silence the direction there permanently."""

    async def main() -> None:
        losing, lost = False, 0

        def lose(message: Message) -> Sequence[Message]:
            nonlocal lost
            lost += losing
            return () if losing else (message,)

        async with answering(secure_profile()) as far, TcpNode() as near, hostile(lose) as middle:
            route = f"tcp://{middle}/middle/tcp://{far.addresses[0]}/api"
            slow = QUICK.__class__(keepalive_seconds=30.0)
            async with near.session(route, profile=secure_profile(), durations=slow) as channel:
                (responder,) = far.responders("api")
                await responder.established(5.0)
                losing = True
                for _ in range(100):
                    channel.post(b"lost")
                await until(lambda: lost >= 100)
                losing = False
                assert await channel.request(WORDS, timeout_seconds=5.0) == WORDS

    over_tcp(main())


@pytest.mark.slow
def test_the_messaging_route_follows_the_newest_message() -> None:
    """The peer suddenly uses another connection: authentic messages are accepted, and answered there."""

    async def main() -> None:
        kept, wanted = list[Message](), list[Address]()

        def keep(message: Message) -> Sequence[Message]:
            if message.onward_route[-1:] != tuple(wanted):
                return (message,)
            kept.append(message)
            return ()

        async with answering(secure_profile()) as far, TcpNode() as near, TcpNode() as moved, hostile(keep) as middle:
            where = far.addresses[0]
            route = f"tcp://{middle}/middle/tcp://{where}/api"
            async with near.session(route, profile=secure_profile(), durations=QUICK) as channel:
                (responder,) = far.responders("api")
                await responder.established(5.0)
                before = far.node.session(responder.address).current
                assert before is not None
                wanted.append(before.inner)
                channel.post(WORDS)
                await until(lambda: kept)
                moved.send((tcp(where), before.inner), kept[0].payload)
                await until(lambda: far.node.session(responder.address).current != before)
                after = far.node.session(responder.address).current
                assert after is not None
                assert (len(after.route), after.route[-1]) == (2, before.route[-1])

    over_tcp(main())


# Layers ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("wrapped", [False, True], ids=["persistent below", "persistent above"])
def test_both_arrangements_of_the_discussion(wrapped: bool) -> None:
    """A secure channel over a stream session, which hides the failures of TCP; and a transient channel that a
    persistent session is wrapped around, which hides the failures of the channel."""

    async def main() -> None:
        profile = secure_profile()
        async with node_with_streams(MemoryStorage()) as hub, TcpNode() as a, TcpNode() as b:
            where = hub.addresses[0]
            b.spawner("api", profile=profile, handler=echo, durations=QUICK)
            b.spawner("wrapping", "explicit-persistent-one-sided", handler=echo, durations=QUICK)
            async with end(a, where, "to-b", "to-a") as below, end(b, where, "to-a", "to-b"):
                session = _wrapped(a, below) if wrapped else _alone(a, below)
                async with session:
                    assert await session.request(WORDS, timeout_seconds=10.0) == WORDS
                    b.stop("api")
                    b.spawner("api", profile=profile, handler=echo, durations=QUICK)
                    assert await session.request(WORDS, timeout_seconds=20.0, reissue=True) == WORDS
                    assert session.generation >= 2

    over_tcp(main())


def _alone(node: TcpNode, below: StreamSession) -> TcpSession:
    return node.session("api", "explicit-persistent-one-sided", profile=secure_profile(), over=below,
                        durations=QUICK, attempts=None)  # fmt: skip


def _wrapped(node: TcpNode, below: StreamSession) -> TcpSession:
    channel = node.session("api", "implicit-transient", profile=secure_profile(), over=below,
                           durations=QUICK, recreated=True)  # fmt: skip
    return node.session("wrapping", "explicit-persistent-one-sided", over=channel, durations=QUICK, attempts=None)


@pytest.mark.slow
def test_a_session_that_is_recreated_keeps_its_address_until_it_is_closed() -> None:
    async def main() -> None:
        async with answering(secure_profile()) as far, TcpNode() as near:
            channel = near.session(f"tcp://{far.addresses[0]}/api", "implicit-transient", profile=secure_profile(),
                                   durations=QUICK, recreated=True)  # fmt: skip
            for _ in range(3):
                assert await channel.request(WORDS, timeout_seconds=5.0) == WORDS
                far.stop("api")
                await until(lambda: channel.state is State.IDLE)
                far.spawner("api", profile=secure_profile(), handler=echo, durations=QUICK)
            await channel.close()
            assert channel.state is State.CLOSED
            with pytest.raises(LocalSessionError):
                channel.post(WORDS)

    over_tcp(main())


def test_wrong_layers_are_refused_at_the_call() -> None:
    async def main() -> None:
        async with TcpNode() as node:
            for wrong in ("tcp://x:1", Pipe(node, "tcp://127.0.0.1:1/pipe")):
                with pytest.raises(LocalSessionError, match="carries no replies; give a session or a stream session"):
                    node.session("api", over=wrong)  # type: ignore[arg-type]
            with pytest.raises(LocalSessionError, match="only implicit-transient sessions are made anew"):
                node.session("tcp://127.0.0.1:1/api", recreated=True)
            with pytest.raises(LocalSessionError, match="or a `secure_profile`"):
                node.session("tcp://127.0.0.1:1/api", profile=3)  # type: ignore[arg-type]
            below = node.session("tcp://127.0.0.1:1/api")
            await below.close()
            with pytest.raises(LocalSessionError, match="no worker"):
                node.session("api", over=below)

    over_tcp(main())
