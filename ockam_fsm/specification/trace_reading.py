"""The reader of traces: untrusted JSON lines are parsed to values or rejected with their line number.

Rule 1: every input gives values or a `TraceError`; each field is validated.
Rule 2: lines are read one at a time and are at most `MAX_LINE_BYTES` long, so memory does not grow with the file.
Rule 3: a record without a session is about the network or the run; it only counts in its node's sequence.
Left out: whether the trace is a behaviour (`trace_validation.py`).
Source: spec/traces/README.md, which defines the format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, NoReturn

from ockam_fsm.kernel.errors import DefinitionError, Error
from ockam_fsm.machines.session import TYPES
from ockam_fsm.machines.vocabulary import Event, Role, SessionType, State
from ockam_fsm.runtime.session.config import Durations, SessionConfig
from ockam_fsm.runtime.trace_recorder import MAX_LINE_BYTES as MAX_LINE_BYTES

FORMAT, VERSION = "ockam-fsm trace", 1
MAX_NUMBER = 1 << 64

START, MESSAGE = "start", "message"
ORDERS = (Event.OPEN, Event.SEND, Event.WITHDRAW, Event.RENEGOTIATE, Event.CLOSE, Event.STOP)
TIMERS = (
    Event.NEGOTIATION_EXPIRED,
    Event.BACK_OFF_EXPIRED,
    Event.KEEPALIVE_DUE,
    Event.IDLE_EXPIRED,
    Event.RETENTION_EXPIRED,
    Event.REQUEST_EXPIRED,
)
EVENTS = {event.name: event for event in (*ORDERS, *TIMERS, Event.LOWER_LAYER_LOST)}
ROLES = {role.name.lower(): role for role in Role}
NOTIFICATIONS = ("established", "timed out", "closed")
MESSAGE_FIELDS: Mapping[str, tuple[str, ...]] = {
    "hello": ("from", "number", "starter"),
    "answer": ("from", "to", "number", "starter", "resumed"),
    "superseded": ("to", "number"),
    "keepalive": ("from", "to"),
    "keepalive-answer": ("from", "to"),
    "data": ("from", "to"),
    "request": ("from", "to"),
    "response": ("from", "to"),
    "close": ("from", "to"),
    "close-at-contact": ("from", "number"),
    "going-away": ("from", "to"),
    "error": ("to",),
    "unreadable": ("to",),
}
"""The fields of each kind of message in a trace."""


class TraceError(Error):
    """The input is not a trace. `line` counts from 1."""

    def __init__(self, line: int, detail: str) -> None:
        self.line = line
        self.detail = detail
        super().__init__(f"line {line}: {detail}")


class TraceMessage(NamedTuple):
    """A message in a trace, in the form that sender and receiver share. `session`: its session, if not the
    receiver's."""

    kind: str
    sender: str = ""
    receiver: str = ""
    number: int = 0
    starter: Role | None = None
    resumed: bool = False
    session: str = ""


@dataclass(frozen=True)
class Header:
    """The header of a trace: the limits of both ends and the faults."""

    settings: Mapping[Role, SessionConfig]
    faults: frozenset[str]


@dataclass(frozen=True)
class TraceRecord:
    """One step of one end. `session` "": not a step of a session. `event` None: the end starts.

    `armed` None: the trace does not show the timers.
    """

    line: int
    node: str
    sequence: int
    session: str = ""
    role: Role = Role.INITIATOR
    event: Event | None = None
    message: TraceMessage | None = None
    refused: bool = False
    state: State = State.IDLE
    sent: tuple[TraceMessage, ...] = ()
    told: tuple[str, ...] = ()
    delivered: int = 0
    armed: frozenset[Event] | None = None
    remembered: int = 0
    has_state: bool = False


def read(lines: Iterable[bytes]) -> tuple[Header, Iterator[TraceRecord]]:
    """Return the header and an iterator over the records.

    Raises:
        TraceError: a line is malformed; for a record, raised by the iterator.
    """
    numbered = enumerate(lines, 1)
    number, first = next(numbered, (1, b""))
    reader = _Reader(number, _object(number, first))
    return reader.header(), _records(numbered)


def read_part(lines: Iterable[bytes]) -> tuple[dict[str, Any], Iterator[TraceRecord]]:
    """Return the header, as JSON, and the records of a trace of some nodes. It may have the limits of one end only.

    Raises:
        TraceError: a line is malformed; for a record, raised by the iterator.
    """
    numbered = enumerate(lines, 1)
    number, first = next(numbered, (1, b""))
    head = _object(number, first)
    _Reader(number, head).header(partial=True)
    return head, _records(numbered)


def _records(numbered: Iterable[tuple[int, bytes]]) -> Iterator[TraceRecord]:
    for number, line in numbered:
        found = _object(number, line)
        if "node" in found:
            yield _Reader(number, found).record()
        elif "broken" not in found:
            raise TraceError(number, "neither a record (with `node`) nor the outcome of a run (with `broken`)")


def _object(number: int, line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise TraceError(number, f"longer than {MAX_LINE_BYTES} bytes")
    if number > 1 and not line.endswith(b"\n"):
        raise TraceError(number, "the line does not end with a newline: the trace is truncated")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TraceError(number, f"not JSON: {str(error)[:80]}") from None
    if not isinstance(found, dict):
        raise TraceError(number, "not a JSON object")
    return found


class _Reader:
    """The parser of one line."""

    def __init__(self, line: int, found: Mapping[str, Any]) -> None:
        self.line = line
        self.found = found

    def fail(self, detail: str) -> NoReturn:
        raise TraceError(self.line, detail)

    def text(self, name: str) -> str:
        value = self.found.get(name)
        if not isinstance(value, str) or not value or not value.isprintable() or len(value) > 200:
            self.fail(f"`{name}` is {str(value)[:40]!r}; it must be 1 to 200 printable characters")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        value = self.found.get(name, default)
        if type(value) is not int or not 0 <= value < MAX_NUMBER:
            self.fail(f"`{name}` is {str(value)[:40]!r}; it must be an integer from 0 to 2^64 - 1")
        return value

    def flag(self, name: str) -> bool:
        value = self.found.get(name, False)
        if type(value) is not bool:
            self.fail(f"`{name}` is {str(value)[:40]!r}; it must be true or false")
        return value

    def part(self, name: str) -> _Reader:
        value = self.found.get(name)
        if not isinstance(value, dict):
            self.fail(f"`{name}` must be an object")
        return _Reader(self.line, value)

    def array(self, name: str) -> list[Any]:
        value = self.found.get(name, [])
        if not isinstance(value, list):
            self.fail(f"`{name}` must be a list")
        return value

    def among(self, name: str, options: Iterable[str]) -> str:
        value, known = self.text(name), tuple(options)
        if value not in known:
            self.fail(f"`{name}` is {value!r}; it must be one of {', '.join(known)}")
        return value

    # The two kinds of lines -------------------------------------------------------------------------------------------

    def header(self, partial: bool = False) -> Header:
        if self.found.get("trace") != FORMAT or self.found.get("version") != VERSION:
            self.fail(f"the first line must have `trace`: {FORMAT!r} and `version`: {VERSION}")
        if after := self.number("after", 0):
            self.fail(f"the trace begins after record {after}: its first file is missing")
        name = self.among("type", (kind.name for kind in TYPES))
        kind = next(kind for kind in TYPES if kind.name == name)
        if self.found.get("profile", "generation") != "generation":
            self.fail("only sessions in profile `generation` can be validated")
        faults = self.found.get("faults", [])
        if not isinstance(faults, dict | list) or not all(isinstance(one, str) for one in faults):
            self.fail("`faults` must be a list of names of faults, or an object with them as keys")
        limits = self.part("limits")
        known = {word: role for word, role in ROLES.items() if word in limits.found} or ROLES
        if not partial and len(known) < len(ROLES):
            self.fail("`limits` has one end only; add the trace of the other end's node")
        return Header({role: limits.part(word).limits(kind, role) for word, role in known.items()}, frozenset(faults))

    def limits(self, kind: SessionType, role: Role) -> SessionConfig:
        attempts = None if self.found.get("attempts", 0) is None else self.number("attempts")
        durations = Durations() if self.flag("idle") else Durations(idle_seconds=None)
        held, misses = self.number("held"), self.number("misses")
        try:
            return SessionConfig(kind, role, durations=durations, attempts=attempts, held=held, misses=misses)
        except DefinitionError as error:
            self.fail(f"limits of the {role.name.lower()}: {error}")

    def record(self) -> TraceRecord:
        node = self.found["node"]
        if not isinstance(node, str):
            self.fail("`node` must be a text")
        bare = TraceRecord(self.line, node, self.number("sequence"))
        return self.step(bare) if "session" in self.found else bare

    def step(self, bare: TraceRecord) -> TraceRecord:
        session, role = self.text("session"), ROLES[self.among("role", ROLES)]
        named = TraceRecord(bare.line, bare.node, bare.sequence, session, role)
        word = self.among("event", (START, MESSAGE, *EVENTS))
        if word == START:
            return replace(named, remembered=self.number("remembered", 0), has_state=self.flag("has_state"))
        return replace(
            named,
            event=EVENTS.get(word, Event.STRAY),
            message=self.part("message").trace_message() if word == MESSAGE else None,
            refused=self.flag("refused"),
            state=State[self.among("state", State.__members__)],
            sent=tuple(_Reader(self.line, one).trace_message() for one in self.array("sent")),
            told=tuple(_Reader(self.line, {"told": one}).among("told", NOTIFICATIONS) for one in self.array("told")),
            delivered=self.number("delivered", 0),
            armed=self.timers() if "armed" in self.found else None,
        )

    def timers(self) -> frozenset[Event]:
        names = [timer.name for timer in TIMERS]
        return frozenset(
            EVENTS[_Reader(self.line, {"armed": one}).among("armed", names)] for one in self.array("armed")
        )

    def trace_message(self) -> TraceMessage:
        if not isinstance(self.found, Mapping):
            self.fail("a message must be an object")
        kind = self.among("kind", MESSAGE_FIELDS)
        fields = MESSAGE_FIELDS[kind]
        return TraceMessage(
            kind,
            self.text("from") if "from" in fields else "",
            self.text("to") if "to" in fields else "",
            self.number("number") if "number" in fields else 0,
            ROLES[self.among("starter", ROLES)] if "starter" in fields else None,
            self.flag("resumed") if "resumed" in fields else False,
            self.text("session") if kind == "hello" and "session" in self.found else "",
        )
