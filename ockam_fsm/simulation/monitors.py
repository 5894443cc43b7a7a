"""The safety properties of sessions, judged at every step of a run: S1 to S9, S11 to S14, S16.

`WatchedSession` is the real session; after each input it hands the monitor what it was, what came in, what follows and
what it is now. A predicate sees only that, as the step properties of the explorer do (checking/sessions/safety.py).
What the explorer's properties read off derived addresses is kept here: which generation and address a payload was sent
to (S9), which requests have had their outcome (S8; an identifier is used once in a run), where each accepted message
is (S11).

Rule 1: a broken property ends the run with `Broken`, which names it.
Rule 2: payloads of the application are marked (`MARK`): letter and number, at the end of the bytes, each used once.
Left out: S10, S12 of hosts and S14 are judged over whole nodes (workload.py); S15 needs a stream.
Source: spec/sessions.md section 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ockam_fsm.kernel.errors import Portable, RemoteSessionError
from ockam_fsm.machines.vocabulary import Event, Renegotiation, Role, State
from ockam_fsm.runtime.encoding.message import Address, Message, Route
from ockam_fsm.runtime.node.commands import StateChanged
from ockam_fsm.runtime.session.commands import (
    Closed,
    Command,
    DeadLetter,
    Deliver,
    Established,
    Notify,
    RequestFailed,
    RequestTimedOut,
    Responded,
    Send,
    TimedOut,
    Timer,
)
from ockam_fsm.runtime.session.effects import EXHAUSTED, REASONS
from ockam_fsm.runtime.session.handshake import Place
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.session import Session
from ockam_fsm.runtime.session.signals import Hello

MARK = 10
"""Bytes of a mark: one letter and nine digits."""

REMEMBERED = 10_000
"""How many messages' targets are remembered, the latest: what is older has long arrived or been lost."""

_OUTCOMES = (Responded, RequestFailed, RequestTimedOut)
_ENDING = (Event.CLOSE, Event.STOP, Event.CLOSE_RECEIVED, Event.RETENTION_EXPIRED)
_MAY_END = frozenset((*(REASONS[event] for event in _ENDING), EXHAUSTED))
"""Why a session that has a state may end: by order, by its peer's close, by a bound."""
_STALE = ("late answer", "late or unknown response", "no attempt waits for this answer")
_ENDS = {EXHAUSTED: "W6", "reaped": "W7", "idle for too long": "W7"}
_AWAY = (State.IDLE, State.TIMED_OUT, State.CLOSED)


class Broken(Portable, BaseException):
    """A property does not hold. `property_id` names it. No `Exception`: a node survives those of its deliveries."""

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


class Image(NamedTuple):
    """What a session is, for its monitor: the snapshot's fields that properties read, without copies."""

    state: State
    attempts: int
    held: int
    misses: int
    usable: int
    seen: tuple[int, int]
    attempt: Link | None
    current: Link | None
    waiting: tuple[Any, ...]
    requests: tuple[Any, ...]
    has_state: bool
    armed: frozenset[Timer]


class WatchedSession(Session):
    """The real session, and a monitor that sees each of its steps."""

    __slots__ = ("failed", "last", "monitor", "rested", "tried")

    monitor: Monitor
    last: Image
    """What it was after its last step: nothing but a step may change it, so it is that before the next one, too."""
    rested: bool
    """A back-off has expired since its last attempt."""
    tried: bool
    failed: str
    """Why it last failed, until it is established again."""

    def image(self) -> Image:
        return Image(
            self.state, self.attempts, self.held, self.misses, self.usable, self.seen, self.attempt, self.current,
            tuple(self.waiting), tuple(self.requests), self.has_state, self.armed,
        )  # fmt: skip

    def _ordered(self, event: Any, cause: Any = None) -> list[Command]:
        return self.monitor.judge(self, cause, super()._ordered(event, cause))

    def fire(self, timer: Any) -> list[Command]:
        self.rested = self.rested or (timer is Timer.BACK_OFF and timer in self.armed)
        return self.monitor.judge(self, timer, super().fire(timer))

    def withdraw_request(self, identifier: Any) -> list[Command]:
        return self.monitor.judge(self, None, super().withdraw_request(identifier))

    def receive(self, message: Message) -> list[Command]:
        return self.monitor.judge(self, message, super().receive(message))


class Monitor:
    """One for each run: it sees every session of every node, and keeps account of every marked message."""

    def __init__(self) -> None:
        self.judged = 0
        self.accepted: dict[bytes, None] = {}
        self.sent_to: dict[bytes, set[Address]] = {}
        self.outcomes: set[Any] = set()
        self.taken_back: set[bytes] = set()
        self.heard: dict[Address, str] = {}
        """What observers have heard last of each session and connection."""
        self.misheard = ""
        self.ends: dict[tuple[bytes, Role], WatchedSession] = {}
        self.by_inner: dict[Address, WatchedSession] = {}
        self.witnesses: dict[str, int] = {}

    def maker(self, base: type[WatchedSession] = WatchedSession) -> Callable[..., Session]:
        """Makes watched sessions: what a `Node` is given as `make`."""

        def make(*args: Any, **options: Any) -> Session:
            session = base(*args, **options)
            session.monitor, session.rested, session.tried, session.failed = self, True, False, ""
            session.last = session.image()
            return session

        return make

    # Steps ------------------------------------------------------------------------------------------------------------

    def judge(self, session: WatchedSession, cause: Any, commands: list[Command]) -> list[Command]:
        self.judged += 1
        before, after = session.last, session.image()
        session.last = after
        if before.state is State.CLOSED and (before != after or any(isinstance(c, Send) for c in commands)):
            raise Broken("S2", "a closed session did something")
        if commands or before != after:
            self._judge_change(session, before, after, cause, commands)
        return commands

    def _judge_change(
        self, session: WatchedSession, before: Image, after: Image, cause: Any, commands: list[Command]
    ) -> None:
        self._judge_generations(session, before, after)
        self._judge_collision(session, before, after, cause)
        self._judge_capacities(session, after)
        passed = before.state is not State.ESTABLISHED and any(
            type(c) is Notify and type(c.notice) is Established for c in commands
        )
        for command in commands:
            if type(command) is Send:
                self._judge_send(command.message, before, after, passed)
            elif type(command) is Deliver:
                self._judge_delivery(command, before, after, cause)
            elif type(command) is Notify:
                self._judge_notice(session, command.notice, after)
            elif type(command) is DeadLetter and command.reason in _STALE:
                self.witness("W4")
        self._judge_order(before, after, commands)
        ignored = len(commands) == 1 and type(commands[0]) is DeadLetter and commands[0].message is cause
        if ignored and isinstance(cause, Message) and before != after:
            raise Broken("S4", "a message that became a dead letter changed the session")

    def _judge_generations(self, session: WatchedSession, before: Image, after: Image) -> None:
        kind, role = session.settings.session_type, session.settings.role
        if after.seen < before.seen:
            raise Broken("S4", f"seen went from {before.seen} to {after.seen}")
        if before.has_state and not after.has_state:
            raise Broken("S3", "the session's state was lost")
        ends = after.state is State.CLOSED is not before.state and kind.persistent and before.has_state
        if ends and session.reason not in _MAY_END:
            raise Broken("S3", f"a session with a state ended: {session.reason}")
        if after.state in _AWAY and (after.attempt or after.current):
            raise Broken("S5", f"a route is kept in {after.state.name}")
        attempt = after.attempt
        if attempt is not None and attempt is not before.attempt:
            self._claim(attempt, session)
        if attempt is not None and attempt is not before.attempt and session.is_own(attempt):
            self._judge_attempt(session, kind.renegotiation, role)
        elif attempt is not None and not session.is_own(attempt) and before.attempt and session.is_own(before.attempt):
            self.witness("W3")  # it has given its own attempt up for the peer's
        if after.current is not before.current and after.current is not None:
            self._judge_current(session, after.current, after.state)

    def _judge_attempt(self, session: WatchedSession, sides: Renegotiation, role: Role) -> None:
        if role is Role.RESPONDER and sides is not Renegotiation.TWO_SIDED:
            raise Broken("S6", "a responder started a negotiation")
        if session.tried and sides is Renegotiation.NONE:
            raise Broken("S2", "a transient session negotiated again")
        if not session.rested:
            raise Broken("S16", "an attempt without a back-off before it")
        session.rested, session.tried = False, True

    def _judge_current(self, session: WatchedSession, link: Link, state: State) -> None:
        self._claim(link, session)
        if state is not State.ESTABLISHED:
            return
        session_id, role = session.terms.session_id, session.settings.role
        self.ends[session_id, role] = session
        peer = self.ends.get((session_id, Role(1 - role))) if session_id else self.by_inner.get(link.route[-1])
        theirs = peer.current if peer is not None and peer.state is State.ESTABLISHED else None
        if peer is not None and theirs is not None:
            self._judge_pair(session, link, peer, theirs)

    def _judge_pair(self, session: WatchedSession, link: Link, peer: WatchedSession, theirs: Link) -> None:
        mine, yours = link.generation, theirs.generation
        if mine.address == yours.address:
            self.witness("W1")
            if theirs.route[-1] != link.inner or link.route[-1] != theirs.inner:
                raise Broken("S7", f"both are established in {mine}, and do not route to each other")

    def _judge_collision(self, session: WatchedSession, before: Image, after: Image, cause: Any) -> None:
        """Of two attempts of one number the initiator's goes on."""
        attempt = before.attempt
        if not isinstance(cause, Message) or attempt is None or not session.is_own(attempt):
            return
        try:
            hello = session.settings.profile.decode(cause.payload, Place.NEGOTIATION_START, cause.return_route)
        except RemoteSessionError:
            return
        if not isinstance(hello, Hello) or hello.session_id != session.terms.session_id:
            return
        number, starter, _ = hello.generation
        if number == attempt.generation.number and starter is not attempt.generation.starter:
            initiates = session.settings.role is Role.INITIATOR
            if (after.attempt is attempt) is not initiates:
                raise Broken("S27", f"a collision of {attempt.generation} and {hello.generation} has the wrong winner")

    def _claim(self, link: Link, session: WatchedSession) -> None:
        """An inner address is fresh in every generation."""
        if self.by_inner.setdefault(link.inner, session) is not session:
            raise Broken("S9", f"the inner address {link.inner} is not fresh")
        if len(self.by_inner) > REMEMBERED:
            del self.by_inner[next(iter(self.by_inner))]

    def _judge_capacities(self, session: WatchedSession, after: Image) -> None:
        limits = session.limits
        if len(after.waiting) > (limits["held"] or 0):
            raise Broken("S12", f"{len(after.waiting)} messages held")
        attempts = limits["attempts"]
        if attempts is not None and after.attempts > attempts:
            raise Broken("S12", f"{after.attempts} attempts")
        if len(after.requests) > session.settings.requests:
            raise Broken("S12", f"{len(after.requests)} requests open")

    def _judge_send(self, message: Message, before: Image, after: Image, passed: bool) -> None:
        """`passed`: it was established in this step, if only for a moment (the peer's close may come that early)."""
        found = mark_of(message.payload)
        if found is None:
            return
        if found in self.taken_back:
            raise Broken("S29", f"{found!r} was sent, and had been taken back")
        route = message.onward_route
        links = (before.current, after.current, before.attempt if passed else None)
        target = next((x.route[-1] for x in links if x is not None and _begins(route, x.route)), None)
        if target is None or before.state is State.TIMED_OUT:
            raise Broken("S5", f"data left on {route}, which no generation of now has learned")
        if not passed and State.ESTABLISHED not in (before.state, after.state):
            raise Broken("S5", f"data left in {before.state.name}")
        self.sent_to.setdefault(found, set()).add(target)
        if len(self.sent_to) > REMEMBERED:
            del self.sent_to[next(iter(self.sent_to))]

    def _judge_delivery(self, deliver: Deliver, before: Image, after: Image, cause: Any) -> None:
        established = State.ESTABLISHED in (before.state, after.state)
        if not established and not (before.state is State.RENEGOTIATING and before.usable):
            raise Broken("S1", f"data was delivered in {before.state.name}")
        self._judge_arrival(mark_of(deliver.payload), cause)

    def _judge_arrival(self, found: bytes | None, cause: Any) -> None:
        if found is None or not isinstance(cause, Message):
            return
        reached = cause.onward_route[0]
        inner = Address(reached.type, reached.value.partition(b".")[0])
        if inner not in self.sent_to.get(found, (inner,)):
            raise Broken("S9", f"{found!r} was sent in another generation")

    def _judge_notice(self, session: WatchedSession, notice: Any, after: Image) -> None:
        if isinstance(notice, _OUTCOMES):
            self._judge_outcome(notice, after)
        elif isinstance(notice, TimedOut):
            session.failed = notice.reason
        elif isinstance(notice, Established) and session.failed:
            self.witness(f"W2:{session.failed}")
            if session.failed == "superseded":
                self.witness("W9")
            session.failed = ""
        elif isinstance(notice, Closed) and notice.reason in _ENDS:
            self.witness(_ENDS[notice.reason])

    def _judge_outcome(self, notice: Any, after: Image) -> None:
        if notice.request in self.taken_back:
            raise Broken("S29", f"request {notice.request!r} has an outcome, and had been taken back")
        if notice.request in self.outcomes:
            raise Broken("S8", f"a second outcome of request {notice.request!r}")
        self.outcomes.add(notice.request)
        if notice.request in after.requests:
            raise Broken("S8", f"request {notice.request!r} is still open after its outcome")

    def _judge_order(self, before: Image, after: Image, commands: list[Command]) -> None:
        if not before.waiting and not after.waiting:
            return
        if any(again and not ahead for (_, ahead), (_, again) in zip(after.waiting, after.waiting[1:], strict=False)):
            raise Broken("S13", "a held message waits before a reissued one")
        if after.state is not State.ESTABLISHED:
            return
        if after.waiting:
            raise Broken("S13", "messages wait in an established session")
        if before.waiting:
            marks = [mark_of(c.message.payload) for c in commands if type(c) is Send]
            left = [found for found in marks if found is not None]
            held = [mark_of(outgoing.payload) for outgoing, _ in before.waiting]
            waited = [found for found in held if found is not None]  # a session above says more than its application
            reissued = left[: len(left) - len(waited)]  # where the end of the previous generation is in the same step
            self.witness("W5")
            if left[len(reissued) :] != waited or not set(reissued) <= set(before.requests):
                raise Broken("S13", f"{waited} waited, {left} left")

    def witness(self, name: str) -> None:
        """Something happened that a property would be true without, for lack of it."""
        self.witnesses[name] = self.witnesses.get(name, 0) + 1

    # Observers --------------------------------------------------------------------------------------------------------

    def hear(self, change: StateChanged) -> None:
        """A change begins where the one before it ended, or with a session that begins anew."""
        last = self.heard.get(change.worker, change.before)
        if change.before not in (last, State.IDLE.name) or change.before == change.after:
            self.misheard = f"observers were told {change.before} to {change.after} after {last}"
        self.heard[change.worker] = change.after

    def judge_hearing(self, sessions: Iterable[Session]) -> None:
        """Observers have heard of every change, once. (Judged from time to time: what an observer raises is lost.)"""
        if self.misheard:
            raise Broken("S17", self.misheard)
        for session in sessions:
            state = session.state.name
            last = self.heard.get(session.terms.outer, State.IDLE.name)
            if session.state is not State.IDLE and last != state:
                raise Broken("S17", f"observers have not heard that {session.terms.outer} is {state}")

    # Accounts ---------------------------------------------------------------------------------------------------------

    def accept(self, found: bytes) -> None:
        self.accepted[found] = None

    def withdrawn(self, request: bytes) -> None:
        """Its caller has taken it back: it must not be sent again, and has no outcome."""
        self.taken_back.add(request)
        self.settled(request)

    def settled(self, payload: bytes) -> None:
        """This message was delivered, is a dead letter, or was taken by a named fault."""
        found = mark_of(payload)
        if found is not None:
            self.accepted.pop(found, None)

    def account(self, present: Iterable[bytes]) -> None:
        """Everything accepted and not settled must be among what is held or in flight (S11)."""
        here = {mark_of(payload) for payload in present}
        lost = [found for found in self.accepted if found not in here]
        if lost:
            raise Broken("S11", f"{len(lost)} accepted messages are nowhere, the first is {lost[0]!r}")


def _begins(route: Route, with_route: Route) -> bool:
    return bool(with_route) and route[: len(with_route)] == with_route
