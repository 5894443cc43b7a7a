"""Our sessions in profile `secure` with a node on Ockam's own Rust crates: both roles, kills, and through its relay."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ockam_fsm.kernel.errors import RemoteSessionError
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Renegotiation, SessionType
from ockam_fsm.net.node import TcpNode
from ockam_fsm.net.secure.channels import secure_profile
from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.message import local
from ockam_fsm.runtime.node.workers import echo
from ockam_fsm.secure.trust import TrustIdentifiers
from tests.interop.channel_by_hand import Mailbox
from tests.interop.rust_peer import RustNode, rust_client, with_rust
from tests.net.tcp_helpers import QUICK

pytestmark = pytest.mark.interop
ECHO = (local("echo"),)
PERSISTENT = "explicit-persistent-one-sided"
REKEYED, MANY, AT_ONCE = 100, 10_000, 100
KILLS = 3
KINDS = [kind for kind in TYPES if kind.renegotiation is not Renegotiation.TWO_SIDED]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_our_initiator_of_every_type(kind: SessionType, tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            profile = secure_profile(trust=TrustIdentifiers([rust.identifier]), keepalives=False)
            async with node.session(f"tcp://{rust.where}/hop/api", kind, profile=profile) as channel:
                for number in range(REKEYED):
                    assert await channel.request(b"%d" % number, ECHO) == b"%d" % number
                assert (channel.peer, channel.generation) == (rust.identifier, 1)

    with_rust(main())


def test_ten_thousand_messages(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            route, profile = f"tcp://{rust.where}/api", secure_profile(keepalives=False)
            async with node.session(route, profile=profile) as channel:
                for start in range(0, MANY, AT_ONCE):
                    payloads = [b"%d" % number for number in range(start, start + AT_ONCE)]
                    assert await asyncio.gather(*(channel.request(one, ECHO) for one in payloads)) == payloads
                assert channel.generation == 1

    with_rust(main())


def test_a_rust_node_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            profile = secure_profile(trust=TrustIdentifiers([secure_profile().identifier]), keepalives=False)
            with pytest.raises(RemoteSessionError, match=f"untrusted: {rust.identifier}"):
                async with node.session(f"tcp://{rust.where}/api", profile=profile, durations=QUICK):
                    raise AssertionError("it is not trusted")

    with_rust(main())


def test_a_persistent_session_goes_on_after_each_kill(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as node:
            profile = secure_profile(trust=TrustIdentifiers([rust.identifier]), keepalives=False)
            route = f"tcp://{rust.where}/api"
            async with node.session(route, PERSISTENT, profile=profile, durations=QUICK, attempts=None) as channel:
                for kills in range(KILLS):
                    assert await channel.request(b"%d" % kills, ECHO, timeout_seconds=20.0) == b"%d" % kills
                    assert channel.generation >= kills + 1
                    await rust.kill()
                    await rust.start()
                assert await channel.request(b"after", ECHO, timeout_seconds=20.0) == b"after"
                assert channel.peer == rust.identifier

    with_rust(main())


def test_a_rust_initiator_and_our_spawner() -> None:
    async def main() -> None:
        async with TcpNode() as node:
            where, profile = await node.listen(), secure_profile(keepalives=False)
            node.worker("echo", echo, public=True)
            node.spawner("api", profile=profile, handler=echo)
            client = asyncio.create_task(rust_client(where, REKEYED, seconds=60.0))
            found = await client
            assert found["plain"]["same"] == found["channel"]["same"] == REKEYED
            assert found["handshake"]["peer"] == profile.identifier
            assert node.responders("api") == ()  # the Rust node has closed its channel

    with_rust(main())


def test_a_channel_between_two_of_ours_through_a_rust_relay(tmp_path: Path) -> None:
    async def main() -> None:
        async with RustNode(tmp_path) as rust, TcpNode() as behind, TcpNode() as node:
            profile = secure_profile()
            behind.spawner("api", profile=profile, handler=echo)
            registered = Mailbox(behind)
            service = f"tcp://{rust.where}/forwarding_service"
            behind.send(service, bare.string("us"), return_route=(registered.address,))
            await registered.next()
            async with node.session(f"tcp://{rust.where}/us/api", PERSISTENT, profile=secure_profile()) as channel:
                assert channel.peer == profile.identifier
                for number in range(REKEYED):
                    assert await channel.request(b"%d" % number) == b"%d" % number

    with_rust(main())
