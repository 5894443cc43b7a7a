"""Runs that nobody thought of: Hypothesis draws them, and shrinks the one that fails to a shortest one.

Rule 1: a run is a byte string, each byte one of the stimuli. Such a *burst* costs one draw, and shrinks byte by byte.
Rule 2: the same kit draws the same runs. Nothing is kept on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from ockam_fsm.kernel.errors import LocalSessionError

T = TypeVar("T")

NO_HYPOTHESIS = "Hypothesis is not installed: pip install 'ockam-fsm[conformance]', or ask for no examples (examples=0)"


def choices(data: bytes, alphabet: Sequence[T]) -> list[T]:
    """What a burst says."""
    return [alphabet[byte % len(alphabet)] for byte in data]


def shortest(fails: Callable[[bytes], bool], examples: int, length: int) -> bytes | None:
    """A shortest burst that fails, among `examples` of at most `length` choices; None if none does.

    Raises:
        LocalSessionError: Hypothesis is not installed.
    """
    try:
        from hypothesis import HealthCheck, Phase, Verbosity, find, settings
        from hypothesis import strategies as st
        from hypothesis.errors import NoSuchExample
    except ImportError:
        raise LocalSessionError(NO_HYPOTHESIS) from None
    limits = settings(
        max_examples=examples,
        database=None,
        derandomize=True,
        deadline=None,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    try:
        found = find(st.binary(min_size=length // 2, max_size=length), fails, settings=limits)
    except NoSuchExample:
        return None
    return _without_what_is_not_needed(found, fails)


def _without_what_is_not_needed(burst: bytes, fails: Callable[[bytes], bool]) -> bytes:
    """Hypothesis keeps a burst as long as it was asked to be."""
    for place in reversed(range(len(burst))):
        shorter = burst[:place] + burst[place + 1 :]
        if fails(shorter):
            burst = shorter
    return burst
