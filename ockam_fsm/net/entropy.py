"""The entropy of a real node: `os.urandom`, the source of the module `secrets`."""

from __future__ import annotations

from os import urandom
from random import random

from ockam_fsm.runtime.encoding.message import LOCAL, Address
from ockam_fsm.runtime.session.link import Purpose

ADDRESS_BYTES = 16


class SystemEntropy:
    """Random addresses of 128 bits, in hexadecimal digits (profile `ockam` requires UTF-8), and jitter (not secret)."""

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        return Address(LOCAL, urandom(ADDRESS_BYTES).hex().encode())

    def fraction(self) -> float:
        return random()
