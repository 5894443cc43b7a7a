"""The safety properties of sessions, judged at every step of a run.

`WatchedSession` is the real session; after each input it passes a `SessionStep` to the monitor, which applies the
predicates of `ockam_fsm/safety`, as the explorer does. The monitor also records what one step does not show: the
generation in which a payload was sent (S9), the inner addresses used (S9), the requests that had an outcome (S8) or
were withdrawn (S29), and the accepted messages that are not settled (S11).

Rule 1: a broken property ends the run with `Broken`, which names it.
Rule 2: payloads of the application are marked (`MARK`): letter and number, at the end of the bytes, each used once.
Left out: S10, S12 of hosts and S14 are judged over whole nodes (workload.py); S15 needs a stream.
Source: spec/sessions.md section 8.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from ockam_fsm.kernel.errors import EventRefused, Portable, RemoteSessionError
from ockam_fsm.kernel.timers import CancelTimer, SetTimer
from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.commands import StateChanged
from ockam_fsm.runtime.session.causes import EXHAUSTED
from ockam_fsm.runtime.session.commands import (
    AnyTimer,
    Closed,
    Command,
    DeadLetter,
    Established,
    RequestFailed,
    RequestTimedOut,
    Responded,
    Send,
    TimedOut,
    Timer,
)
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import Session, Snapshot
from ockam_fsm.runtime.session.signals import Close, Hello, Signal
from ockam_fsm.safety.links import is_own, live_links, reaches, route_to_each_other
from ockam_fsm.safety.properties import broken
from ockam_fsm.safety.session_step import (
    CLOSE,
    OPEN,
    RENEGOTIATE,
    REQUEST,
    SEND,
    STOP,
    WITHDRAW,
    SessionStep,
    is_acceptable,
)

MARK = 10
"""Bytes of a mark: one letter and nine digits."""

REMEMBERED = 10_000
"""The number of latest messages whose targets are kept; older ones have long arrived or been lost."""

_OUTCOMES = (Responded, RequestFailed, RequestTimedOut)
_STALE = ("late answer", "late or unknown response", "no attempt waits for this answer")
_ENDS = {EXHAUSTED: "W6", "reaped": "W7", "idle for too long": "W7"}


class Broken(Portable, BaseException):
    """A property does not hold. `property_id` names it. No `Exception`: a node catches those of its deliveries."""

    def __init__(self, property_id: str, detail: str) -> None:
        self.property_id = property_id
        self.detail = detail
        super().__init__(f"{property_id}: {detail}")


def mark(letter: str, number: int) -> bytes:
    return b"%s%09d" % (letter.encode(), number)


def mark_of(payload: bytes) -> bytes | None:
    """The mark that a payload ends with, bare or in a signal; None for other bytes."""
    found = payload[-MARK:]
    return found if found[:1] in (b"m", b"q", b"r") and found[1:].isdigit() and len(found) == MARK else None


@dataclass(eq=False)
class WatchedStep(SessionStep):
    """A step of a run. `sent_to`: the inner addresses to which the received payload was sent, if known."""

    sent_to: frozenset[Address] | None = None

    def is_sent_in(self, link: Link) -> bool:
        return self.sent_to is None or link.inner in self.sent_to


class WatchedSession(Session):
    """The real session, and a monitor that judges each of its steps."""

    __slots__ = ("failed", "last", "monitor", "rested", "running")

    monitor: Monitor
    last: Snapshot
    """The snapshot after the last step, and so before the next one: only a step changes a session."""
    rested: bool
    """A back-off has expired since its last attempt."""
    running: set[AnyTimer]
    failed: str
    """The reason of the last failure, until the session is established again."""

    def open(self) -> list[Command]:
        return self._watched(super().open, order=OPEN)

    def send(self, outgoing: Outgoing) -> list[Command]:
        return self._watched(partial(super().send, outgoing), order=SEND)

    def request(self, identifier: Hashable, outgoing: Outgoing, **options: Any) -> list[Command]:
        act = partial(super().request, identifier, outgoing, **options)
        return self._watched(act, order=REQUEST, accepts=frozenset([identifier]))

    def withdraw(self, outgoing: Outgoing) -> list[Command]:
        held = any(outgoing == one for one, _ in self.waiting)
        return self._watched(partial(super().withdraw, outgoing), **_withdrawing(outgoing if held else None))

    def withdraw_request(self, identifier: Hashable) -> list[Command]:
        request = self.requests.get(identifier)
        if request is None or not request.pending:
            return super().withdraw_request(identifier)
        return self._watched(partial(super().withdraw_request, identifier), **_withdrawing(request.outgoing))

    def renegotiate(self) -> list[Command]:
        return self._watched(super().renegotiate, order=RENEGOTIATE)

    def close(self) -> list[Command]:
        return self._watched(super().close, order=self._unless_closed(CLOSE))

    def stop(self) -> list[Command]:
        return self._watched(super().stop, order=self._unless_closed(STOP))

    def _unless_closed(self, order: str) -> str | None:
        """The order, or None for a closed end, which ignores it and does not refuse it."""
        return None if self.state is State.CLOSED else order

    def lower_layer_lost(self, detail: str = "") -> list[Command]:
        return self._watched(partial(super().lower_layer_lost, detail))

    def fire(self, timer: AnyTimer) -> list[Command]:
        due = timer if timer in self.running else None
        self.running.discard(timer)
        return self._watched(partial(super().fire, timer), timer=due)

    def receive(self, message: Message) -> list[Command]:
        return self._watched(partial(super().receive, message), **self._arrival(message))

    def _watched(self, act: Callable[[], list[Command]], **facts: Any) -> list[Command]:
        """Execute an input and judge its step. A refused order is a step too."""
        try:
            commands = act()
        except EventRefused:
            self._step([], refused=True, **facts)
            raise
        self._step(commands, **facts)
        return commands

    def _step(self, commands: list[Command], **facts: Any) -> None:
        for command in commands:
            if isinstance(command, SetTimer):
                self.running.add(command.timer)
            elif isinstance(command, CancelTimer):
                self.running.discard(command.timer)
        before, self.last = self.last, self.snapshot()
        answers = isinstance(facts.get("signal"), Hello)
        self.monitor.judge(self, WatchedStep(
            self.settings, self.terms.outer, self.terms.contact, before, self.last, commands,
            partial(self._sent_signal, before=before, answers=answers),
            running=frozenset(self.running), rested=self.rested, **facts,
        ))  # fmt: skip

    def _sent_signal(self, message: Message, before: Snapshot, *, answers: bool) -> Signal | None:
        static = message.onward_route == (self.last.initialization_route or before.initialization_route)
        return self._signal(message, static=static, answers=answers)

    def _signal(self, message: Message, *, static: bool, answers: bool) -> Signal | None:
        place = Place.NEGOTIATION_START if static else Place.HANDSHAKE if answers else Place.WORKER
        try:
            return self.settings.profile.decode(message.payload, place, message.return_route)
        except RemoteSessionError:
            return None

    def _arrival(self, message: Message) -> dict[str, Any]:
        """The facts of a message that reached this session: its signal and address only if it is acceptable."""
        found: dict[str, Any] = {"received": message, "reached": True, "sent_to": self.monitor.targets(message.payload)}
        address, before, contact = message.onward_route[0], self.last, self.terms.contact
        answers = any(address == link.handshake for link in live_links(before))
        signal = self._signal(message, static=address == contact, answers=answers)
        known = address == contact or any(reaches(link, address) for link in live_links(before))
        other = isinstance(signal, Close | Hello) and signal.session_id != self.terms.session_id
        if known and not other and is_acceptable(message, signal, before, before.seen[0], contact, self.settings):
            found |= {"signal": signal, "address": address}
        return found


def _withdrawing(outgoing: Outgoing | None) -> dict[str, Any]:
    """The facts of an order to withdraw; none if there is nothing to withdraw."""
    return {} if outgoing is None else {"order": WITHDRAW, "withdrawn": outgoing}


class Monitor:
    """The monitor of one run: it judges every session of every node, and tracks every marked message."""

    def __init__(self) -> None:
        self.judged = 0
        self.accepted: dict[bytes, None] = {}
        self.sent_to: dict[bytes, set[Address]] = {}
        self.outcomes: set[Any] = set()
        self.taken_back: set[bytes] = set()
        self.heard: dict[Address, str] = {}
        """The state of each session and connection that observers received last."""
        self.misheard = ""
        self.ends: dict[tuple[bytes, Role], WatchedSession] = {}
        self.by_inner: dict[Address, WatchedSession] = {}
        self.witnesses: dict[str, int] = {}

    def maker(self, base: type[WatchedSession] = WatchedSession) -> Callable[..., Session]:
        """Return a factory of watched sessions, for the argument `make` of `Node`."""

        def make(*args: Any, **options: Any) -> Session:
            session = base(*args, **options)
            session.monitor, session.rested, session.running, session.failed = self, True, set(), ""
            session.last = session.snapshot()
            return session

        return make

    # Steps ------------------------------------------------------------------------------------------------------------

    def judge(self, session: WatchedSession, step: WatchedStep) -> None:
        """Raise `Broken` for the first property that a step breaks."""
        self.judged += 1
        for one in broken(step):
            raise Broken(one.id, f"{one.sentence}: {session.terms.outer}, {_happened(step)}")
        if step.commands or step.before != step.after:
            session.rested = (session.rested or step.timer is Timer.BACK_OFF) and not step.starts
            self._account_for_links(session, step)
            self._account_for_data(step)
            self._account_for_notices(session, step)
            self._see_witnesses(step)

    def _account_for_links(self, session: WatchedSession, step: WatchedStep) -> None:
        before = live_links(step.before)
        for link in live_links(step.after):
            if link not in before and self.by_inner.setdefault(link.inner, session) is not session:
                raise Broken("S9", f"the inner address {link.inner} is not fresh")
        if len(self.by_inner) > REMEMBERED:
            del self.by_inner[next(iter(self.by_inner))]
        if step.adopts and step.after is not None and step.after.current is not None:
            self._judge_peer(session, step.after.current)

    def _judge_peer(self, session: WatchedSession, link: Link) -> None:
        """Established ends of one generation route to each other (S7)."""
        session_id, role = session.terms.session_id, session.settings.role
        self.ends[session_id, role] = session
        peer = self.ends.get((session_id, Role(1 - role))) if session_id else self.by_inner.get(link.route[-1])
        theirs = peer.current if peer is not None and peer.state is State.ESTABLISHED else None
        if theirs is None or theirs.generation.address != link.generation.address:
            return
        self.witness("W1")
        if not route_to_each_other(link, theirs):
            raise Broken("S7", f"both are established in {link.generation}, and do not route to each other")

    def _account_for_data(self, step: WatchedStep) -> None:
        links = [*live_links(step.before), *live_links(step.after)]
        for send in step.did(Send):
            found = mark_of(send.message.payload)
            if found is None:
                continue
            if found in self.taken_back:
                raise Broken("S29", f"{found!r} was sent, and had been withdrawn")
            route = send.message.onward_route
            self.sent_to.setdefault(found, set()).update(x.route[-1] for x in links if _begins(route, x.route))
            if len(self.sent_to) > REMEMBERED:
                del self.sent_to[next(iter(self.sent_to))]

    def targets(self, payload: bytes) -> frozenset[Address] | None:
        """The inner addresses that a marked payload was sent to; None if that is not known."""
        found = mark_of(payload)
        return frozenset(self.sent_to[found]) if found in self.sent_to else None

    def _account_for_notices(self, session: WatchedSession, step: WatchedStep) -> None:
        for notice in step.notices:
            if isinstance(notice, _OUTCOMES):
                self._judge_outcome(notice.request)
            elif isinstance(notice, TimedOut):
                session.failed = notice.reason
            elif isinstance(notice, Established) and session.failed:
                self.witness(f"W2:{session.failed}")
                if session.failed == "superseded":
                    self.witness("W9")
                session.failed = ""
            elif isinstance(notice, Closed) and notice.reason in _ENDS:
                self.witness(_ENDS[notice.reason])

    def _judge_outcome(self, request: Any) -> None:
        if request in self.taken_back:
            raise Broken("S29", f"request {request!r} has an outcome, and had been withdrawn")
        if request in self.outcomes:
            raise Broken("S8", f"a second outcome of request {request!r}")
        self.outcomes.add(request)

    def _see_witnesses(self, step: WatchedStep) -> None:
        was = step.before.attempt if step.before is not None else None
        now = step.after.attempt if step.after is not None else None
        if now is not None and not is_own(now) and is_own(was):
            self.witness("W3")  # this end drops its own attempt for the peer's
        if any(letter.reason in _STALE for letter in step.did(DeadLetter)):
            self.witness("W4")
        held = {outgoing.payload for outgoing, _ in step.before.waiting} if step.before is not None else set()
        if held and held & set(step.sent_data):
            self.witness("W5")

    def witness(self, name: str) -> None:
        """Count an event without which a property might hold vacuously."""
        self.witnesses[name] = self.witnesses.get(name, 0) + 1

    # Observers --------------------------------------------------------------------------------------------------------

    def hear(self, change: StateChanged) -> None:
        """Record a change, which must start from the state last received, or from IDLE for a new session."""
        last = self.heard.get(change.worker, change.before)
        if change.before not in (last, State.IDLE.name) or change.before == change.after:
            self.misheard = f"observers received {change.before} to {change.after} after {last}"
        self.heard[change.worker] = change.after

    def judge_hearing(self, sessions: Iterable[Session]) -> None:
        """Raise `Broken` unless observers received every change once. (Not in `hear`: its exceptions are lost.)"""
        if self.misheard:
            raise Broken("S17", self.misheard)
        for session in sessions:
            state = session.state.name
            last = self.heard.get(session.terms.outer, State.IDLE.name)
            if session.state is not State.IDLE and last != state:
                raise Broken("S17", f"observers received no change of {session.terms.outer} to {state}")

    # Accounts ---------------------------------------------------------------------------------------------------------

    def accept(self, found: bytes) -> None:
        self.accepted[found] = None

    def withdrawn(self, request: bytes) -> None:
        """Record a withdrawn request: it must not be sent again, and has no outcome."""
        self.taken_back.add(request)
        self.settled(request)

    def settled(self, payload: bytes) -> None:
        """Record a message that was delivered, is a dead letter, or was lost to a named fault."""
        found = mark_of(payload)
        if found is not None:
            self.accepted.pop(found, None)

    def account(self, present: Iterable[bytes]) -> None:
        """Raise `Broken` unless every accepted message that is not settled is held or in flight (S11)."""
        here = {mark_of(payload) for payload in present}
        lost = [found for found in self.accepted if found not in here]
        if lost:
            raise Broken("S11", f"{len(lost)} accepted messages are unaccounted for, the first is {lost[0]!r}")


def _begins(route: Route, with_route: Route) -> bool:
    return bool(with_route) and route[: len(with_route)] == with_route


def _happened(step: SessionStep) -> str:
    """The step in one line."""
    event = (
        step.order or (step.timer and f"timer {step.timer}") or (step.received and f"{step.signal}") or "a loss below"
    )
    return f"{step.was.name} to {step.came_to.name} by {event}, commands {step.commands}"
