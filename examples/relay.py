"""Two programs that cannot connect to each other, and a relay that both can connect to. Three processes:

    python examples/relay.py relay 127.0.0.1:4000
    python examples/relay.py service 127.0.0.1:4000
    python examples/relay.py client 127.0.0.1:4000      and then type lines; each comes back in capital letters

Service and client register a name at the relay, and repeat this every second: so the relay may be killed and started
again. The relay forwards the messages for a name; sessions pass through it unchanged. The session is two-sided: either
end may detect that the other one is gone, and then renegotiates.
"""

from __future__ import annotations

import asyncio
import os
import sys

from ockam_fsm import BackOff, Context, Durations, Message, Registrar, Relay, TcpNode, parse_route

TYPE = "explicit-persistent-two-sided"
DURATIONS = Durations(negotiation_seconds=2.0, request_seconds=2.0, back_off=BackOff(0.1, max_seconds=1.0))
PATIENCE_SECONDS = 600.0
"""How long a request may wait for the relay or the service."""


async def relay(where: str) -> None:
    async with TcpNode(forward_to="none") as node:  # it opens no connections: peers connect to it
        node.worker("relay", Relay(), public=True)
        print(f"ready at {await node.listen(where)}", flush=True)
        await node.stopped()


def register(node: TcpNode, hub: str, name: str) -> None:
    """Make the relay forward messages for `name` to this node. The token protects the name from other nodes."""
    registrar = node.worker(None, Registrar(parse_route(f"{hub}/relay"), name, os.urandom(16), refresh_seconds=1.0))
    node.send((registrar,), b"")  # a message from this node starts it


async def upper(message: Message, context: Context) -> None:
    context.reply(message.payload.upper())


async def service(hub: str) -> None:
    async with TcpNode() as node:
        register(node, hub, "service")
        node.spawner("upper", TYPE, handler=upper)
        print("ready", flush=True)
        await node.stopped()


async def client(hub: str) -> None:
    async with TcpNode() as node:
        register(node, hub, "client")
        there, here = f"{hub}/relay/service/upper", f"{hub}/relay/client"
        # `own_route`: the route from the service to this node, for renegotiation by the service.
        session = node.session(there, TYPE, own_route=here, durations=DURATIONS, attempts=None)
        async with session:
            while line := await asyncio.to_thread(sys.stdin.readline):
                reply = await session.request(line.strip().encode(), reissue=True, timeout_seconds=PATIENCE_SECONDS)
                print(reply.decode(), flush=True)


if __name__ == "__main__":
    role, where = sys.argv[1:]
    match role:
        case "relay":
            asyncio.run(relay(where))
        case "service":
            asyncio.run(service(f"tcp://{where}"))
        case "client":
            asyncio.run(client(f"tcp://{where}"))
        case _:
            sys.exit(f"there is no role {role}: relay, service or client")
