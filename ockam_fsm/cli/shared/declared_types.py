"""Which session types a node of `ockam-fsm node` has at its addresses, for whoever asks.

The type of a session is not on the wire (clause 2): both ends are configured. Two ends of different types establish a
session all the same, and differ later, where one fails and the other one waits. So `ockam-fsm node` has a worker that
says its types, and `ockam-fsm session` asks it, to warn of a mistake. Other nodes have no such worker, and no answer
means nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ockam_fsm.kernel.errors import Error

if TYPE_CHECKING:
    from ockam_fsm.net.node import TcpNode
    from ockam_fsm.runtime.encoding.message import Message, Route
    from ockam_fsm.runtime.node.workers import Context, Handler

ADDRESS = "session_types"
WAIT_SECONDS = 5.0


def saying(types: Mapping[str, str]) -> Handler:
    """The worker: it replies with the type at each address, as a JSON object."""
    payload = json.dumps(types).encode()

    def say(message: Message, context: Context) -> None:
        context.reply(payload)

    return say


async def declared_type(node: TcpNode, route: Route) -> str:
    """The type that the peer says it has at the end of `route`; empty if it says none that there is."""
    from ockam_fsm.machines import TYPES
    from ockam_fsm.runtime.encoding.message import local

    try:
        reply = await node.request((*route[:-1], local(ADDRESS)), b"", timeout_seconds=WAIT_SECONDS)
        said = json.loads(reply.payload)
    except (Error, TimeoutError, ValueError, RecursionError):
        return ""
    name = said.get(route[-1].value.decode("utf-8", "replace")) if isinstance(said, dict) else None
    return name if name in [kind.name for kind in TYPES] else ""
