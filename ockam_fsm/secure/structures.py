"""Ockam's structures and variants as CBOR arrays of known length, for identities and plaintexts.

    structure   array of its fields              variant   [number, [fields]]
    optional    null or the value; may be omitted at the end of a structure

Rule: lengths are definite, as Ockam's encoder writes them.
Source: minicbor's array encoding, as the published identities of Ockam have it.
"""

from __future__ import annotations

from ockam_fsm.runtime.encoding.bare import malformed
from ockam_fsm.runtime.encoding.cbor import ARRAY, BYTES, NULL, UINT, head, take, written_head

WRITTEN_NULL = bytes((NULL,))
_FALSE, _TRUE = 0xF4, 0xF5


def array(body: bytes, at: int, fewest: int, most: int | None = None) -> int:
    """Return the offset of the first element of an array with an allowed number of elements."""
    return read_count(body, at, fewest, most)[1]


def read_count(body: bytes, at: int, fewest: int, most: int | None = None) -> tuple[int, int]:
    """Return the number of elements of an array, and the offset of the first."""
    start = at
    count, at = head(body, at, ARRAY)
    most = fewest if most is None else most
    if count is None or not fewest <= count <= most:
        allowed = f"{fewest}" if most == fewest else f"{fewest} to {most}"
        raise malformed(f"array of {count} elements at offset {start}, expected {allowed}")
    return count, at


def number(body: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned number of at most 64 bits."""
    found, after = head(body, at, UINT)
    if found is None:
        raise malformed(f"integer of indefinite length at offset {at}")
    return found, after


def read_fixed(body: bytes, at: int, size: int) -> tuple[bytes, int]:
    """Read a byte string of exactly this size."""
    found, after = blob(body, at, size)
    if len(found) != size:
        raise malformed(f"byte string of {len(found)} bytes at offset {at}, expected {size}")
    return found, after


def blob(body: bytes, at: int, most: int) -> tuple[bytes, int]:
    """Read a byte string of at most this size, in one piece."""
    size, after = head(body, at, BYTES)
    if size is not None and size > most:
        raise malformed(f"byte string of {size} bytes at offset {at}, limit {most}")
    return take(body, after, size)


def boolean(body: bytes, at: int) -> tuple[bool, int]:
    """Read a boolean."""
    if at >= len(body) or body[at] not in (_FALSE, _TRUE):
        raise malformed(f"neither true nor false at offset {at}")
    return body[at] == _TRUE, at + 1


def is_null(body: bytes, at: int) -> bool:
    """True if an optional value is null."""
    return at < len(body) and body[at] == NULL


def only_variant(body: bytes, at: int, size: int, what: str) -> tuple[bytes, int]:
    """Read the bytes of a key or a signature: `[0, [bytes]]`. Only variant 0, Curve25519, is supported."""
    at = array(body, at, 2)
    variant, at = number(body, at)
    if variant != 0:
        raise malformed(f"{what} of kind {variant}; only kind 0 (Curve25519) is supported")
    return read_fixed(body, array(body, at, 1), size)


def check_end(body: bytes, at: int) -> None:
    """Refuse bytes after the end."""
    if at != len(body):
        raise malformed(f"{len(body) - at} bytes after the end of the value")


def written_structure(*fields: bytes) -> bytes:
    """Encode an array of encoded fields."""
    return written_head(ARRAY, len(fields)) + b"".join(fields)


def written_bytes(content: bytes) -> bytes:
    """Encode a byte string."""
    return written_head(BYTES, len(content)) + content


def written_number(value: int) -> bytes:
    """Encode an unsigned number of at most 64 bits."""
    return written_head(UINT, value)


def written_variant(content: bytes) -> bytes:
    """Encode a key or a signature as variant 0, the only one of its type here (`only_variant`)."""
    return written_structure(written_number(0), written_structure(written_bytes(content)))


def written_boolean(value: bool) -> bytes:
    """Encode a boolean."""
    return bytes((_TRUE if value else _FALSE,))
