"""Merging of the traces of several nodes into one trace, in causal order and without clocks.

Theory: each node writes its own records in its own order. Nodes interact through messages only, and a message is
identified by its content, which has addresses that are unique. So a record may stand wherever its node's order allows
it and each message that it received was sent before. The verdict is the same for each of these orders, except for error
messages.

Rule 1: the n-th arrival of a message stands after it was sent n times; where messages may be duplicated, after it was
        sent once.
Rule 2: an error message stands as late as possible. It shows that an address was removed at another node, which no
        trace records; a removed address is never used again.
Rule 3: if several files may continue, the first one does: the same files give the same order.
Rule 4: a record that no order explains is kept, and placed where validation fails at it.
Left out: one node in two files. A restarted process continues the file of its predecessor.
Source: spec/traces/README.md.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ockam_fsm.specification.trace_reading import ROLES, TraceError, TraceMessage, TraceRecord, read_part

UNSENT = ("error", "unreadable")
"""The kinds of messages that no session sends."""


class MergeError(TraceError):
    """A trace cannot be read, or is inconsistent with the traces before it. `which`: its position, from 0."""

    def __init__(self, which: int, line: int, detail: str) -> None:
        super().__init__(line, detail)
        self.which = which


class SourceLine(NamedTuple):
    """The trace and line of origin of a merged line; lines count from 1."""

    which: int
    line: int


@dataclass(frozen=True)
class Merged:
    """A merged trace. `origins` has one entry per line except the header."""

    lines: tuple[bytes, ...]
    origins: tuple[SourceLine, ...]

    def origin(self, line: int) -> SourceLine:
        """Return the origin of a line of the merged trace."""
        return self.origins[line - 2] if line > 1 else SourceLine(0, 1)


class _Part:
    """The rest of one trace while it is merged."""

    def __init__(self, which: int, lines: Sequence[bytes]) -> None:
        self.which, self.lines = which, lines
        try:
            self.head, records = read_part(lines)
            self.records = list(records)
        except TraceError as error:
            raise MergeError(which, error.line, error.detail) from None
        self.at = 0

    @property
    def next(self) -> TraceRecord | None:
        return self.records[self.at] if self.at < len(self.records) else None


def merge(traces: Iterable[Sequence[bytes]], allowed: Iterable[str] = ()) -> Merged:
    """Merge the traces of nodes with common sessions. `allowed`: faults in addition to those named by the headers.

    Raises:
        MergeError: a trace cannot be read, or is inconsistent with those before it.
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
                    f"node {record.node!r} is in another trace too; give only the newest file of a trace",
                )


def _header(parts: Sequence[_Part], allowed: Iterable[str]) -> dict[str, Any]:
    """Return a header with the limits and the faults of all parts."""
    limits: dict[str, Any] = {}
    for part in parts:
        if part.head["type"] != parts[0].head["type"]:
            raise MergeError(part.which, 1, f"its sessions are {part.head['type']}, not {parts[0].head['type']}")
        for role, found in part.head["limits"].items():
            if limits.setdefault(role, found) != found:
                raise MergeError(part.which, 1, f"the limits of the {role} differ from those of the traces before it")
    missing = [role for role in ROLES if role not in limits]
    if missing:
        raise MergeError(0, 1, f"no trace has the limits of the {missing[0]}: add the trace of its node")
    faults = sorted({fault for part in parts for fault in part.head.get("faults", ())} | set(allowed))
    return parts[0].head | {"limits": limits, "faults": faults}


def _ordered(parts: Sequence[_Part], repeated: bool) -> Iterator[SourceLine]:
    sent: Counter[TraceMessage] = Counter()
    arrived: Counter[TraceMessage] = Counter()
    while ahead := [(part, record) for part in parts if (record := part.next) is not None]:
        part, record = min(ahead, key=lambda one: (_patience(one[1], sent, arrived, repeated), one[0].which))
        part.at += 1
        sent.update(map(_identity, record.sent))
        arrived.update([_identity(record.message)] if record.message is not None else [])
        yield SourceLine(part.which, record.line)


def _patience(record: TraceRecord, sent: Counter[TraceMessage], arrived: Counter[TraceMessage], repeated: bool) -> int:
    """Return 0 if the record may stand here, 1 if it may but should wait, 2 if its message was not sent yet."""
    if record.message is None:
        return 0
    if record.message.kind in UNSENT:
        return 1
    message = _identity(record.message)
    return 0 if sent[message] > (0 if repeated else arrived[message]) else 2


def _identity(message: TraceMessage) -> TraceMessage:
    """Return the message as its sender recorded it: without the session that the receiver of a hello may add."""
    return message._replace(session="")
