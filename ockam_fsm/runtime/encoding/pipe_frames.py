"""The frames and confirmations of pipes, in the encoding of Ockam's pipes.

    frame          the BARE struct {number: uint, message: data}; the message in its encoding (frames.py)
    confirmation   the BARE uint number, along the return route of the frame

All pipes write the same frame: Ockam's resend and confirm pipes call the number `ref`, its index pipes `index`.

Rule 1: as in `bare.py`: one encoding per value; a reading error is a `RemoteSessionError`.
Source: read in Ockam's source (`Ockam.Messaging.ConfirmPipe.Wrapper`, `Ockam.Messaging.IndexPipe.Wrapper`);
spec/sessions.md clause 17.2.
"""

from __future__ import annotations

from typing import NamedTuple

from ockam_fsm.runtime.encoding import bare


class Frame(NamedTuple):
    """A message in a pipe. `message` is opaque here."""

    number: int
    message: bytes


def encode_frame(frame: Frame) -> bytes:
    return bare.uint(frame.number) + bare.data(frame.message)


def decode_frame(payload: bytes) -> Frame:
    """Return the frame. Raises RemoteSessionError unless `payload` is exactly one."""
    reader = bare.Reader(payload)
    frame = Frame(reader.uint(), reader.data())
    reader.end()
    return frame


def encode_confirmation(number: int) -> bytes:
    return bare.uint(number)


def decode_confirmation(payload: bytes) -> int:
    """Return the confirmed number. Raises RemoteSessionError unless `payload` is exactly one confirmation."""
    reader = bare.Reader(payload)
    number = reader.uint()
    reader.end()
    return number
