"""Cases about connections to the node under test and their frames: the version byte, accepted and refused messages.

Source: clauses 14.1 and 14.4; `tests/vectors/ockam-elixir-wire.json` for messages of stock nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ockam_fsm.conformance.report.findings import Severity
from ockam_fsm.conformance.wire.case import Case, Manner, case, no_echo
from ockam_fsm.conformance.wire.case_context import (
    CaseContext,
    Deviation,
    KitRun,
    NotApplicable,
    any_hello,
    frame,
    fresh,
    payload,
)
from ockam_fsm.net.raw_peer import Ended, pause
from ockam_fsm.runtime.encoding.frames import MAX_FRAME_BYTES, VERSION, encode_frame, encode_message
from ockam_fsm.runtime.encoding.message import Address, Message, Route, local

CASES: list[Case] = []
ROBUSTNESS, LIVENESS, SAFETY, LEAK = Severity.ROBUSTNESS, Severity.LIVENESS, Severity.SAFETY, Severity.LEAK
VERSION_SECONDS = 5.0
"""Clause 14.1: how long a connection may stay without a version byte."""
EncodeMalformed: TypeAlias = Callable[[bytes, bytes, bytes], bytes]
"""Returns a message body made of an encoded onward route, return route and payload."""


@case("14.1", ROBUSTNESS, Manner.PLAIN, into=CASES)
async def version_byte(context: CaseContext) -> str:
    """On a new connection the node sends the version byte 01 without waiting for the peer's."""
    wire = await context.bare_wire()
    try:
        version = await wire.peer.version(context.patience)
    except (TimeoutError, Ended):
        raise Deviation(wire.missing("a version byte on a new connection")) from None
    context.record.received(wire.name, version, "version byte")
    if version != VERSION:
        raise Deviation(f"expected the version byte 01; got {version.hex()}")
    return "version byte 01"


@case("14.1", ROBUSTNESS, Manner.PLAIN, lacks=no_echo, into=CASES)
async def echo(context: CaseContext) -> str:
    """A plain message to the echo worker comes back: the node handles frames, CBOR and return routes."""
    wire = await context.wire()
    back, data = fresh("back"), payload()
    wire.send((local(context.target.echo),), data, (back,), "to the echo worker")
    message = await wire.need(back, what="a reply of the echo worker")
    if message.payload != data:
        raise Deviation(f"expected the echo {data.hex()}; got {message.payload.hex()}")
    return "a message to the echo worker comes back over its connection"


@case("14.1", ROBUSTNESS, into=CASES)
async def wrong_version(context: CaseContext) -> str:
    """A connection that begins with another byte than 01 is closed."""
    for byte in (b"\x02", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
        wire = await context.bare_wire()
        wire.raw(byte, f"version byte {byte[:1].hex()}")
        if not await wire.closes():
            raise Deviation(f"expected a connection that begins with {byte[:1].hex()} to be closed; it stays open")
    return "closed after 02, and after the first byte of a TLS and of an HTTP client"


@case("14.1", LEAK, Manner.PATIENT, into=CASES)
async def no_version(context: CaseContext) -> str:
    """A connection on which the peer sends no version byte is closed after 5 s."""
    wire = await context.bare_wire()
    context.record.note("the kit sends nothing", wire.name)
    if not await wire.closes(VERSION_SECONDS):
        raise Deviation(f"expected a silent connection to be closed after {VERSION_SECONDS:g} s; it is still open")
    return "a silent connection is closed"


@case("14.1", ROBUSTNESS, into=CASES)
async def oversized_frame(context: CaseContext) -> str:
    """A frame of more than 16 MiB closes the connection before its body is read."""
    wire = await context.wire()
    wire.raw((MAX_FRAME_BYTES + 1).to_bytes(4, "big"), "length of 16 MiB + 1")
    if not await wire.closes():
        raise Deviation("expected the connection to be closed at a length of 16 MiB + 1; it stays open for the body")
    return "a frame of 16 MiB + 1 closes the connection at its length"


@case("14.1", ROBUSTNESS, into=CASES)
async def empty_frames(context: CaseContext) -> str:
    """Frames of length 0 are ignored."""
    wire = await context.wire()
    wire.raw(bytes(4) * 3, "three frames of length 0")
    if not await wire.echoes(note=True):
        raise Deviation(wire.missing("a reply after frames of length 0"))
    return "frames of length 0 are ignored"


@case("14.1", ROBUSTNESS, into=CASES)
async def frames_in_pieces(context: CaseContext) -> str:
    """The node reads a frame that arrives byte by byte, and several frames that arrive together."""
    wire = await context.wire()
    first, second = fresh("first"), fresh("second")
    slowly = answerable(context, first)
    context.record.sent(wire.name, slowly, "a frame, byte by byte")
    for at in range(len(slowly)):
        wire.peer.send(slowly[at : at + 1])
        await wire.peer.flushed(context.patience)
        await pause(0)
    await wire.need(first, what="a reply to a frame sent byte by byte")
    wire.raw(b"".join(answerable(context, second) for _ in range(3)), "three frames at once")
    for _ in range(3):
        await wire.need(second, what="a reply to each of three frames sent together")
    return "replies to a frame sent byte by byte and to three sent together"


READABLE: dict[str, EncodeMalformed] = {
    "3 elements": lambda onward, back, data: b"\x83" + onward + back + data,
    "indefinite arrays": lambda onward, back, data: b"\x9f\x9f" + onward[1:] + b"\xff" + back + data + b"\xf6\xff",
    "a chunked byte string": lambda onward, back, data: b"\x84" + onward + back + b"\x5f" + data + b"\xff\xf6",
    "an integer not in its shortest form": lambda onward, back, data: (
        b"\x84" + onward.replace(b"\x82\x00", b"\x82\x18\x00", 1) + back + data + b"\xf6"
    ),
}
"""Forms that a node has to accept (clause 14.1, *In*)."""

UNREADABLE: dict[str, EncodeMalformed] = {
    "text in place of bytes": lambda onward, back, data: b"\x84" + onward + back + b"\x61x\xf6",
    "a map": lambda onward, back, data: b"\xa0",
    "a tag": lambda onward, back, data: b"\xc0\x84" + onward + back + data + b"\xf6",
    "5 elements": lambda onward, back, data: b"\x85" + onward + back + data + b"\xf6\xf6",
    "bytes after the message": lambda onward, back, data: b"\x84" + onward + back + data + b"\xf6\x00",
    "a float": lambda onward, back, data: b"\x84" + onward + back + b"\xf9\x3c\x00\xf6",
    "an address type above 255": lambda onward, back, data: (
        b"\x84" + onward.replace(b"\x82\x00", b"\x82\x19\x01\x00", 1) + back + data + b"\xf6"
    ),
    "a body that ends early": lambda onward, back, data: b"\x84" + onward + back,
    "no CBOR at all": lambda onward, back, data: b"\xff\xff\xff\xff",
}
"""Forms that a node has to refuse (clause 14.1)."""


@case("14.1", ROBUSTNESS, lacks=no_echo, into=CASES)
async def other_forms(context: CaseContext) -> str:
    """The node reads the forms that stock nodes write: 3 elements, indefinite arrays, chunks, longer integers."""
    for name, make in READABLE.items():
        wire = await context.wire()
        back = fresh("back")
        wire.raw(encode_frame(make(*parts((local(context.target.echo),), (back,), b"other form"))), name)
        await wire.need(back, what=f"a reply to a message with {name}")
        wire.peer.abort()
    return f"accepted: {', '.join(READABLE)}"


@case("14.1", ROBUSTNESS, lacks=no_echo, into=CASES)
async def unreadable_frames(context: CaseContext) -> str:
    """The node refuses every other form of a message and acts on no part of it."""
    for name, make in UNREADABLE.items():
        wire = await context.wire()
        back = fresh("back")
        wire.raw(encode_frame(make(*parts((local(context.target.echo),), (back,), b"unreadable"))), name)
        if await wire.silent(back) is not None:
            raise Deviation(f"expected no reply to a message with {name}; got one")
        wire.peer.abort()
    return f"refused: {', '.join(UNREADABLE)}"


@case("14.4", SAFETY, into=CASES)
async def truncated_frame(context: CaseContext) -> str:
    """A connection that ends in the middle of a frame harms nothing else."""
    whole = answerable(context, fresh("cut"))
    for at in (2, 5, len(whole) // 2, len(whole) - 1):
        wire = await context.wire()
        wire.raw(whole[:at], f"{at} of {len(whole)} bytes, then a reset")
        await wire.peer.flushed(context.patience)
        wire.peer.reset()
    return "four connections were reset in the middle of a frame"


@case("14.4", SAFETY, into=CASES)
async def reconnects(context: CaseContext) -> str:
    """Thirty connections that are opened and closed at once, half of them with a reset, harm nothing else."""
    for number in range(30):
        wire = await context.bare_wire()
        wire.peer.send(VERSION if number % 3 else b"")
        wire.peer.reset() if number % 2 else wire.peer.abort()
    context.record.note("30 connections are opened and closed")
    wire = await context.wire()
    if not await wire.echoes(note=True):
        raise Deviation(wire.missing("a reply on a new connection after 30 short ones"))
    return "a new connection works"


@case("14.4", SAFETY, into=CASES)
async def unknown_addresses(context: CaseContext) -> str:
    """A message to an address that does not exist, or to none, gets no reply and harms nothing else."""
    wire = await context.wire()
    back = fresh("back")
    for onward in ((fresh("nobody"),), (), (Address(77, b"x"),), (local(""),)):
        wire.send(onward, b"\x06\x00\x00\x01x", (back,), f"to {', '.join(map(str, onward)) or 'no address'}")
    if (message := await wire.silent(back)) is not None:
        raise Deviation(f"expected no reply to an undeliverable message; got {message.payload[:40].hex()}")
    return "undeliverable messages get no reply"


@case("14.4", SAFETY, into=CASES)
async def flood(context: CaseContext) -> str:
    """A thousand undeliverable messages on one connection stop neither it nor the others."""
    wire = await context.wire()
    for _ in range(10):
        wire.raw(frame(Message((fresh("nobody"),), (), b"x" * 100)) * 100, "100 undeliverable messages")
    if not await wire.peer.flushed(context.patience) or not await wire.echoes(note=True):
        raise Deviation(wire.missing("a reply after 1000 undeliverable messages"))
    return "the connection works after 1000 undeliverable messages"


def answerable(context: CaseContext, back: Address) -> bytes:
    """A frame that gets a reply at `back`: for the echo worker, or a hello for the spawner."""
    target = context.target
    if target.echo:
        return frame(Message((local(target.echo),), (back,), b"in pieces"))
    return frame(Message((target.host,), (back,), any_hello(context.run, back)))


def parts(onward: Route, back: Route, data: bytes) -> tuple[bytes, bytes, bytes]:
    """The first three elements of a message body, encoded."""
    none: Route = ()
    return (
        encode_message(Message(onward, none, b""))[1:-3],
        encode_message(Message(none, back, b""))[2:-2],
        encode_message(Message(none, none, data))[3:-1],
    )


def writes(run: KitRun) -> str:
    """Judge the form of every message that the node wrote in this run. Not a case of its own."""
    if not run.heard:
        raise NotApplicable("the node wrote no message")
    if run.unwritable:
        raise Deviation(
            f"expected messages of 4 elements in definite and shortest forms; the node wrote: {run.unwritable}"
        )
    return f"all {run.heard} messages of the node have 4 elements in definite and shortest forms"
