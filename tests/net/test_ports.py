"""A reserved port is given to no other process, whether its node is up or down."""

from __future__ import annotations

import socket
import struct
import sys

import pytest

from tests.net.ports import kept_port, nowhere

IP_LOCAL_PORT_RANGE = 51
"""The range of ports for this socket; since Linux 6.3."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot reserve a port")


def test_a_server_can_listen_repeatedly_at_a_kept_port() -> None:
    where = ("127.0.0.1", kept_port())
    for _ in range(2):
        with socket.create_server(where) as server, socket.create_connection(where) as one:
            server.accept()[0].close()
            assert one.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where)


def test_a_kept_port_is_given_only_to_a_request_for_it() -> None:
    """Not even with SO_REUSEADDR, for a socket whose range has only this port."""
    port = kept_port()
    for reuse in (0, 1):
        with only(port) as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", 0))
    with socket.create_server(("127.0.0.1", 0)) as server, only(port) as one, pytest.raises(OSError, match="assign"):
        one.connect(server.getsockname())


def only(port: int) -> socket.socket:
    """A socket that may be given no other port."""
    other = socket.socket()
    try:
        other.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("=I", port << 16 | port))
    except OSError:
        other.close()
        pytest.skip("this kernel has no port range for a single socket")
    return other


def test_connections_to_nowhere_are_refused() -> None:
    host, port = nowhere().split(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
