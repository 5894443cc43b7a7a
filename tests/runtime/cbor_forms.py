"""Messages in every form that the grammar of frames.py allows, for Hypothesis, with cbor2 as the reference.

Rule 1: `written` draws the form of each part separately: the length of a head, definite or indefinite lengths, the
        chunks of a byte string, an optional null at the end.
Left out: forms outside the grammar, of which test_wire.py has examples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cbor2
from hypothesis import strategies as st

from ockam_fsm.runtime.encoding.message import Address, Message, Route

UINT, BYTES, TEXT, ARRAY = 0, 2, 3, 4
BREAK, NULL = b"\xff", b"\xf6"

Draw = Callable[[st.SearchStrategy[Any]], Any]


def head(draw: Draw, major: int, number: int) -> bytes:
    """Return the shortest head, or one of 1, 2, 4 or 8 bytes more in which the number has room."""
    shortest = [] if number > 23 else [bytes((major << 5 | number,))]
    longer = [bytes((major << 5 | 24 + power,)) + number.to_bytes(1 << power, "big")
              for power in range(4) if number < 1 << (8 << power)]  # fmt: skip
    found: bytes = draw(st.sampled_from(shortest + longer))
    return found


def indefinite(major: int) -> bytes:
    return bytes((major << 5 | 31,))


def array(draw: Draw, items: list[bytes]) -> bytes:
    if draw(st.booleans()):
        return indefinite(ARRAY) + b"".join(items) + BREAK
    return head(draw, ARRAY, len(items)) + b"".join(items)


def byte_string(draw: Draw, value: bytes) -> bytes:
    if draw(st.booleans()):
        return head(draw, BYTES, len(value)) + value
    cuts = sorted(draw(st.lists(st.integers(0, len(value)), max_size=3)))
    ends = zip([0, *cuts], [*cuts, len(value)], strict=True)
    chunks = [value[start:end] for start, end in ends]
    return indefinite(BYTES) + b"".join(head(draw, BYTES, len(chunk)) + chunk for chunk in chunks) + BREAK


def route(draw: Draw, addresses: Route) -> bytes:
    return array(
        draw, [array(draw, [head(draw, UINT, kind), byte_string(draw, value)]) for kind, value in addresses]
    )  # fmt: skip


@st.composite
def written(draw: Draw, message: Message) -> bytes:
    """Return the message in a drawn form."""
    parts = [route(draw, message.onward_route), route(draw, message.return_route), byte_string(draw, message.payload)]
    if message.tracing_context is not None:
        text = message.tracing_context.encode()
        parts.append(head(draw, TEXT, len(text)) + text)
    elif draw(st.booleans()):
        parts.append(NULL)
    return array(draw, parts)


@st.composite
def overlong(draw: Draw, message: Message) -> bytes:
    """Return the message with one item too many before the end of an array of indefinite length."""
    more = draw(st.sampled_from((NULL, b"\x00", b"\x40")))
    payload, null = byte_string(draw, message.payload), NULL
    if draw(st.booleans()):
        parts = [route(draw, message.onward_route), route(draw, message.return_route), payload, null, more]
        return indefinite(ARRAY) + b"".join(parts) + BREAK
    address = indefinite(ARRAY) + head(draw, UINT, 0) + byte_string(draw, b"name") + more + BREAK
    onward = array(draw, [address, *(array(draw, [head(draw, UINT, 0), b"\x40"]) for _ in message.onward_route)])
    return array(draw, [onward, route(draw, message.return_route), payload])


def second_opinion(body: bytes) -> Message | None:
    """Return a body as decoded by cbor2; None: it is not a message."""
    try:
        value = cbor2.loads(body)
    except Exception:
        return None
    if not isinstance(value, list) or len(value) not in (3, 4):
        return None
    onward, back = (tuple(Address(*address) for address in way) for way in value[:2])
    return Message(onward, back, *value[2:])


def is_plain(message: Message) -> bool:
    """Whether `decode_plain` has to read the usual form of this message: short heads, no tracing context."""
    addresses = (*message.onward_route, *message.return_route)
    longest = max(len(message.onward_route), len(message.return_route))
    small = all(kind < 24 and len(value) < 256 for kind, value in addresses)
    return message.tracing_context is None and longest < 24 and len(message.payload) < 65536 and small
