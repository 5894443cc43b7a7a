"""The claims of the TLC models: each is an operator of `spec/tla`, named after the property that it states.

Rule 1: the property that rejects a known-bad machine stands in its `KnownBad`; its claim follows from that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ockam_fsm.checking.known_bad import Checker, KnownBad


def property_of(claim: str) -> str:
    """Return the id of the property that a claim states or, for a witness, negates."""
    return claim.removeprefix("Never_").partition("_")[0]


def claim_of(bad: KnownBad, claims: Sequence[str], chosen: str = "") -> str:
    """Return the claim that states the property of a known-bad machine. `chosen`: which, if several do."""
    (found,) = (one for one in claims if property_of(one) == bad.property and chosen in ("", one))
    return found


def checked_by_tlc(machines: Iterable[KnownBad]) -> Iterator[KnownBad]:
    return (one for one in machines if one.is_rejected_by(Checker.TLC))
