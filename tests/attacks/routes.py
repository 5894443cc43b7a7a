"""Attacks with routes: too long, to private workers, to other hosts. Required: no such worker or host is reached."""

from __future__ import annotations

import os
import time
from contextlib import suppress

from ockam_fsm.runtime.encoding import bare
from ockam_fsm.runtime.encoding.message import Route, local
from tests.attacks.lib import HOST, Load, Peer, accepted, frame, hello, listener, tcp, wait, way

ELSEWHERE = "127.0.0.2"
"""Another host to the node: the attacker's connection comes from 127.0.0.1."""

PUBLIC: dict[str, tuple[Route, bytes]] = {
    "echo": (way("echo"), b"x"),
    "hop": (way("hop", "echo"), b"x"),
    "waits": (way("waits"), b"x"),
    "forward": (way("forward"), b"x"),
    "discovery": (way("discovery", "name"), b"x"),
    "proxy": (way("proxy", "name"), b"x"),
    "pack": (way("pack", "echo"), b"x"),
    "unpack": (way("unpack"), frame(way("echo"), b"x")[4:]),
    "relay": (way("relay"), bare.string("alias") + bytes(16)),
    "hub": (way("hub"), hello(bytes(16), route=way("x"))),
}
"""The public workers of library_node.py, and a message that each of them answers, at once or by way of `echo`."""

ROUNDS = 8
"""More than a worker may fail before it stops for good."""


def long_return_routes(port: int, seconds: float) -> Load:
    """Return routes of 120 to 128 addresses to every public worker, and to the outer address of a session."""
    end, count = time.monotonic() + seconds - 2.0, 0
    peer = Peer(port)
    targets = [*PUBLIC.values(), (way(_outer_address(port)), b"x")]
    while time.monotonic() < end:
        for onward, payload in targets:
            for length in range(120, 129):
                peer.send(onward, payload, (local("r"),) * length)
                count += 1
        if count >= ROUNDS * len(targets) * 9:
            break
        wait(min(0.5, end - time.monotonic()))  # a worker that failed starts again after a while
    return {"messages": count, "silent": [name for name in PUBLIC if not _answers(port, name)]}


def _outer_address(port: int) -> str:
    """The outer address of a session of this attacker: `superseded` comes from it."""
    peer, session_id = Peer(port), os.urandom(16)
    inner = peer.ask(way("hub"), hello(session_id, route=way("x"))).return_route[-1]
    peer.ask((inner,), b"\x04")
    found = peer.ask(way("hub"), hello(session_id, inner="other", route=way("x"))).return_route[-1]
    peer.close()
    return found.value.decode()


def _answers(port: int, name: str) -> bool:
    onward, payload = PUBLIC[name]
    peer = Peer(port, timeout=2.0)
    try:
        peer.ask(onward, payload)
    except OSError:
        return False
    finally:
        peer.close()
    return True


def initialization_routes(port: int, seconds: float) -> Load:
    """Hellos with initialization routes to a private worker or session, or to another host; the peer disconnects."""
    end = time.monotonic() + seconds
    other, where = listener(ELSEWHERE)
    routes = [way("secret"), way("own session"), way(tcp(f"{ELSEWHERE}:{where}"), "x"), way("hop", "secret"),
              way("hop", tcp(f"{ELSEWHERE}:{where}"), "x"), way("secret", "x")]  # fmt: skip
    peer = Peer(port)
    for route in routes:
        for spawner in ("hub", "one-sided"):
            peer.send(way(spawner), hello(os.urandom(16), route=route))
        peer.send(route, b"direct")
    wait(0.5)
    peer.close()
    wait(end - time.monotonic())  # a responder that lost its peer sends its own hello now
    return {"messages": 3 * len(routes), "connected": accepted(other)}


def spellings(port: int, seconds: float) -> Load:
    """1,000 spellings of one destination, and 250 other hosts of the attacker."""
    same, where = listener()
    other, there = listener("0.0.0.0", backlog=1024)
    names = [f"{HOST}:{'0' * zeros}{where}" for zeros in range(400)]
    names += [f"[::ffff:{HOST}]:{'0' * zeros}{where}" for zeros in range(400)]
    names += [f"[::FFFF:7f00:0001]:{'0' * zeros}{where}" for zeros in range(100)]
    names += [f"[0:0:0:0:0:ffff:7f00:{'0' * (zeros % 4)}1]:{'0' * zeros}{where}" for zeros in range(100)]
    names += [f"127.0.1.{number}:{there}" for number in range(1, 251)]
    names += [f"127.1:{there}", f"2130706433:{there}", f"0x7f.0.0.1:{there}"]
    peer, end = Peer(port), time.monotonic() + seconds
    with suppress(OSError):
        for name in names:
            peer.send(way(tcp(name), "x"))
    wait(min(3.0, end - time.monotonic()))
    peer.close()
    return {"messages": len(names), "connections": accepted(same), "elsewhere": accepted(other)}
