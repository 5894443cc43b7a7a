"""The CBOR data items of Ockam's messages: heads, byte strings, breaks. No I/O.

Source: RFC 8949, section 3. `frames.py` lists the forms that are read and written, and the reasons for own code.

Rule 1: a reader takes the bytes and an offset, and returns a value and the offset after it. Its errors are
        `RemoteSessionError`.
Rule 2: a declared size is compared with the bytes that are present before anything of that size is allocated.
Rule 3: a writer uses the shortest form, and definite lengths only.
"""

from __future__ import annotations

from functools import lru_cache

from ockam_fsm.runtime.encoding.bare import malformed

UINT, BYTES, TEXT, ARRAY = 0, 2, 3, 4
"""Major types: the first three bits of a data item."""

NULL, BREAK = 0xF6, 0xFF
ONE_BYTE_MORE = 24
MAX_CHUNKS = 4096
_INDEFINITE = 31


@lru_cache(maxsize=1024)
def written_head(major: int, number: int) -> bytes:
    """Return the shortest head: the number in its first byte, or in 1, 2, 4 or 8 more."""
    if number < ONE_BYTE_MORE:
        return bytes((major << 5 | number,))
    power = next(power for power in range(4) if number < 1 << (8 << power))
    return bytes((major << 5 | ONE_BYTE_MORE + power,)) + number.to_bytes(1 << power, "big")


def head(body: bytes, at: int, major: int) -> tuple[int | None, int]:
    """Return the number in the head of a data item of this major type (None: indefinite), and the offset after it."""
    if at >= len(body):
        raise malformed(f"ends at offset {at}, in the middle of a message")
    first = body[at]
    if first >> 5 != major:
        raise malformed(f"CBOR type {first >> 5} at offset {at}, expected type {major}")
    number = first & 0x1F
    at += 1
    if number < ONE_BYTE_MORE:
        return number, at
    if number == _INDEFINITE:
        return None, at
    if number > 27:
        raise malformed(f"CBOR head {first:#04x} before offset {at}")
    written, at = take(body, at, 1 << (number - ONE_BYTE_MORE))
    return int.from_bytes(written, "big"), at


def take(body: bytes, at: int, size: int | None) -> tuple[bytes, int]:
    """Return the next `size` bytes and the offset after them; None, an indefinite length, is refused."""
    if size is None:
        raise malformed(f"string of indefinite length before offset {at}")
    end = at + size
    if end > len(body):
        raise malformed(f"{size} bytes announced at offset {at}, {len(body) - at} there")
    return body[at:end], end


def byte_string(body: bytes, at: int) -> tuple[bytes, int]:
    """Return a byte string, whole or in at most `MAX_CHUNKS` chunks, and the offset after it."""
    size, at = head(body, at, BYTES)
    if size is not None:
        return take(body, at, size)
    chunks: list[bytes] = []
    while not is_break(body, at):
        # A chunk is a Python object for as little as one byte, hence a limit; no known node sends chunks.
        if len(chunks) == MAX_CHUNKS:
            raise malformed(f"byte string of more than {MAX_CHUNKS} chunks")
        size, at = head(body, at, BYTES)
        chunk, at = take(body, at, size)
        chunks.append(chunk)
    return b"".join(chunks), at + 1


def is_break(body: bytes, at: int) -> bool:
    """Whether an array or a string of indefinite length ends at this offset."""
    return at < len(body) and body[at] == BREAK


def skip_break(body: bytes, at: int) -> int:
    """Return the offset after a break; anything else is refused."""
    if not is_break(body, at):
        raise malformed(f"no end of the array at offset {at}")
    return at + 1
