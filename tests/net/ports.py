"""Ports for processes that are told where to listen, or that come back where they were.

Theory: a port that was only looked at (bind to port 0, read the number, close) belongs to nobody. Until it is used, and
again while its node is down, any connection of this machine may be given it. So it stays bound here, where nobody
listens at it. Linux gives a bound port neither to a connection nor to anybody who asks for any port; one who asks for
this very port, as servers do (SO_REUSEADDR), listens at it beside us. Until then connections to it are refused.

Left out: other systems, where nobody can listen at a port that somebody else keeps. There it is looked at only.
"""

from __future__ import annotations

import socket
import sys
from functools import cache


def kept_port() -> int:
    """A port of 127.0.0.1 that is this process's until it ends."""
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
    """Where nobody listens, ever."""
    return kept_address()
