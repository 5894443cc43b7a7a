"""Attacks on memory kept for a peer. Required: the limits of the account hold, and all memory is released."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import repeat

from ockam_fsm.runtime.encoding.frames import MAX_FRAME_BYTES
from tests.attacks.lib import HOST, LARGE, Load, Peer, frame, listener, tcp, wait, way, write_each

MESSAGES = 190


def unfinished_frames(port: int, seconds: float) -> Load:
    """16 connections announce 16 MiB each, send all but the last byte, and wait."""
    end, size, held = time.monotonic() + seconds, 0, []
    almost = MAX_FRAME_BYTES.to_bytes(4, "big") + bytes(MAX_FRAME_BYTES - 1)
    for _ in range(16):
        one = Peer(port)
        held.append(one)
        size += write_each(one, [almost], max(1.0, end - time.monotonic()))[1]
    wait(end - time.monotonic())
    return {"messages": 0, "bytes": size}


def large_dead_letters(port: int, seconds: float) -> Load:
    """190 messages of 16 MiB to an address that does not exist."""
    count, size = write_each(Peer(port), repeat(frame(way("nothing here"), LARGE), MESSAGES), seconds)
    return {"messages": count, "bytes": size}


def large_tracing_contexts(port: int, seconds: float) -> Load:
    """190 messages with a tracing context of 16 MiB to a destination that sends nothing."""
    silent, where = listener()
    one = frame(way(tcp(f"{HOST}:{where}"), "x"), b"", (), "t" * (MAX_FRAME_BYTES - 256))
    count, size = write_each(Peer(port), repeat(one, MESSAGES), seconds)
    silent.close()
    return {"messages": count, "bytes": size}


def large_messages_held(port: int, seconds: float) -> Load:
    """190 messages of 16 MiB to 60 destinations that accept the connection and send nothing."""
    silent = [listener() for _ in range(60)]

    def frames() -> Iterator[bytes]:
        for number in range(MESSAGES):
            yield frame(way(tcp(f"{HOST}:{silent[number % len(silent)][1]}"), "x"), LARGE)

    count, size = write_each(Peer(port), frames(), seconds)
    for listening, _ in silent:
        listening.close()
    return {"messages": count, "bytes": size}


def never_read(port: int, seconds: float) -> Load:
    """A connection asks for echoes of 60 kB and never reads one."""
    batch = frame(way("echo"), bytes(60_000))
    end, count, size = time.monotonic() + seconds, 0, 0
    one = Peer(port, receive_buffer=4096)
    with suppress(OSError):
        while time.monotonic() < end:
            done, written = write_each(one, repeat(batch), max(0.1, end - time.monotonic()))
            count, size = count + done, size + written
            if not done:
                break
    wait(end - time.monotonic())
    return {"messages": count, "bytes": size}
