"""Reading a trace: JSON lines from anybody, made into values or refused with the number of the line.

Rule 1: whatever a file holds, the result is a value or `TraceError`; nothing of a line is trusted before it is read.
Rule 2: one line at a time, and none longer than `MAX_LINE_BYTES`: memory does not grow with the file.
Rule 3: a record without a session is about the network or the run; it counts in its node's sequence and is not judged.
Left out: whether it is a behaviour; that is `trace_validation.py`.
Source: spec/traces/README.md, which is the format.
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
TOLD = ("established", "timed out", "closed")
SHAPES: Mapping[str, tuple[str, ...]] = {
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
"""What each kind of message says, in a trace."""


class TraceError(Error):
    """This is no trace. `line` counts from 1."""

    def __init__(self, line: int, detail: str) -> None:
        self.line = line
        self.detail = detail
        super().__init__(f"line {line}: {detail}")


class Said(NamedTuple):
    """A message, as both its sender and its receiver see it. `session`: which it is for, if not the receiver's."""

    kind: str
    sender: str = ""
    receiver: str = ""
    number: int = 0
    starter: Role | None = None
    resumed: bool = False
    session: str = ""


@dataclass(frozen=True)
class Header:
    """What a whole trace has in common."""

    settings: Mapping[Role, SessionConfig]
    faults: frozenset[str]


@dataclass(frozen=True)
class Record:
    """One step of one end; `session` "" where it is no step of a session. `event` None: the end starts.

    `armed` None: the trace does not show the timers.
    """

    line: int
    node: str
    sequence: int
    session: str = ""
    role: Role = Role.INITIATOR
    event: Event | None = None
    message: Said | None = None
    refused: bool = False
    state: State = State.IDLE
    sent: tuple[Said, ...] = ()
    told: tuple[str, ...] = ()
    delivered: int = 0
    armed: frozenset[Event] | None = None
    remembered: int = 0
    has_state: bool = False


def read(lines: Iterable[bytes]) -> tuple[Header, Iterator[Record]]:
    """The header, and the records one by one.

    Raises:
        TraceError: a line is not what it must be; from the iterator, when it gets there.
    """
    numbered = enumerate(lines, 1)
    number, first = next(numbered, (1, b""))
    reader = _Reader(number, _object(number, first))
    return reader.header(), _records(numbered)


def read_part(lines: Iterable[bytes]) -> tuple[dict[str, Any], Iterator[Record]]:
    """The trace of some of the nodes: its header, as it stands there, may know the limits of one end only.

    Raises:
        TraceError: a line is not what it must be; from the iterator, when it gets there.
    """
    numbered = enumerate(lines, 1)
    number, first = next(numbered, (1, b""))
    head = _object(number, first)
    _Reader(number, head).header(partial=True)
    return head, _records(numbered)


def _records(numbered: Iterable[tuple[int, bytes]]) -> Iterator[Record]:
    for number, line in numbered:
        found = _object(number, line)
        if "node" in found:
            yield _Reader(number, found).record()
        elif "broken" not in found:
            raise TraceError(number, "neither a record (`node`) nor the outcome of a run (`broken`)")


def _object(number: int, line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise TraceError(number, f"longer than {MAX_LINE_BYTES} bytes")
    if number > 1 and not line.endswith(b"\n"):
        raise TraceError(number, "the line has no end: the trace is cut off")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TraceError(number, f"no JSON: {str(error)[:80]}") from None
    if not isinstance(found, dict):
        raise TraceError(number, "no JSON object")
    return found


class _Reader:
    """Takes one line apart."""

    def __init__(self, line: int, found: Mapping[str, Any]) -> None:
        self.line = line
        self.found = found

    def fail(self, detail: str) -> NoReturn:
        raise TraceError(self.line, detail)

    def text(self, name: str) -> str:
        value = self.found.get(name)
        if not isinstance(value, str) or not value or not value.isprintable() or len(value) > 200:
            self.fail(f"`{name}` must be a short text, and is {str(value)[:40]!r}")
        return value

    def number(self, name: str, default: int | None = None) -> int:
        value = self.found.get(name, default)
        if type(value) is not int or not 0 <= value < MAX_NUMBER:
            self.fail(f"`{name}` must be a number from 0 on, and is {str(value)[:40]!r}")
        return value

    def flag(self, name: str) -> bool:
        value = self.found.get(name, False)
        if type(value) is not bool:
            self.fail(f"`{name}` must be true or false, and is {str(value)[:40]!r}")
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
            self.fail(f"`{name}` is {value!r}, and must be one of {', '.join(known)}")
        return value

    # The two kinds of lines -------------------------------------------------------------------------------------------

    def header(self, partial: bool = False) -> Header:
        if self.found.get("trace") != FORMAT or self.found.get("version") != VERSION:
            self.fail(f"the first line must say `trace`: {FORMAT!r} and `version`: {VERSION}")
        if after := self.number("after", 0):
            self.fail(f"it begins after record {after}: the files before it are needed as well, and the first is gone")
        name = self.among("type", (kind.name for kind in TYPES))
        kind = next(kind for kind in TYPES if kind.name == name)
        if self.found.get("profile", "generation") != "generation":
            self.fail("only sessions in profile `generation` say what can be validated")
        faults = self.found.get("faults", [])
        if not isinstance(faults, dict | list) or not all(isinstance(one, str) for one in faults):
            self.fail("`faults` must name faults")
        limits = self.part("limits")
        known = {word: role for word, role in ROLES.items() if word in limits.found} or ROLES
        if not partial and len(known) < len(ROLES):
            self.fail("`limits` are those of one end; the trace of the other one's node is needed as well")
        return Header({role: limits.part(word).limits(kind, role) for word, role in known.items()}, frozenset(faults))

    def limits(self, kind: SessionType, role: Role) -> SessionConfig:
        attempts = None if self.found.get("attempts", 0) is None else self.number("attempts")
        durations = Durations() if self.flag("idle") else Durations(idle_seconds=None)
        held, misses = self.number("held"), self.number("misses")
        try:
            return SessionConfig(kind, role, durations=durations, attempts=attempts, held=held, misses=misses)
        except DefinitionError as error:
            self.fail(f"limits of the {role.name.lower()}: {error}")

    def record(self) -> Record:
        node = self.found["node"]
        if not isinstance(node, str):
            self.fail("`node` must be a text")
        bare = Record(self.line, node, self.number("sequence"))
        return self.step(bare) if "session" in self.found else bare

    def step(self, bare: Record) -> Record:
        session, role = self.text("session"), ROLES[self.among("role", ROLES)]
        named = Record(bare.line, bare.node, bare.sequence, session, role)
        word = self.among("event", (START, MESSAGE, *EVENTS))
        if word == START:
            return replace(named, remembered=self.number("remembered", 0), has_state=self.flag("has_state"))
        return replace(
            named,
            event=EVENTS.get(word, Event.STRAY),
            message=self.part("message").said() if word == MESSAGE else None,
            refused=self.flag("refused"),
            state=State[self.among("state", State.__members__)],
            sent=tuple(_Reader(self.line, one).said() for one in self.array("sent")),
            told=tuple(_Reader(self.line, {"told": one}).among("told", TOLD) for one in self.array("told")),
            delivered=self.number("delivered", 0),
            armed=self.timers() if "armed" in self.found else None,
        )

    def timers(self) -> frozenset[Event]:
        names = [timer.name for timer in TIMERS]
        return frozenset(
            EVENTS[_Reader(self.line, {"armed": one}).among("armed", names)] for one in self.array("armed")
        )

    def said(self) -> Said:
        if not isinstance(self.found, Mapping):
            self.fail("a message must be an object")
        kind = self.among("kind", SHAPES)
        says = SHAPES[kind]
        return Said(
            kind,
            self.text("from") if "from" in says else "",
            self.text("to") if "to" in says else "",
            self.number("number") if "number" in says else 0,
            ROLES[self.among("starter", ROLES)] if "starter" in says else None,
            self.flag("resumed") if "resumed" in says else False,
            self.text("session") if kind == "hello" and "session" in self.found else "",
        )
