"""Traces of sessions, one record for each step, which `ockam-fsm validate` checks (spec/traces/README.md).

Theory: a record has the input, the messages sent, the notices of the owner, and the state and the armed timers after
the step. It has no counters, routes and payloads; the validator infers the counters.

Rule 1: a recorded session is the real one, and its recorder is called after each step.
Rule 2: addresses and session ids are secrets, so a trace has digests of them: the same one, the same digest.
Rule 3: an input that is no event for the session (a timer that was stopped, the timer of a request that is gone) is no
        step.
Left out: profile `ockam`, which has no generations. `RecordedSession` refuses it.
Source: spec/traces/README.md.

    async with TcpNode(make=Recorder("a", write).session) as node: ...
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, ClassVar, TypeAlias

from ockam_fsm.kernel.errors import EventRefused, LocalSessionError, RemoteSessionError
from ockam_fsm.machines.vocabulary import Event, Role
from ockam_fsm.runtime.encoding.message import Address, Message
from ockam_fsm.runtime.session.commands import (
    AnyTimer,
    Closed,
    Command,
    Deliver,
    Established,
    Notify,
    RequestTimer,
    Responded,
    Send,
    TimedOut,
)
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.session.session import EXPIRED, Session
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Data,
    Error,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Superseded,
)

FORMAT, VERSION = "ockam-fsm trace", 1
MAX_LINE_BYTES = 1 << 20
DIGEST_BYTES = 6
_ROLES = {role: role.name.lower() for role in Role}
_KINDS = {
    Keepalive: "keepalive",
    KeepaliveAnswer: "keepalive-answer",
    Close: "close",
    GoingAway: "going-away",
    Error: "error",
}
_NOTICES = {Established: "established", TimedOut: "timed out", Closed: "closed"}

Facts: TypeAlias = dict[str, Any]
ReportStep: TypeAlias = Callable[["RecordedSession", Facts], None]


def header(settings: Iterable[SessionConfig], faults: Iterable[str]) -> Facts:
    """Return the first line of a trace: the settings of the ends, and the names of the faults that may have happened.

    A node that has one end gives the settings of that one; `ockam-fsm validate` merges the headers of both.
    """
    both = {one.role: one for one in settings}
    names = ("attempts", "held", "misses")
    return {
        "trace": FORMAT,
        "version": VERSION,
        "type": next(iter(both.values())).session_type.name,
        "limits": {
            _ROLES[role]: {name: one.limits[name] for name in names} | {"idle": one.durations.idle_seconds is not None}
            for role, one in both.items()
        },
        "faults": list(faults),
    }


class RecordedSession(Session):
    """The real session, which reports its steps; `recorded` makes the class for one recorder."""

    __slots__ = ()
    report: ClassVar[ReportStep]

    def __init__(self, settings: SessionConfig, *args: Any, **options: Any) -> None:
        super().__init__(settings, *args, **options)
        if not settings.profile.names_sessions:
            raise LocalSessionError(f"profile {settings.profile.name} has no generations: there is nothing to record")
        self._report({"event": "start", "remembered": self.seen[0], "has_state": self.has_state})

    def _ordered(self, event: Event, cause: Any = None) -> list[Command]:
        try:
            commands = super()._ordered(event, cause)
        except EventRefused:
            self._stepped({"event": event.name, "refused": True}, [])
            raise
        return self._stepped({"event": event.name}, commands)

    def fire(self, timer: AnyTimer) -> list[Command]:
        event = _event_of(self, timer)
        commands = super().fire(timer)
        return commands if event is None else self._stepped({"event": event.name}, commands)

    def receive(self, message: Message) -> list[Command]:
        came = arrived(self, message)
        return self._stepped({"event": "message", "message": came}, super().receive(message))

    def _stepped(self, facts: Facts, commands: list[Command]) -> list[Command]:
        notices = [command.notice for command in commands if isinstance(command, Notify)]
        delivered = sum(isinstance(command, Deliver) for command in commands)
        facts |= {
            "state": self.state.name,
            "sent": [_sent(self, command.message) for command in commands if isinstance(command, Send)],
            "told": [_NOTICES[type(notice)] for notice in notices if type(notice) in _NOTICES],
            "delivered": delivered + sum(isinstance(notice, Responded) for notice in notices),
            "armed": sorted(EXPIRED[timer].name for timer in self.armed),
        }
        self._report(facts)
        return commands

    def _report(self, facts: Facts) -> None:
        who = {"session": digest(self.terms.session_id), "role": _ROLES[self.settings.role]}
        type(self).report(self, who | facts)


def recorded(base: type[Session], report: ReportStep) -> type[RecordedSession]:
    """Return a class of sessions that behave like `base` and report their steps to `report`."""
    bases = (RecordedSession,) if base is Session else (base, RecordedSession)
    return type(f"Recorded{base.__name__}", bases, {"__slots__": (), "report": staticmethod(report)})


class Recorder:
    """Numbers the records of one node and writes them; nodes that share `write` share a trace."""

    def __init__(self, node: str, write: Callable[[Facts], None], base: type[Session] = Session) -> None:
        self.node = node
        self.write = write
        self.sequence = 0
        self.session = recorded(base, self._record)

    def _record(self, session: RecordedSession, facts: Facts) -> None:
        self.sequence += 1
        self.write({"node": self.node, "sequence": self.sequence} | facts)


def line_of(facts: Facts) -> bytes:
    """One JSON object as a line."""
    return json.dumps(facts, sort_keys=True).encode() + b"\n"


# Messages -------------------------------------------------------------------------------------------------------------


def digest(secret: bytes) -> str:
    return blake2b(secret, digest_size=DIGEST_BYTES).hexdigest()


def arrived(session: Session, message: Message) -> Facts:
    """Return the facts of a message that reached `session`."""
    reached = message.onward_route[0]
    links = [link for link in (session.attempt, session.current) if link is not None]
    inner = next((link.inner for link in links if reached.value.startswith(link.reply_prefix)), reached)
    try:
        return _message_facts(session, message, inner, answered=inner != reached)
    except RemoteSessionError:
        return {"kind": "unreadable", "to": digest(inner.value)}


def _sent(session: Session, message: Message) -> Facts:
    route = message.onward_route or (session.terms.outer,)  # a hello of a known-bad machine may have no route
    return _message_facts(session, message, route[-1])


def _message_facts(session: Session, message: Message, to: Address, *, answered: bool = False) -> Facts:
    signal = session.settings.profile.decode(message.payload, Place.WORKER, message.return_route)
    ends = {"to": digest(to.value)}
    if message.return_route:
        ends["from"] = digest(message.return_route[-1].value)
    match signal:
        case Hello(session_id=session_id, generation=generation):
            hello = {"kind": "hello", "from": digest(generation.address.value)} | _generation(generation)
            return hello if session_id == session.terms.session_id else hello | {"session": digest(session_id)}
        case Answer(generation=generation, worker=worker, resumed=resumed):
            ends["from"] = digest(worker.value)
            return {"kind": "answer", "resumed": resumed} | ends | _generation(generation)
        case Superseded(number=number, address=address):
            return {"kind": "superseded", "number": number, "to": digest(address.value)}
        case Close(number=number, address=address) if _is_static(session, to):
            return {"kind": "close-at-contact", "number": number, "from": digest(address.value)}
        case Data():
            return {"kind": "response" if answered else _kind_of(signal, message, to)} | ends
    return {"kind": _KINDS[type(signal)]} | ends


def _is_static(session: Session, to: Address) -> bool:
    """Whether a message goes along an initialization route: this end's, or the one that leads here."""
    return to == session.terms.contact or (to,) == session.initialization_route[-1:]


def _generation(generation: Any) -> Facts:
    return {"number": generation.number, "starter": _ROLES[generation.starter]}


def _kind_of(data: Data, message: Message, to: Address) -> str:
    """Return `request`, `response` or `data`: only the first two carry a reply address (inner address, dot, number)."""
    if data.onward_route and data.onward_route[0].value.startswith(to.value + b"."):
        return "response"
    sender = message.return_route[-1].value if message.return_route else b""
    asks = data.return_route and data.return_route[-1].value.startswith(sender + b".")
    return "request" if asks else "data"


def _event_of(session: Session, timer: AnyTimer) -> Event | None:
    """Return the event of a timer for the session now; None if there is none."""
    if isinstance(timer, RequestTimer):
        request = session.requests.get(timer.request)
        return Event.REQUEST_EXPIRED if request is not None and request.pending else None
    return EXPIRED[timer] if timer in session.armed else None
