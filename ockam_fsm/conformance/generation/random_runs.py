"""Random runs from a fixed seed; a failing run is shrunk.

Theory: swarm testing. A run that draws from all stimuli alike seldom repeats one of them often and seldom leaves one
out. So one of three runs draws from all stimuli, the others from a few that are drawn first.

Rule 1: a run is a byte string, a *burst*; each byte stands for a stimulus. It is shrunk by removing parts, the last
        ones first.
Rule 2: a version of the kit draws the same runs in every installation. So no library draws them: Hypothesis mixes
        constants of modules that it takes for local into its draws.
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
"""The number of stimuli of a run that does not draw from all."""
MOST_TRIES = 1000
"""The limit of shrinking; the run that is left then is still a failure."""


def choices(data: bytes, alphabet: Sequence[T]) -> list[T]:
    """The choices that the bytes of a burst stand for."""
    return [alphabet[byte % len(alphabet)] for byte in data]


def shortest(fails: Callable[[bytes], bool], examples: int, length: int) -> bytes | None:
    """The first failing burst among `examples` of at most `length` choices, shrunk; None if none fails."""
    found = next((burst for burst in random_bursts(examples, length) if fails(burst)), None)
    return None if found is None else _shrunk(found, fails)


def random_bursts(examples: int, length: int) -> Iterator[bytes]:
    """`examples` bursts, of half the length to the whole length."""
    for number in range(examples):
        source = shake_256(SEED + number.to_bytes(4, "big")).digest(2 + max(FEW) + length)
        size, few = length // 2 + source[0] % (length - length // 2 + 1), FEW[source[1] % len(FEW)]
        letters, burst = source[2 : 2 + few], source[2 + max(FEW) :][:size]
        yield burst if number % 3 == 0 else bytes(letters[byte % few] for byte in burst)


def _shrunk(burst: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """The burst without parts that are not needed to fail."""
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
