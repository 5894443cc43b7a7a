"""One step of one session, as the safety properties read it.

Theory: the explorer and the simulator both observe the snapshots of a session before and after, the event and the
commands. Each makes a `SessionStep` of them, and one set of predicates judges both.

Rule 1: a step is computed from these alone. The code that is judged is not called, and no table is read.
Rule 2: a restart is not a step of a session.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ockam_fsm.machines.vocabulary import Role, State
from ockam_fsm.runtime.encoding.message import LOCAL, Address, Message, Route
from ockam_fsm.runtime.session import commands
from ockam_fsm.runtime.session.commands import AnyTimer
from ockam_fsm.runtime.session.config import SessionConfig
from ockam_fsm.runtime.session.link import Link
from ockam_fsm.runtime.session.request import Outgoing
from ockam_fsm.runtime.session.session import MAX_NUMBER_JUMP, Snapshot
from ockam_fsm.runtime.session.signals import (
    Answer,
    Close,
    Confirmation,
    Data,
    Error,
    GoingAway,
    Hello,
    Keepalive,
    KeepaliveAnswer,
    Signal,
    Superseded,
)
from ockam_fsm.safety.links import closes, is_own, largest, reaches

OPEN, SEND, REQUEST, RENEGOTIATE, CLOSE, STOP = "open", "send", "request", "renegotiate", "close", "stop"
WITHDRAW = "withdraw"
"""The orders of a session's owner."""

NEGOTIATIONS = (State.NEGOTIATING, State.RENEGOTIATING)
TALK = (Data, Keepalive, KeepaliveAnswer)
ON_MESSAGING_ROUTE = (*TALK, Confirmation, Close, GoingAway, Error)
"""The signals that are sent on a messaging route."""

NONE: Sequence[Any] = ()
"""The shared empty sequence: most steps have no commands of most kinds."""


@dataclass(eq=False)
class SessionStep:
    """One step of one session. (Not frozen: the simulator makes one for each input, and a frozen one takes twice as
    long. Not slotted: `cached_property` needs a dictionary.)"""

    settings: SessionConfig
    outer: Address
    contact: Address | None
    """The address at which the session receives hellos, if any."""
    before: Snapshot | None
    """None: the session did not exist."""
    after: Snapshot | None
    """None: its host has dropped it."""
    commands: Sequence[object]
    decode: Callable[[Message], Signal | None]
    """The signal of a message that this session sends; None if it has none."""
    received: Message | None = None
    """The message that was delivered in this step, to this or another session of its end."""
    reached: bool = False
    """The message was delivered to this session."""
    signal: Signal | None = None
    """The signal of the message, if it is for this session and acceptable."""
    address: Address | None = None
    """The address at which the message arrived, if it is for this session and acceptable."""
    timer: AnyTimer | None = None
    """The timer that expired."""
    order: str | None = None
    refused: bool = False
    """The order was refused."""
    withdrawn: Outgoing | None = None
    """The message that the order withdraws."""
    accepts: frozenset[Hashable] = frozenset()
    """The identifiers that the order's request may have."""
    running: frozenset[AnyTimer] = frozenset()
    """The timers of this session that run after the step."""
    remembered: int = 0
    """The number that durable storage keeps for a session that does not exist."""
    rested: bool = True
    """A back-off had expired since the last attempt."""

    was: State = field(init=False)
    came_to: State = field(init=False)
    """CLOSED for a session that its host has dropped, unless it was never used."""
    ends: bool = field(init=False)
    """The session closed in this step."""
    starts: bool = field(init=False)
    """This end started a negotiation."""
    confirms: bool = field(init=False)
    """A signal of the peer arrived in the attempt that this end has answered, and confirms the answer."""
    adopts: bool = field(init=False)
    """A generation became the current one."""
    hears: bool = field(init=False)
    """Talk of the peer arrived in the generation that is established before and after."""
    notices: list[Any] = field(init=False)
    """The notices to the owner, in order."""

    def __post_init__(self) -> None:
        before, after = self.before, self.after
        self._by_kind: dict[type, list[Any]] = {}
        for command in self.commands:
            self._by_kind.setdefault(type(command), []).append(command)
        self.notices = [notify.notice for notify in self.did(commands.Notify)]
        self.was = State.IDLE if before is None else before.state
        unused = self.was is State.IDLE and not self.ends_by_order
        self.came_to = after.state if after is not None else State.IDLE if unused else State.CLOSED
        self.ends = self.came_to is State.CLOSED is not self.was
        was, attempt = before.attempt if before is not None else None, after.attempt if after is not None else None
        self.starts = attempt is not None and is_own(attempt) and attempt != was
        self.confirms = self.arrived_at(was) and not is_own(was) and isinstance(self.signal, ON_MESSAGING_ROUTE)
        self.adopts = self.confirms or self._has_new_generation()
        self.hears = self._hears()

    def _has_new_generation(self) -> bool:
        current = self.after.current if self.after is not None else None
        known = self.before.current if self.before is not None else None
        return current is not known and current is not None and (
            known is None or known.generation != current.generation
        )  # fmt: skip

    def _hears(self) -> bool:
        if self.before is None or not isinstance(self.signal, TALK) or self.adopts or self.did(commands.DeadLetter):
            return False
        return self.was is self.came_to is State.ESTABLISHED and self.arrived_at(self.before.current)

    @property
    def ends_by_order(self) -> bool:
        return self.order in (CLOSE, STOP)

    def did(self, kind: type[object]) -> Sequence[Any]:
        """The commands of a kind, in order."""
        return self._by_kind.get(kind, NONE)

    def noticed(self, *kinds: type[object]) -> Sequence[Any]:
        """The notices of these kinds to the owner, in order."""
        return [notice for notice in self.notices if isinstance(notice, kinds)] if self.notices else NONE

    @cached_property
    def sent(self) -> list[tuple[Signal | None, Message]]:
        """Every message that was sent, with its signal."""
        return [(self.decode(send.message), send.message) for send in self.did(commands.Send)]

    @cached_property
    def sent_data(self) -> list[bytes]:
        """The payloads of the data that was sent, in order."""
        return [signal.payload for signal, _ in self.sent if isinstance(signal, Data)]

    def arrived_at(self, link: Link | None) -> bool:
        return link is not None and self.address is not None and reaches(link, self.address)

    def is_sent_in(self, link: Link) -> bool:
        """Whether the data that arrived was sent in this generation, as far as is known."""
        return True

    def follows(self, route: Route, link: Link) -> bool:
        """Whether a message with this onward route is sent along the messaging route of a generation."""
        return bool(link.route) and link.route == route[: len(link.route)]

    def can_send(self, kind: type[Signal]) -> bool:
        """Whether the profile has signals of this kind."""
        return self.settings.profile.keeps_alive or kind in (Hello, Answer)

    def return_route(self, address: Address | None, message: Message) -> Route:
        """The return route of a message that this end sends from one of its addresses."""
        return () if address is None else (address,)

    @property
    def seen(self) -> tuple[int, Role]:
        """The largest generation that the session knew, or that durable storage has of it."""
        if self.before is not None:
            return self.before.seen[0], Role(self.before.seen[1])
        return self.remembered, Role.INITIATOR if self.remembered else Role.RESPONDER

    @property
    def largest(self) -> tuple[int, int]:
        return largest(self.before) if self.before is not None else self.seen

    @property
    def is_closed_by_peer(self) -> bool:
        """A close of the peer reached the current generation, the attempt that this end has answered, or, without a
        messaging route, the session's contact address."""
        close, before = self.signal, self.before
        if not isinstance(close, Close) or before is None:
            return False
        if self.address is not None and self.address == self.contact:
            return closes(close, before)
        return self.confirms or (self.was is State.ESTABLISHED and self.arrived_at(before.current))


def is_acceptable(
    message: Message, signal: Signal | None, image: Snapshot | None, known: int, contact: Address | None,
    settings: SessionConfig,
) -> bool:  # fmt: skip
    """Whether an end may act on a handshake message: it can be answered (clause 5.1), its number does not jump, a hello
    is at a contact address (4.2) and gives an end that renegotiates a route to its peer (5.3)."""
    match signal:
        case Hello(generation=generation):
            worker, number = generation.address, generation.number
            way = (image is not None and bool(image.initialization_route)) or bool(signal.initialization_route)
            asks = settings.session_type.renegotiated_by(settings.role)
            if message.onward_route[0] != contact or (asks and not way):
                return False
        case Answer(worker=worker):
            number = known
        case Superseded(number=number):
            return number - known <= MAX_NUMBER_JUMP
        case _:
            return True
    return bool(message.return_route) and worker.type == LOCAL and number - known <= MAX_NUMBER_JUMP


def unchanged(step: SessionStep) -> bool:
    """Whether a step changed nothing and gave no command."""
    return step.before == step.after and not step.commands
