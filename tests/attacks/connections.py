"""Attacks with connections: many that send nothing, and bytes that are not messages."""

from __future__ import annotations

import os
import random
import resource
import socket
import time
from contextlib import suppress
from itertools import cycle

from tests.attacks.floods import echo_from_20
from tests.attacks.kept import never_read
from tests.attacks.lib import HOST, Load, frame, wait, way

MANY = 200
DEEP = b"\x81" * 100_000


def say_nothing(port: int, seconds: float) -> Load:
    """200 connections that send nothing, again and again; the node may have 64 descriptors."""
    end, count, held = time.monotonic() + seconds, 0, list[socket.socket]()
    while time.monotonic() < end:
        with suppress(OSError):
            while len(held) < MANY:
                held.append(socket.create_connection((HOST, port), 0.5))
                count += 1
        wait(min(1.0, end - time.monotonic()))
        held = [one for one in held if not _ended(one)]
    return {"messages": 0, "connections": count}


def _ended(one: socket.socket) -> bool:
    """The node has closed it; it is closed here too."""
    one.setblocking(False)
    try:
        ended = not one.recv(64)
    except BlockingIOError:
        ended = False
    except OSError:
        ended = True
    if ended:
        one.close()
    return ended


def malformed(port: int, seconds: float) -> Load:
    """New connections with bytes that are not messages: truncated, deeply nested, huge, of wrong types, random."""
    end, count, size = time.monotonic() + seconds, 0, 0
    for one in cycle(_bad()):
        if time.monotonic() >= end:
            break
        with suppress(OSError), socket.create_connection((HOST, port), 2.0) as connection:
            connection.sendall(one)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(2.0)
            while connection.recv(1 << 16):
                pass
        count, size = count + 1, size + len(one)
    return {"messages": 0, "connections": count, "bytes": size}


def _bad() -> list[bytes]:
    chance = random.Random(1)
    good = frame(way("echo"), b"x")
    bodies = [DEEP, b"\x9b" + b"\xff" * 8, b"\x84\x9a" + b"\xff" * 4, b"\x5f" * 1000, b"\xc0" * 100, b"\xa1" * 50,
              good[4:-1], good[4:] + b"\0", b"\x84\x80\x80\x62ab\xf6", b"\x84" + b"\x80" * 3 + b"\xfb" + bytes(8),
              b"\x84\x81\x82\x00\x59\xff\xff", *(chance.randbytes(200) for _ in range(20))]  # fmt: skip
    written = [b"\x01" + len(body).to_bytes(4, "big") + body for body in bodies]
    return [*written, b"\x02", b"GET / HTTP/1.1\r\n\r\n", b"\x01\xff\xff\xff\xff", b"\x01" + good[:-3], b"",
            b"\x01" + os.urandom(64)]  # fmt: skip


def flood_until_the_end(port: int, seconds: float) -> Load:
    """20 connections send small messages to the echo worker; SIGTERM comes in the middle of it."""
    return echo_from_20(port, seconds)


def unread_until_the_end(port: int, seconds: float) -> Load:
    """A connection never reads its echoes of 60 kB; SIGTERM comes while they wait."""
    return never_read(port, seconds)


def raise_descriptors() -> None:
    """An attacker may have more descriptors than the node."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
