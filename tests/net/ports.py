"""Ports for processes that need a known listening address, also after a restart.

Theory: a port that was only looked up (bind to port 0, read the number, close) is not reserved. Until it is used, and
again while its node is down, the system may give it to any connection. So it stays bound here, without
listening. Linux gives a bound port neither to a connection nor to a request for any free port; a request for
this port with SO_REUSEADDR, as of servers, may listen at it. Until then connections to it are refused.

Left out: other systems, where a reserved port cannot be listened at. There it is only looked up.
"""

from __future__ import annotations

import socket
import sys
from functools import cache


def kept_port() -> int:
    """Return a port of 127.0.0.1 that this process reserves until it ends."""
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    port: int = kept.getsockname()[1]
    if sys.platform == "linux":
        kept.detach()
    else:
        kept.close()
    return port


def kept_address() -> str:
    return f"127.0.0.1:{kept_port()}"


@cache
def nowhere() -> str:
    """Return an address at which no process ever listens."""
    return kept_address()
