"""The part of BARE that Ockam's handshakes and streams use: a strict reader, and writers.

Source: BARE, draft-devault-bare, and what a real Ockam Elixir node sends (`tests/vectors/ockam-elixir-wire.json`).

    uint       little-endian base-128 varint of at most 64 bits, shortest form only
    u8, bool   one byte; bool is 00 or 01
    data       uint length, bytes; `fixed` has no length
    string     data that is UTF-8
    optional   00, or 01 and the value
    list       uint count, then the elements
    struct     its fields one after the other: read them, or concatenate them, in order
    enum       uint, one of the declared numbers
    union      uint tag, then the body of that member

Rule 1: every value has exactly one encoding; the reader refuses all others, so accepted bytes can be decoded and
        encoded again without change.
Rule 2: a declared size is compared with the bytes that are present before anything of that size is allocated.
Rule 3: errors of the reader are `RemoteSessionError`, those of the writers are `LocalSessionError`.

Left out, because nothing here uses it: signed and fixed-width numbers, floats, maps, void. This is own code, because
the two BARE packages that exist accept non-canonical varints or stop in a debugger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import TypeVar

from ockam_fsm.kernel.errors import LocalSessionError, RemoteSessionError

MALFORMED = "malformed"
MAX_UINT = 2**64 - 1
MAX_UINT_BYTES = 10
_ONE_BYTE = tuple(bytes((number,)) for number in range(0x80))

T = TypeVar("T")
E = TypeVar("E", bound=IntEnum)


def malformed(detail: str) -> RemoteSessionError:
    return RemoteSessionError(MALFORMED, detail)


class Reader:
    """Reads the values of `payload` in order; call `end` after the last one."""

    __slots__ = ("_at", "_payload")

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    def fixed(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._payload):
            raise malformed(f"{size} bytes announced at offset {self._at}, {len(self._payload) - self._at} there")
        taken = self._payload[self._at : end]
        self._at = end
        return taken

    def u8(self) -> int:
        at = self._at
        if at >= len(self._payload):
            raise malformed(f"1 byte expected at offset {at}, 0 there")
        self._at = at + 1
        return self._payload[at]

    def uint(self) -> int:
        at, payload = self._at, self._payload
        if at < len(payload) and payload[at] < 0x80:  # nearly every length and count
            self._at = at + 1
            return payload[at]
        return self._long_uint()

    def _long_uint(self) -> int:
        value = 0
        for position in range(MAX_UINT_BYTES):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                if byte == 0 and position > 0:
                    raise malformed(f"varint with a redundant last byte before offset {self._at}")
                if value > MAX_UINT:
                    break
                return value
        raise malformed(f"varint of more than 64 bits before offset {self._at}")

    def boolean(self) -> bool:
        byte = self.u8()
        if byte > 1:
            raise malformed(f"{byte:#04x} where a bool or an optional begins")
        return byte == 1

    def data(self, limit: int | None = None) -> bytes:
        size = self.uint()
        if limit is not None and size > limit:
            raise malformed(f"data of {size} bytes, limit {limit}")
        return self.fixed(size)

    def string(self, limit: int | None = None) -> str:
        try:
            return self.data(limit).decode()
        except UnicodeDecodeError as error:
            raise malformed(f"string is not UTF-8: {error.reason}") from None

    def optional(self, read: Callable[[], T]) -> T | None:
        return read() if self.boolean() else None

    def sequence(self, read: Callable[[], T], limit: int | None = None) -> tuple[T, ...]:
        count = self.uint()
        # No element that is used here is shorter than one byte, so a count beyond the rest is false.
        allowed = len(self._payload) - self._at if limit is None else limit
        if count > allowed:
            raise malformed(f"list of {count} elements, at most {allowed} possible")
        return tuple([read() for _ in range(count)])

    def enum(self, kind: type[E]) -> E:
        number = self.uint()
        try:
            return kind(number)
        except ValueError:
            raise malformed(f"{number} is not a {kind.__name__}") from None

    def end(self) -> None:
        rest = len(self._payload) - self._at
        if rest:
            raise malformed(f"{rest} bytes after the end of the value")


def uint(value: int) -> bytes:
    if 0 <= value < 0x80:
        return _ONE_BYTE[value]
    if not 0 <= value <= MAX_UINT:
        raise LocalSessionError(f"{value} does not fit a uint of 64 bits")
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def u8(value: int) -> bytes:
    if not 0 <= value <= 0xFF:
        raise LocalSessionError(f"{value} does not fit one byte")
    return bytes((value,))


def boolean(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


def data(value: bytes, limit: int | None = None) -> bytes:
    if limit is not None and len(value) > limit:
        raise LocalSessionError(f"{len(value)} bytes, limit {limit}")
    return uint(len(value)) + value


def fixed(value: bytes, size: int) -> bytes:
    if len(value) != size:
        raise LocalSessionError(f"{len(value)} bytes, expected exactly {size}")
    return value


def string(value: str, limit: int | None = None) -> bytes:
    try:
        return data(value.encode(), limit)
    except UnicodeEncodeError as error:
        raise LocalSessionError(f"text that UTF-8 cannot encode: {error.reason}") from None


def optional(value: T | None, write: Callable[[T], bytes]) -> bytes:
    return b"\x00" if value is None else b"\x01" + write(value)


def sequence(values: Sequence[T], write: Callable[[T], bytes], limit: int | None = None) -> bytes:
    if limit is not None and len(values) > limit:
        raise LocalSessionError(f"{len(values)} elements, limit {limit}")
    return uint(len(values)) + b"".join(map(write, values))
