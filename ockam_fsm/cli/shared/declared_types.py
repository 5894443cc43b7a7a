"""The session types of the addresses of an `ockam-fsm node`, as one of its workers declares them.

The type of a session is not on the wire (clause 2): it is configured at both ends. Two ends of different types still
establish a session, and differ later, when one fails and the other waits. So `ockam-fsm node` has a worker that replies
with its types, and `ockam-fsm session` requests them, to warn of a mistake. Other nodes have no such worker; without a
reply there is no warning.
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


def declaring(types: Mapping[str, str]) -> Handler:
    """Return the worker: it replies with the type at each address, as a JSON object."""
    payload = json.dumps(types).encode()

    def declare(message: Message, context: Context) -> None:
        context.reply(payload)

    return declare


async def declared_type(node: TcpNode, route: Route) -> str:
    """Return the type that the peer declares for the end of `route`; empty without a known one."""
    from ockam_fsm.machines import TYPES
    from ockam_fsm.runtime.encoding.message import local

    try:
        reply = await node.request((*route[:-1], local(ADDRESS)), b"", timeout_seconds=WAIT_SECONDS)
        declared = json.loads(reply.payload)
    except (Error, TimeoutError, ValueError, RecursionError):
        return ""
    name = declared.get(route[-1].value.decode("utf-8", "replace")) if isinstance(declared, dict) else None
    return name if name in [kind.name for kind in TYPES] else ""
