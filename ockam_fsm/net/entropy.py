"""Where a real node gets what must not be guessed: the operating system (`os.urandom` is what `secrets` asks)."""

from __future__ import annotations

from os import urandom
from random import random

from ockam_fsm.runtime.encoding.message import LOCAL, Address
from ockam_fsm.runtime.session.link import Purpose

ADDRESS_BYTES = 16


class SystemEntropy:
    """Addresses of 128 random bits, as text (profile `ockam` names workers in UTF-8). Jitter need not be secret."""

    def address(self, number: int, starter: int, purpose: Purpose) -> Address:
        return Address(LOCAL, urandom(ADDRESS_BYTES).hex().encode())

    def fraction(self) -> float:
        return random()
