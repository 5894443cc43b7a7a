"""The plaintext of a transport message of Ockam's secure channel.

    plaintext   [message, padding]            padding   byte string; written empty, ignored when read
    message     [0, [[onward_route, return_route, payload]]]     data
                [1, [[change_history, credentials]]]             credentials again; ignored
                [2, []]                                          close

Rule 1: the input is authentic, since a decryptor returned it. It becomes a value or a `RemoteSessionError`.
Source: Ockam's Rust implementation, commit fb8fb64c (`secure_channel/message.rs`). Routes are those of frames.
Left out: credentials.
"""

from __future__ import annotations

from typing import TypeAlias

from ockam_fsm.kernel.value import value
from ockam_fsm.runtime.encoding.bare import malformed
from ockam_fsm.runtime.encoding.cbor import ARRAY, BYTES, UINT, byte_string, written_head
from ockam_fsm.runtime.encoding.frames import read_route, written_route
from ockam_fsm.runtime.encoding.message import Route
from ockam_fsm.secure.structures import array, check_end, number

_DATA, _CREDENTIALS, _CLOSE = 0, 1, 2
_PADDING = written_head(BYTES, 0)


@value
class Data:
    """A message through a channel: its onward route, its return route, and its payload."""

    onward_route: Route
    return_route: Route
    payload: bytes


@value
class Credentials:
    """The peer presents credentials again. They are not read."""


@value
class Close:
    """The peer has closed the channel."""


Plaintext: TypeAlias = Data | Credentials | Close


def encode_data(data: Data) -> bytes:
    """Return the plaintext of a message.

    Raises:
        LocalSessionError: a route or an address is too long.
    """
    payload = written_head(BYTES, len(data.payload)) + data.payload
    fields = written_head(ARRAY, 3) + written_route(data.onward_route) + written_route(data.return_route) + payload
    return _written(_DATA, written_head(ARRAY, 1) + fields)


def encode_close() -> bytes:
    """Return the plaintext that closes a channel."""
    return _written(_CLOSE, written_head(ARRAY, 0))


def decode_plaintext(plaintext: bytes) -> Plaintext:
    """Decode a decrypted message.

    Raises:
        RemoteSessionError: the peer did not follow the grammar.
    """
    at = array(plaintext, array(plaintext, 0, 2), 2)
    variant, at = number(plaintext, at)
    if variant == _DATA:
        at = array(plaintext, array(plaintext, at, 1), 3)
        onward_route, at = read_route(plaintext, at)
        return_route, at = read_route(plaintext, at)
        payload, at = byte_string(plaintext, at)
        _end(plaintext, at)
        return Data(onward_route, return_route, payload)
    if variant == _CLOSE:
        _end(plaintext, array(plaintext, at, 0))
        return Close()
    if variant == _CREDENTIALS:
        return Credentials()
    raise malformed(f"message of kind {variant} in a secure channel, expected 0, 1 or 2")


def _written(variant: int, fields: bytes) -> bytes:
    return written_head(ARRAY, 2) + written_head(ARRAY, 2) + written_head(UINT, variant) + fields + _PADDING


def _end(plaintext: bytes, at: int) -> None:
    _, at = byte_string(plaintext, at)  # the padding
    check_end(plaintext, at)
