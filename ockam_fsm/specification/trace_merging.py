"""The traces of several nodes as one, in causal order, without a clock.

Theory: each node writes its own records, in its order. Nodes meet in messages only, and a message has an identity: what
it says, with addresses that nobody else has. So a record may stand wherever its node's order allows it and everything
that it received has been sent. What a judge finds does not depend on which of these orders it is given, but for errors.

Rule 1: what arrives for the n-th time stands after it was sent n times; where messages may be duplicated, after it was
        sent once.
Rule 2: an error stands as late as it may. It says that an address is gone at another node, which no trace shows; what
        is gone there stays gone.
Rule 3: the first file goes first wherever either may: the same files, the same order.
Rule 4: a record that nothing explains is put where the judge will meet it, and is never left out.
Left out: one node in two files. A process that is started again goes on with the file of the one before it.
Source: spec/traces/README.md.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ockam_fsm.specification.trace_reading import ROLES, Record, Said, TraceError, read_part

UNSENT = ("error", "unreadable")
"""What no session has sent."""


class MergeError(TraceError):
    """One of the traces cannot be read, or does not go with those before it: `which` counts from 0."""

    def __init__(self, which: int, line: int, detail: str) -> None:
        super().__init__(line, detail)
        self.which = which


class Origin(NamedTuple):
    """Where a line comes from; lines count from 1."""

    which: int
    line: int


@dataclass(frozen=True)
class Merged:
    """One trace; `origins` has a place for each line but the first, the header."""

    lines: tuple[bytes, ...]
    origins: tuple[Origin, ...]

    def origin(self, line: int) -> Origin:
        """Where a line of the whole comes from."""
        return self.origins[line - 2] if line > 1 else Origin(0, 1)


class _Part:
    """What is left of one trace."""

    def __init__(self, which: int, lines: Sequence[bytes]) -> None:
        self.which, self.lines = which, lines
        try:
            self.head, records = read_part(lines)
            self.records = list(records)
        except TraceError as error:
            raise MergeError(which, error.line, error.detail) from None
        self.at = 0

    @property
    def next(self) -> Record | None:
        return self.records[self.at] if self.at < len(self.records) else None


def merge(traces: Iterable[Sequence[bytes]], allowed: Iterable[str] = ()) -> Merged:
    """Traces of nodes that had the same sessions, as one. `allowed`: faults beyond those that their headers name.

    Raises:
        MergeError: a trace cannot be read, or is not of the same sessions as those before it.
    """
    parts = [_Part(which, lines) for which, lines in enumerate(traces)]
    _require_own_nodes(parts)
    head = _header(parts, allowed)
    order = list(_ordered(parts, "duplicate" in head["faults"]))
    lines = (parts[one.which].lines[one.line - 1] for one in order)
    return Merged((json.dumps(head).encode() + b"\n", *lines), tuple(order))


def _require_own_nodes(parts: Sequence[_Part]) -> None:
    seen: dict[str, int] = {}
    for part in parts:
        for record in part.records:
            if seen.setdefault(record.node, part.which) != part.which:
                raise MergeError(
                    part.which,
                    record.line,
                    f"node {record.node!r} is in another trace as well; of a trace in several files name the newest",
                )


def _header(parts: Sequence[_Part], allowed: Iterable[str]) -> dict[str, Any]:
    """One header for all: every limit that any of them knows, every fault that any of them names."""
    limits: dict[str, Any] = {}
    for part in parts:
        if part.head["type"] != parts[0].head["type"]:
            raise MergeError(part.which, 1, f"its sessions are {part.head['type']}, not {parts[0].head['type']}")
        for role, found in part.head["limits"].items():
            if limits.setdefault(role, found) != found:
                raise MergeError(part.which, 1, f"the limits of the {role} are not those of the traces before it")
    missing = [role for role in ROLES if role not in limits]
    if missing:
        raise MergeError(0, 1, f"the limits of the {missing[0]} are in none of the traces: that of its node is missing")
    faults = sorted({fault for part in parts for fault in part.head.get("faults", ())} | set(allowed))
    return parts[0].head | {"limits": limits, "faults": faults}


def _ordered(parts: Sequence[_Part], repeated: bool) -> Iterator[Origin]:
    sent: Counter[Said] = Counter()
    arrived: Counter[Said] = Counter()
    while ahead := [(part, record) for part in parts if (record := part.next) is not None]:
        part, record = min(ahead, key=lambda one: (_patience(one[1], sent, arrived, repeated), one[0].which))
        part.at += 1
        sent.update(map(_identity, record.sent))
        arrived.update([_identity(record.message)] if record.message is not None else [])
        yield Origin(part.which, record.line)


def _patience(record: Record, sent: Counter[Said], arrived: Counter[Said], repeated: bool) -> int:
    """0: it may stand here; 1: so it may, and had better wait; 2: something has not been sent yet."""
    if record.message is None:
        return 0
    if record.message.kind in UNSENT:
        return 1
    said = _identity(record.message)
    return 0 if sent[said] > (0 if repeated else arrived[said]) else 2


def _identity(said: Said) -> Said:
    """Sender and receiver call it the same, but for the session that a stranger's hello names."""
    return said._replace(session="")
