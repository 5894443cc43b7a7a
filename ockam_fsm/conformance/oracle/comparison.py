"""Compares the outputs of two ends in one step.

Rule 1: within one step the order counts among data, among notices and among deliveries; that of other outputs does
        not count.
Rule 2: an error for a message at an address that has ended is allowed, and not required (clause 14.4).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ockam_fsm.runtime.encoding.message import Address

MOST_SHOWN_BYTES = 64


class ComparedOutput(NamedTuple):
    """One output in comparable form. `channel`: outputs of the channels in `ORDERED` are compared in order."""

    channel: str
    kind: str
    what: tuple[Hashable, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(_shown(part) for part in self.what)
        return f"{self.kind}({shown})" if shown else self.kind


def _shown(part: object) -> str:
    if isinstance(part, tuple) and part and isinstance(part[0], Address):
        return " ".join(map(str, part))
    if isinstance(part, bytes):
        return excerpt(part, MOST_SHOWN_BYTES)
    return str(part)


def excerpt(data: bytes, most_bytes: int) -> str:
    """The beginning of some bytes: as text if it is printable ASCII, else in hexadecimal."""
    start = data[:most_bytes]
    text = start.decode("ascii") if start.isascii() and start.decode("ascii").isprintable() else start.hex()
    return text + ("..." if len(data) > most_bytes else "")


ORDERED = ("data", "notice", "delivered")


@dataclass(frozen=True)
class Difference:
    """A difference between target and reference in one step. `kind`: of the output that differs."""

    problem: str
    kind: str = ""
    detail: str = ""
    parts: tuple[str, ...] = ()
    """The parts of the output that differ."""

    def __str__(self) -> str:
        return _TEXTS[self.problem].format(self.detail or self.kind)


MISSING, UNEXPECTED, CHANGED, REORDERED = "missing", "unexpected", "different", "out of order"
REFUSED, NOT_REFUSED, RAISED, LOST, REPEATED = "refused", "not refused", "exception", "lost", "address not fresh"

_TEXTS: Mapping[str, str] = {
    MISSING: "expected {}; none came",
    UNEXPECTED: "unexpected {}",
    CHANGED: "expected {}",
    REORDERED: "expected the order {}",
    REFUSED: "expected the order to be accepted; it was refused: {}",
    NOT_REFUSED: "expected the order to be refused; it was accepted",
    RAISED: "exception {}",
    LOST: "target lost: {}",
    REPEATED: "expected a fresh address; got {} again",
}
"""The texts of differences; the braces stand for `Difference.detail`."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "hello": ("session id", "generation", "own route", "onward route", "return route"),
    "answer": ("session id", "generation", "worker", "resumed", "onward route", "return route"),
    "superseded": ("session id", "number", "address", "onward route", "outer route"),
    "keepalive": ("onward route", "return route"),
    "keepalive answer": ("onward route", "return route"),
    "close": ("onward route", "return route"),
    "data": ("payload", "way beyond", "way behind", "onward route", "return route", "tracing context"),
    "delivery": ("payload", "way beyond", "outer route"),
    "established": ("number", "starter", "resumed"),
    "closed": ("reason",),
}


def _changed(expected: ComparedOutput, actual: ComparedOutput) -> tuple[str, ...]:
    names = PARTS.get(expected.kind, ())
    if len(expected.what) != len(actual.what):
        return names[:1]
    pairs = zip(names, expected.what, actual.what, strict=False)
    return tuple(name for name, one, other in pairs if one != other)


def compare_outputs(
    expected: Sequence[ComparedOutput], actual: Sequence[ComparedOutput], error_to: Hashable = None
) -> Iterator[Difference]:
    """The outputs that are missing, unexpected, different or out of order. `error_to`: the return route of an error
    that is allowed (Rule 2)."""
    sent = [one for one in actual if not (one.kind == "error" and error_to is not None and one.what == (error_to,))]
    missing = list((Counter(expected) - Counter(sent)).elements())
    surplus = list((Counter(sent) - Counter(expected)).elements())
    for one in missing:
        other = next((two for two in surplus if two.kind == one.kind), None)
        if other is None:
            yield Difference(MISSING, one.kind, str(one))
        else:
            surplus.remove(other)
            yield Difference(CHANGED, one.kind, f"{one}; got {other}", _changed(one, other))
    yield from (Difference(UNEXPECTED, one.kind, str(one)) for one in surplus)
    if missing or surplus:
        return
    for channel in ORDERED:
        ours, theirs = ([one for one in some if one.channel == channel] for some in (expected, sent))
        if ours != theirs:
            yield Difference(REORDERED, channel, f"{', '.join(map(str, ours))}; got {', '.join(map(str, theirs))}")
