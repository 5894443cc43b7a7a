"""Floods: as many messages as a connection takes. Required: an honest client waits for its own messages only."""

from __future__ import annotations

from ockam_fsm.runtime.encoding.gate import MAX_ACCEPTED_ROUTE
from tests.attacks.lib import Load, frame, peers, pour, way


def _flood(port: int, seconds: float, connections: int, one: bytes, in_batch: int = 1000) -> Load:
    batch = one * in_batch
    written = pour(peers(port, connections), lambda: batch, seconds)
    return {"messages": written // len(one), "bytes": written}


def echo_from_20(port: int, seconds: float) -> Load:
    """20 connections send small messages to the echo worker, and read the answers."""
    return _flood(port, seconds, 20, frame(way("echo"), bytes(20)))


def echo_from_1(port: int, seconds: float) -> Load:
    """One connection does the same."""
    return _flood(port, seconds, 1, frame(way("echo"), bytes(20)))


def unknown_addresses(port: int, seconds: float) -> Load:
    """4 connections send small messages to an address that does not exist: dead letters."""
    return _flood(port, seconds, 4, frame(way("nothing here"), bytes(20)))


def hops_126(port: int, seconds: float) -> Load:
    """One connection sends frames with 126 local hops each: more than the gate accepts."""
    return _flood(port, seconds, 1, frame(way(*["hop"] * 126, "echo")), 20)


def hops_119(port: int, seconds: float) -> Load:
    """One connection sends frames that take 119 local hops each, the most that the gate accepts."""
    return _flood(port, seconds, 1, frame(way(*["hop"] * (MAX_ACCEPTED_ROUTE - 1), "echo")), 20)


def empty_frames(port: int, seconds: float) -> Load:
    """4 connections send frames without content, which are ignored."""
    return _flood(port, seconds, 4, bytes(4), 1 << 16)
