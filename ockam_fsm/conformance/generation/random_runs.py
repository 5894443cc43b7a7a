"""Runs that nobody thought of: drawn from a fixed seed, and the one that fails is shrunk to a shortest one.

Theory: swarm testing. A run that uses all stimuli alike seldom does one of them often, nor leaves one out. So of three
runs one draws from everything, the others from a few stimuli that are drawn first.

Rule 1: a run is a byte string, a *burst*, each byte one of the stimuli. It shrinks by parts, the last ones first.
Rule 2: the same kit draws the same runs, however it is installed, and whatever else is loaded. So no library draws
        them: Hypothesis mixes constants of the modules that it takes for local into what it draws.
Source: A. Groce et al., Swarm Testing, ISSTA 2012; A. Zeller, R. Hildebrandt, Simplifying and Isolating
        Failure-Inducing Input (ddmin), 2002.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import shake_256
from typing import TypeVar

T = TypeVar("T")
SEED = b"ockam_fsm conformance"
FEW = (2, 4, 8, 16)
"""How many stimuli a run draws from that does not draw from all."""
MOST_TRIES = 1000
"""Of shrinking. What is left then is a failure all the same."""


def choices(data: bytes, alphabet: Sequence[T]) -> list[T]:
    """What a burst says."""
    return [alphabet[byte % len(alphabet)] for byte in data]


def shortest(fails: Callable[[bytes], bool], examples: int, length: int) -> bytes | None:
    """A shortest burst that fails, among `examples` of at most `length` choices; None if none does."""
    found = next((burst for burst in drawn(examples, length) if fails(burst)), None)
    return None if found is None else _shrunk(found, fails)


def drawn(examples: int, length: int) -> Iterator[bytes]:
    """So many bursts, of half the length to all of it."""
    for number in range(examples):
        source = shake_256(SEED + number.to_bytes(4, "big")).digest(2 + max(FEW) + length)
        size, few = length // 2 + source[0] % (length - length // 2 + 1), FEW[source[1] % len(FEW)]
        letters, burst = source[2 : 2 + few], source[2 + max(FEW) :][:size]
        yield burst if number % 3 == 0 else bytes(letters[byte % few] for byte in burst)


def _shrunk(burst: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Without what is not needed."""
    tries = 0

    def still(candidate: bytes) -> bool:
        nonlocal tries
        tries += 1
        return tries <= MOST_TRIES and fails(candidate)

    part = len(burst) // 2
    while part:
        place = len(burst) - part
        while place >= 0:
            shorter = burst[:place] + burst[place + part :]
            if still(shorter):
                burst = shorter
            place -= part
        part //= 2
    return burst
